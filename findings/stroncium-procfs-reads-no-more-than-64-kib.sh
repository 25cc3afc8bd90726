#!/usr/bin/env bash
# @stroncium/procfs 1.2.1 (Node.js) reads the first 65,536 bytes of a file of procfs, and tells of nothing behind them.
#
# Expected: the "statuses of IPv4 TCP sockets present within the system" (API.md), all of them.
# Seen: of 1,000 sockets, 150,150 bytes of net/tcp, the list has 435, and there is no error. The read buffer doubles until it has
# 65,536 bytes; then a read into no room, which gives 0 bytes, is taken for the end of the file. The same reader is behind
# `processNetTcp6`, `processNetUnix`, `processMountinfo`, `processEnviron` and the others: of an environment whose first variable has
# 100,000 bytes nothing is told. Up to 400 sockets all is there.
#
# A program that counts connections with it never sees more than 435 on a host, whatever the load.
#
# Usage: findings/stroncium-procfs-reads-no-more-than-64-kib.sh
# Needs Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @stroncium/procfs@1.2.1

cat >count.js <<'JAVASCRIPT'
const assert = require('assert');
const { spawn } = require('child_process');
const fs = require('fs');
const { Procfs, procfs } = require('@stroncium/procfs');

// A tree that looks like /proc, with a table of so many sockets as the kernel writes it: 150 bytes a line.
fs.mkdirSync('proc/1/net', { recursive: true });
const tree = new Procfs(`${process.cwd()}/proc`);
for (const [sockets, seen] of [[100, 100], [400, 400], [1000, 435], [5000, 435]]) {
    const line = (slot) => `${`${slot}`.padStart(4)}: 0100007F:1F90 0100007F:A000 01 00000000:00000000 00:00000000 00000000  1000        0 ${4000 + slot}`.padEnd(149);
    const table = ['  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'.padEnd(149)];
    for (let slot = 0; slot < sockets; slot += 1) table.push(line(slot));
    fs.writeFileSync('proc/1/net/tcp', `${table.join('\n')}\n`);
    const told = tree.processNetTcp4(1).length;
    console.log(`${sockets} sockets, ${fs.statSync('proc/1/net/tcp').size} bytes: procfs tells of ${told}`);
    assert.strictEqual(told, seen);
}

// The same with the kernel's own file: the environment of a process.
const child = spawn('sleep', ['60'], { env: { A: 'x'.repeat(99997), B: 'y' } });
child.on('spawn', () => {
    const whole = fs.readFileSync(`/proc/${child.pid}/environ`).length;
    const told = procfs.processEnviron(child.pid);
    console.log(`an environment of ${whole} bytes: procfs tells of ${told.length} variables`);
    child.kill();
    assert.deepStrictEqual([whole, told.length], [100004, 0]);
});
JAVASCRIPT
timeout 60 node count.js
echo "as described"
