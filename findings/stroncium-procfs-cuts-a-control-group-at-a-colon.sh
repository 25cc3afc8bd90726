#!/usr/bin/env bash
# @stroncium/procfs 1.2.1 (Node.js) cuts the path of a control group at its first colon, and a mask at its first comma.
#
# Expected: a line of /proc/PID/cgroup is `hierarchy-ID:controller-list:cgroup-path` (cgroups(7)); what is behind the second colon is the
# path, and a path may have colons: containerd writes `...slice:cri-containerd:ID`. Cpus_allowed and Mems_allowed of
# /proc/PID/status are masks in groups of 32 bits with commas between them (cpuset(7), "Mask format").
# Seen: `processCgroups` gives `/kubelet.slice/pod7.slice` for `/kubelet.slice/pod7.slice:cri-containerd:4f2a`. `processStatus` gives
# 0 as `memoriesAllowedMask` for `00000000,00000003`, and 255 as `cpusAllowedMask` for `ff,ffffffff`, which are 40 CPUs. `signalMask` of a
# signalfd's fdinfo is its last hexadecimal digit: 2 for `0000000000004002`, SIGINT without SIGTERM.
#
# All containers of a pod look like one, and a host with more than 32 CPUs or memory nodes looks like one with few or none.
#
# Usage: findings/stroncium-procfs-cuts-a-control-group-at-a-colon.sh
# Needs Node.js 20, npm with its registry, and python3. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${holder:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @stroncium/procfs@1.2.1

# A process that holds a signalfd for SIGINT (2) and SIGTERM (15), by the call of the kernel.
cat >holder.py <<'PYTHON'
import ctypes
import sys

mask = ctypes.c_uint64(1 << 1 | 1 << 14)
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.syscall(ctypes.c_long(289), ctypes.c_int(-1), ctypes.byref(mask), ctypes.c_size_t(8), ctypes.c_int(0))
assert fd > 0, ctypes.get_errno()
print(fd, flush=True)
sys.stdin.read()
PYTHON
mkfifo open
python3 holder.py <open >fd &
holder=$!
exec 9>open
until [[ -s fd ]]; do sleep 0.05; done

cat >parts.js <<'JAVASCRIPT'
const assert = require('assert');
const fs = require('fs');
const { Procfs, procfs } = require('@stroncium/procfs');

const [pid, fd] = process.argv.slice(2).map(Number);
const text = fs.readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
const told = procfs.processFdinfo(fd, pid);
console.log(`signalfd: the kernel says ${/sigmask:\s*(\w+)/.exec(text)[1]}, procfs ${told.signalMask.toString(16)}`);
assert.match(text, /sigmask:\s*0000000000004002/);
assert.strictEqual(told.signalMask, 2);

// A tree that looks like /proc on a node of Kubernetes with 40 CPUs.
fs.mkdirSync('proc/7', { recursive: true });
fs.writeFileSync('proc/7/cgroup', '0::/kubelet.slice/pod7.slice:cri-containerd:4f2a\n');
fs.writeFileSync('proc/7/status', 'Name:\tapp\nCpus_allowed:\tff,ffffffff\nMems_allowed:\t00000000,00000003\n');
const tree = new Procfs(`${process.cwd()}/proc`);
const [group] = tree.processCgroups(7);
const status = tree.processStatus(7);
console.log(`control group: ${group.path}`);
console.log(`CPUs of ff,ffffffff: ${status.cpusAllowedMask}; memory nodes of 00000000,00000003: ${status.memoriesAllowedMask}`);
assert.strictEqual(group.path, '/kubelet.slice/pod7.slice');
assert.deepStrictEqual([status.cpusAllowedMask, status.memoriesAllowedMask], [255, 0]);
JAVASCRIPT
node parts.js "$holder" "$(cat fd)"
exec 9>&-
echo "as described"
