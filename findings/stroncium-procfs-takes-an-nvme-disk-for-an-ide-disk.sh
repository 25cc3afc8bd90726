#!/usr/bin/env bash
# @stroncium/procfs 1.2.1 (Node.js) keeps eight bits of a device's major number: an NVMe partition becomes the first IDE disk.
#
# Expected: the "value of st_dev for files on this filesystem", and the "major part of devId" (API.md). The major number of NVMe disks and
# of other extended block devices is 259 (Documentation/admin-guide/devices.txt), and st_dev keeps it whole (makedev(3)).
# Seen: of 259:0 `devIdFromMajorMinor` makes 768, which is 3:0, the first IDE disk; `devIdGetMajor` of the right id, 66304, is 3. Lines of
# diskstats and of mountinfo get the wrong id: 259:1 has that of 3:1. From major 256 on nothing is right; 8:17 (a SCSI disk) is.
#
# A program that looks up by `fs.stat(path).dev` which disk a file lies on finds none on a host with NVMe.
#
# Usage: findings/stroncium-procfs-takes-an-nvme-disk-for-an-ide-disk.sh
# Needs Node.js 20, npm with its registry, and python3. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @stroncium/procfs@1.2.1

cat >devices.js <<'JAVASCRIPT'
const assert = require('assert');
const { execFileSync } = require('child_process');
const fs = require('fs');
const { Procfs, procfs } = require('@stroncium/procfs');

const by_libc = (major, minor) => Number(execFileSync('python3', ['-c', `import os; print(os.makedev(${major}, ${minor}))`]));
for (const [major, minor, id, back] of [[8, 17, 2065, 8], [3, 0, 768, 3], [259, 0, 768, 3], [259, 1, 769, 3]]) {
    const right = by_libc(major, minor);
    const made = procfs.devIdFromMajorMinor(major, minor);
    const taken = procfs.devIdGetMajor(right);
    console.log(`${major}:${minor} is ${right} by libc, ${made} by procfs; the major of ${right} is ${taken} by procfs`);
    assert.deepStrictEqual([made, taken], [id, back]);
    assert.strictEqual(made === right, major < 256);
}

// A tree that looks like /proc on a host with two disks.
fs.mkdirSync('proc');
fs.writeFileSync('proc/diskstats', [' 259       0 nvme0n1', '   3       0 hda'].map((disk) => `${disk} ${'1 '.repeat(17)}\n`).join(''));
const disks = new Procfs(`${process.cwd()}/proc`).diskstats();
console.log(disks.map((disk) => `${disk.name} has device id ${disk.devId}`).join(', '));
assert.deepStrictEqual(disks.map((disk) => [disk.name, disk.devId]), [['nvme0n1', 768], ['hda', 768]]);
JAVASCRIPT
node devices.js
echo "as described"
