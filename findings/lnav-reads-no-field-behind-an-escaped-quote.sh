#!/usr/bin/env bash
# lnav 0.11.1 (Debian package 0.11.1-3) loses fields of valid lines of the combined log format, and counts the lines all the same.
#
# Expected: a quote inside a field is written `\"`, as Apache's httpd writes it (mod_log_config, "Security Considerations" and
# the escapes of %r, %i and %o); a method may have a hyphen, as VERSION-CONTROL (RFC 3253) in the registry of methods has.
# Seen: a User-Agent with an escaped quote ends before it; where Referer has one, lnav reads neither of the two. Of a line
# whose method has a hyphen it reads nothing: address, status and bytes are null as well. All of them stay lines of
# access_log, so counts are right, and sums, groups and filters miss them. goaccess 1.7 reads all four lines. nginx's way to
# write a quote, `\x22`, has no such trouble.
#
# Usage: findings/lnav-reads-no-field-behind-an-escaped-quote.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, and the libraries that lnav and goaccess need
# (apt-get install lnav goaccess). Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet lnav=0.11.1-3 goaccess=1:1.7-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export HOME=$work

cat >access.log <<'LOG'
127.0.0.1 - - [29/Nov/2026:02:00:00 +0000] "GET /usual HTTP/1.1" 200 5 "-" "curl/8.0"
127.0.0.1 - - [29/Nov/2026:02:00:01 +0000] "GET /quote HTTP/1.1" 200 5 "http://localhost/" "a \"quoted\" agent"
127.0.0.1 - - [29/Nov/2026:02:00:01 +0000] "GET /quote HTTP/1.1" 200 5 "http://localhost/?\"q\"" "curl/8.0"
127.0.0.1 - - [29/Nov/2026:02:00:02 +0000] "VERSION-CONTROL /hyphen HTTP/1.1" 200 5 "-" "curl/8.0"
LOG
timeout 20 package/usr/bin/lnav -n \
    -c ';select log_line, c_ip, cs_method, sc_status, cs_referer, cs_user_agent from access_log' \
    -c ':write-csv-to -' access.log >read.csv
cat read.csv
expected='log_line,c_ip,cs_method,sc_status,cs_referer,cs_user_agent
0,127.0.0.1,GET,200,-,curl/8.0
1,127.0.0.1,GET,200,http://localhost/,a \
2,127.0.0.1,GET,200,<NULL>,<NULL>
3,<NULL>,<NULL>,<NULL>,<NULL>,<NULL>'
[[ $(grep -E '^(log_line|[0-9]),' read.csv) == "$expected" ]]

package/usr/bin/goaccess access.log --log-format=COMBINED --no-global-config -o read.json >/dev/null 2>&1
python3 -c '
import json
general = json.load(open("read.json"))["general"]
print("goaccess:", general["valid_requests"], "lines read,", general["failed_requests"], "not")
assert (general["valid_requests"], general["failed_requests"]) == (4, 0)'
echo "as described"
