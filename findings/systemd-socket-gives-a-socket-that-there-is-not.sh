#!/usr/bin/env bash
# systemd-socket 0.0.0 (Node.js) gives a second socket where systemd passed one, and gives one that was passed to another process.
#
# Expected: its README: it "will return `null` if there is no socket to listen to", and to have several one counts an index up "until
# `systemSocket(index)` returns `null`". The sockets are those of the process that LISTEN_PID names (sd_listen_fds(3)).
# Seen: with LISTEN_FDS=1, index 0 is descriptor 3, and index 1 is descriptor 4, index 9 descriptor 12: an index that is given is not compared
# with the number of sockets. With a LISTEN_PID of another process there is descriptor 3 all the same. Calls without an index say
# null behind the last socket, and without LISTEN_FDS all say null.
#
# A server with `systemdSocket(1) || 8081` for its second door does not open that port where only one socket is set up: `listen` fails.
#
# Usage: findings/systemd-socket-gives-a-socket-that-there-is-not.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund systemd-socket@0.0.0

cat >sockets.js <<'JAVASCRIPT'
const assert = require('assert');
const systemdSocket = require('systemd-socket');

const say = (what, sockets) => console.log(`${what}: ${JSON.stringify(sockets)}`);
const counted = [0, 1, 9].map((index) => systemdSocket(index));
say('nothing passed', counted);
assert.deepStrictEqual(counted, [null, null, null]);

process.env.LISTEN_FDS = '1';
process.env.LISTEN_PID = `${process.pid}`;
const indices = [0, 1, 9].map((index) => systemdSocket(index));
say('one passed, by the indices 0, 1 and 9', indices);
assert.deepStrictEqual(indices, [{ fd: 3 }, { fd: 4 }, { fd: 12 }]);
process.env.LISTEN_PID = `${process.ppid}`;
const other = systemdSocket(0);
say('one passed to another process', other);
assert.deepStrictEqual(other, { fd: 3 });

process.env.LISTEN_PID = `${process.pid}`;
const calls = [systemdSocket(), systemdSocket()];
say('one passed, by calls', calls);
assert.deepStrictEqual(calls, [{ fd: 3 }, null]);
JAVASCRIPT
env -u LISTEN_FDS -u LISTEN_PID node sockets.js
echo "as described"
