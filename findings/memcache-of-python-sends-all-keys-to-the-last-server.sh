#!/usr/bin/env bash
# memcache 0.14.0 (Python) sends all keys to the last of several servers, writes nothing behind the length of an empty value, and has no connection
# left behind 23 errors.
#
# Expected: a list of addresses is a ring of servers, over which the keys are divided (its use of hashring). The command `ms <key> <datalen>
# <flags>*\r\n` is followed by the data block and `\r\n`, also if datalen is 0 (protocol.txt of memcached, Meta Set).
# Seen: of three servers only the last one is ever connected to, for whichever key: the function that makes a connection reads the address when it is
# called, and not when it is made. Behind the head of an empty value the two bytes of the line end are missing, so that the server takes the next
# command for a part of the value. A connection on which a command failed, as `incr` of a key that is not there does, is not given back: the 24th call
# waits a second and fails with queue.Empty, and so do all later ones.
#
# Usage: findings/memcache-of-python-sends-all-keys-to-the-last-server.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check memcache==0.14.0
python/bin/python - <<'PYTHON'
import queue
import socketserver
import threading

from memcache import Memcache, MemcacheError


class Server(socketserver.ThreadingTCPServer):
    """Answers what the meta commands of this script need; says how it was asked."""

    daemon_threads = True

    def __init__(self):
        self.asked = []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            words = line.split()
            self.server.asked.append(line)
            if words[0] == b"ms":
                # The block of an empty value is two bytes, which do not come: the answer is sent without them, to go on.
                if words[2] != b"0":
                    self.rfile.readline()
                self.wfile.write(b"HD\r\n")
            else:
                self.wfile.write(b"NF\r\n" if words[0] == b"ma" else b"EN\r\n")


servers = [Server() for _ in range(3)]
client = Memcache([server.server_address for server in servers])
for number in range(300):
    client.set(f"key {number}".replace(" ", "-"), "value")
counts = [len(server.asked) for server in servers]
print(f"300 keys on three servers: {counts}")
assert counts == [0, 0, 300]

alone = Server()
client = Memcache(alone.server_address)
client.set("empty", b"")
client.get("other")
print(f"an empty value, and a look: {alone.asked}")
assert [line.split()[0] for line in alone.asked] == [b"ms", b"mg"]

failures = []
for _ in range(25):
    try:
        client.incr("absent")
    except (MemcacheError, queue.Empty) as error:
        failures.append(type(error).__name__)
print(f"incr of an absent key: {failures.count('MemcacheError')} times MemcacheError, then {failures[-1]}")
assert failures == ["MemcacheError"] * 23 + ["Empty"] * 2
PYTHON
echo "as described"
