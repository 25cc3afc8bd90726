#!/usr/bin/env bash
# sd-notify 0.5.0 takes an abstract socket in NOTIFY_SOCKET for the name of a file, and the service is never ready.
#
# Expected: a first byte `@` stands for the null byte of an abstract Unix socket (sd_notify(3), "NOTIFY_SOCKET"), as for
# systemd-notify and libsystemd.
# Seen: `notify` connects to a file of that name in the working directory, and answers ENOENT. Nothing reaches the supervisor.
# Many programs drop the result of `notify`, since a missing supervisor is no error either.
#
# Supervisors other than systemd's own manager use such sockets, because they need no directory that both sides see: the
# service is ended at its start timeout, though it serves.
#
# Usage: findings/sd-notify-takes-an-abstract-socket-for-a-file.sh
# Needs cargo, the crates registry and python3. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${supervisor:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/src"

cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "ready"
version = "0.0.0"
edition = "2024"

[dependencies]
sd-notify = "=0.5.0"
TOML

cat >"$work/src/main.rs" <<'RUST'
fn main() {
    match sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        Ok(()) => println!("told"),
        Err(error) => println!("not told: {error}"),
    }
}
RUST
cargo build --quiet --manifest-path "$work/Cargo.toml"

# A supervisor with a socket of each kind. It runs the service with each, and says what it heard.
cat >"$work/supervisor.py" <<'PYTHON'
import os
import socket
import subprocess
import sys

directory, service = sys.argv[1:]
heard = {}
for kind, address in (("file", f"{directory}/notify"), ("abstract", f"\0finding-{os.getpid()}")):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(address)
    listener.settimeout(1)
    named = address.replace("\0", "@")
    said = subprocess.run([service], env={"NOTIFY_SOCKET": named}, cwd=directory, capture_output=True, text=True).stdout.strip()
    try:
        heard[kind] = listener.recv(100).decode().strip()
    except TimeoutError:
        heard[kind] = "nothing"
    print(f"{kind}: the service says '{said}', the supervisor heard '{heard[kind]}'")
    # The supervisor's own way to the same socket.
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.sendto(b"READY=1", address)
    assert listener.recv(100) == b"READY=1"
assert heard == {"file": "READY=1", "abstract": "nothing"}, heard
PYTHON
python3 "$work/supervisor.py" "$work" "$work/target/debug/ready"
echo "as described"
