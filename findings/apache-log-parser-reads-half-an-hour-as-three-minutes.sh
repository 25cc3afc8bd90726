#!/usr/bin/env bash
# apache-log-parser 1.7.0 (Python) gets the time of lines wrong where the zone is not of whole hours, and the path of each request
# of HTTP/2.
#
# Expected: `%t` is "day/month/year:hour:minute:second zone" with the zone as hours and minutes (mod_log_config); `%r` is the
# method, the target and the version, which is HTTP/2.0 for HTTP/2 (httpd, nginx).
# Seen: 02:00 +0130 is 00:57 UTC, not 00:30, and 02:00 -0330 is 05:03, not 05:30: of the minutes of the zone the first digit is
# read. `GET /path HTTP/2.0` has the path `/path HTTP/2.0` and no version; `GET /path HTTP/1.1` is divided well. No error.
# apachelogs 0.6.1 reads the times well, and leaves the line of the request whole.
#
# India, Iran and a part of Australia have such zones: what happened there is put 27 minutes off beside the rest.
#
# Usage: findings/apache-log-parser-reads-half-an-hour-as-three-minutes.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check apache-log-parser==1.7.0 apachelogs==0.6.1 setuptools==80.9.0
python/bin/python -W ignore - <<'PYTHON'
from datetime import timezone

import apache_log_parser
import apachelogs

FORMAT = '%h %l %u %t "%r" %>s %b'
one, other = apache_log_parser.make_parser(FORMAT), apachelogs.LogParser(FORMAT)
for zone, read, right in [
    ("+0000", "02:00", "02:00"),
    ("+0200", "00:00", "00:00"),
    ("+0130", "00:57", "00:30"),
    ("+0530", "20:57", "20:30"),
    ("-0330", "05:03", "05:30"),
]:
    line = f'127.0.0.1 - - [29/Nov/2026:02:00:00 {zone}] "GET /path HTTP/1.1" 200 5'
    by_one = one(line)["time_received_utc_datetimeobj"].strftime("%H:%M")
    by_other = other.parse(line).request_time.astimezone(timezone.utc).strftime("%H:%M")
    print(f"02:00 {zone}: {by_one} UTC, apachelogs {by_other}")
    assert (by_one, by_other) == (read, right)
for version, path, said in [("1.1", "/path", "1.1"), ("2.0", "/path HTTP/2.0", None)]:
    read = one(f'127.0.0.1 - - [29/Nov/2026:02:00:00 +0000] "GET /path HTTP/{version}" 200 5')
    print(f"HTTP/{version}: path {read['request_url']!r}, version {read['request_http_ver']}")
    assert (read["request_url"], read["request_http_ver"]) == (path, said)
PYTHON
echo "as described"
