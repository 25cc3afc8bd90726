#!/usr/bin/env bash
# pino-syslog 4.0.0 (Node.js) writes messages of more than the 1024 bytes of RFC 3164, of which its README says that it keeps to them.
#
# Expected: its README: "the maximum number of bytes that a syslog message may be is `1024`"; what is longer is replaced by "message exceeded
# syslog 1024 byte limit", or is cut "to fit within the 1024 byte limit" with `messageOnly`. The total length of a packet "MUST be 1024 bytes or
# less" (RFC 3164 section 4.1).
# Seen: of a text of 600 letters `é` the message has 1314 bytes, and 1237 with `messageOnly`: letters are counted, not bytes. With `cee` messages of
# ASCII have up to 1036 bytes, for the six bytes of `@cee: ` are taken off the header's length in place of being added to it. Without it, and
# with `messageOnly`, a text of ASCII makes 1024 at the most.
#
# A relay that cuts at 1024 bytes leaves JSON without its end, and half a letter.
#
# Usage: findings/pino-syslog-writes-more-than-the-1024-bytes-that-it-knows-of.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund pino-syslog@4.0.0

cat >lines.js <<'JAVASCRIPT'
const line = (msg) => JSON.stringify({ level: 30, time: 1700000000000, pid: 1234, hostname: 'host', msg, v: 1 });
const texts = { accents: ['é'.repeat(600)], ascii: Array.from({ length: 300 }, (_, more) => 'e'.repeat(800 + more)) };
for (const msg of texts[process.argv[2]]) console.log(line(msg));
JAVASCRIPT

# The bytes of the longest message that it makes of these texts with these options.
longest() {
    node lines.js "$1" | node_modules/.bin/pino-syslog --no-modern --appname app --newline "${@:2}" |
        LC_ALL=C awk '{ if (length > most) most = length } END { print most }'
}
for expected in "1024 ascii" "1024 ascii --messageOnly" "1036 ascii --cee" "1314 accents" "1237 accents --messageOnly"; do
    read -r seen text option <<<"$expected"
    said=$(longest "$text" ${option:+"$option"})
    echo "$text ${option:-alone}: $said bytes"
    [ "$said" = "$seen" ]
done
echo "as described"
