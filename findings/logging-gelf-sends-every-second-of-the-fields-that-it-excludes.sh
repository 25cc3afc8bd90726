#!/usr/bin/env bash
# logging-gelf 0.0.32 (Python) sends every second one of the fields that match a pattern of those to exclude, and formats each message a second time.
#
# Expected: `exclude_patterns`, expressions of the fields that are not to be sent. A message that is logged without arguments is not formatted at all,
# and otherwise once (logging, documentation of LogRecord.getMessage).
# Seen: of `internal_a`, `internal_b` and `internal_c`, all of which the pattern `internal_.*` matches, `internal_b` is sent: a key is taken out of
# the list that is being gone through, and the next one is passed over. `50%% done` arrives as `50% done`.
#
# Usage: findings/logging-gelf-sends-every-second-of-the-fields-that-it-excludes.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check logging-gelf==0.0.32 marshmallow==3.26.1
python/bin/python - <<'PYTHON'
import io
import json
import logging

from logging_gelf.formatters import GELFFormatter
from logging_gelf.schemas import GelfSchema
from marshmallow import fields


class Schema(GelfSchema):
    internal_a = fields.String()
    internal_b = fields.String()
    internal_c = fields.String()
    request = fields.String()


def sent(message, *arguments, patterns=("internal_.*",)):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(GELFFormatter(schema=Schema, exclude_patterns=list(patterns)))
    logger = logging.Logger("service")
    logger.addHandler(handler)
    logger.info(message, *arguments, extra={"internal_a": "1", "internal_b": "2", "internal_c": "3", "request": "4"})
    return json.loads(stream.getvalue())


def additional(message):
    return {key: value for key, value in message.items() if key.startswith("_")}


all_fields, filtered = additional(sent("message", patterns=())), additional(sent("message"))
print(f"without a pattern: {all_fields}; with one for internal_.*: {filtered}")
assert sorted(all_fields) == ["_internal_a", "_internal_b", "_internal_c", "_request"]
assert filtered == {"_internal_b": "2", "_request": "4"}

for message, arguments, right, seen in [
    ("50%% done", (), "50%% done", "50% done"),
    ("%s", ("50%% done",), "50%% done", "50% done"),
]:
    assert logging.LogRecord("", 20, "", 1, message, arguments, None).getMessage() == right
    said = sent(message, *arguments)["short_message"]
    print(f"{message!r} with {arguments}: {said!r}")
    assert said == seen
PYTHON
echo "as described"
