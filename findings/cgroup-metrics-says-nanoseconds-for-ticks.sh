#!/usr/bin/env bash
# @adobe/cgroup-metrics 3.0.6 (Node.js) says nanoseconds for the ticks of `cpuacct.stat`, and a share of 0.000003 % for 30 %.
#
# Expected: its README: `user` and `system` are "CPU time (in nanoseconds)", and `calculateUsage` takes two of `cpuacct.usage` "or `cpuacct.stat`".
# The kernel writes them in units of USER_HZ, a hundredth of a second (Documentation/admin-guide/cgroup-v1/cpuacct.rst), and only
# `cpuacct.usage` in nanoseconds.
# Seen: of a group that ran for three seconds of ten in user mode and for two in the kernel, `usage` gives 50 %, which is right, `stat` 0.000003 %
# and 0.000002 %. The numbers of the file are handed out as they are, as `cpuNanosSinceContainerStart`.
#
# A chart of user and system time shows a line at zero below a container that is half busy.
#
# Usage: findings/cgroup-metrics-says-nanoseconds-for-ticks.sh
# Needs Node.js 20 and npm with its registry. The files of the groups are given by the script. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @adobe/cgroup-metrics@3.0.6

cat >shares.js <<'JAVASCRIPT'
const assert = require('assert');
const fs = require('fs');
const { mock } = require('node:test');
const { cpu } = require('@adobe/cgroup-metrics');

mock.timers.enable({ apis: ['Date'], now: 1000000 });
const read = fs.readFileSync;
/** Both files at a time: seconds in user mode and in the kernel. */
function measure(user, system) {
    const files = {
        '/sys/fs/cgroup/cpuacct/cpuacct.usage': `${(user + system) * 1e9}\n`,
        '/sys/fs/cgroup/cpuacct/cpuacct.stat': `user ${user * 100}\nsystem ${system * 100}\n`,
    };
    fs.readFileSync = (path, ...rest) => (path in files ? Buffer.from(files[path]) : read(path, ...rest));
    try {
        return { usage: cpu.usage(), ...cpu.stat() };
    } finally {
        fs.readFileSync = read;
    }
}
const before = measure(40, 20);
mock.timers.tick(10000);
const after = measure(43, 22);
const seen = {};
for (const name of ['usage', 'user', 'system']) {
    seen[name] = cpu.calculateUsage(before[name], after[name]).toFixed(6);
    console.log(`${name}: ${after[name].cpuNanosSinceContainerStart} "nanoseconds" since the start, ${seen[name]} % of ten seconds`);
}
assert.deepStrictEqual(seen, { usage: '50.000000', user: '0.000003', system: '0.000002' });
assert.strictEqual(after.user.cpuNanosSinceContainerStart, 4300);
JAVASCRIPT
node --no-warnings shares.js
echo "as described"
