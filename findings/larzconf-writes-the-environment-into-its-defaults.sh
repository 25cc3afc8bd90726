#!/usr/bin/env bash
# larzconf 0.1.0 (Python): what one configuration read from the environment stands in the defaults of the next one.
#
# Expected: "Loader methods return self so they chain; each layer deep-merges over the previous ones": layers of one `Config`, the dict of defaults
# that the program gave is its own.
# Seen: of the defaults {"db": {"host": "localhost"}} only the outer dict is copied; `APP_DB__HOST` of the environment is written into the inner one.
# A second `Config` from the same defaults, with other variables or none, has the host of the first; so has the program's own dict. A key that is not
# nested is right.
#
# Usage: findings/larzconf-writes-the-environment-into-its-defaults.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check larzconf==0.1.0
python/bin/python - <<'PYTHON'
import os

from larzconf import Config

defaults = {"port": 8000, "db": {"host": "localhost"}}
os.environ.update(APP_PORT="9000", APP_DB__HOST="db.example")
first = Config().from_dict(defaults).from_env(prefix="APP_")
del os.environ["APP_PORT"], os.environ["APP_DB__HOST"]
second = Config().from_dict(defaults).from_env(prefix="APP_")
said = [(config.int("port"), config.get("db.host")) for config in (first, second)]
print(f"with the variables {said[0]}, without them {said[1]}; the defaults: {defaults}")
assert said == [(9000, "db.example"), (8000, "db.example")] and defaults["db"]["host"] == "db.example"
PYTHON
echo "as described"
