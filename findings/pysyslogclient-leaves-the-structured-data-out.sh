#!/usr/bin/env bash
# pysyslogclient 0.1.1 (Python) writes messages of RFC 5424 without the field for structured data: the text stands in its place.
#
# Expected: `SYSLOG-MSG = HEADER SP STRUCTURED-DATA [SP MSG]`, where the structured data is a hyphen if there is none (RFC 5424
# section 6). The README says "RFC 3164/RFC 5424".
# Seen: behind the identifier of the message the text follows at once. syslog-rfc5424-parser 0.3.2 refuses such a message. A text
# that begins with a bracket is taken for data: of `[a] served` the text is `served`, and of `- served` too. Where it is sent by TCP a
# line end in the text divides it in two messages.
#
# A collector drops what such a client sends, or keeps it unparsed; nothing is said at the client.
#
# Usage: findings/pysyslogclient-leaves-the-structured-data-out.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check pysyslogclient==0.1.1 syslog-rfc5424-parser==0.3.2
python/bin/python -W ignore - <<'PYTHON'
import socket

from pysyslogclient import SyslogClientRFC5424
from syslog_rfc5424_parser import ParseError, SyslogMessage

collector = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
collector.bind(("127.0.0.1", 0))
collector.settimeout(5)
client = SyslogClientRFC5424("127.0.0.1", collector.getsockname()[1], proto="udp")


def read(line):
    try:
        return SyslogMessage.parse(line).msg
    except ParseError:
        return "refused"


for text, seen in [("served", "refused"), ("[a] served", "served"), ("- served", "served")]:
    client.log(text, hostname="host", program="app", pid=1)
    line = collector.recv(2000).decode().rstrip("\n")
    said = read(line)
    print(f"{line}: {said}")
    assert line.startswith("<14>1 ") and line.endswith(f" host app 1 - {text}"), line
    assert said == seen, said
    head = line.removesuffix(text)
    assert read(f"{head}- {text}") == text
PYTHON
echo "as described"
