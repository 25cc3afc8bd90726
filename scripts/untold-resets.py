#!/usr/bin/env python3
"""Clients that send and are reset in the same breath: whether any of them keeps its place.

The kernel may give the bytes of such a client to an armed receive and never tell it of the reset. This
starts a release server of its own for each kind, sends COUNT such clients, waits a moment and asks the
server what is still there. Exit code 0: nothing.

Usage: scripts/untold-resets.py [COUNT [KIND...]]     (default 3000, all)
Kinds: running, waiting, half-head, half-body, and h2-running, h2-waiting for streams of HTTP/2; each also as unix-KIND, where clients close instead.
"""
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

PROGRAM = os.environ.get("RINGGATE", "target/release/ringgate")
THREADS = 8
HEAD = b"Host: localhost\r\n\r\n"
SLOW = b"GET /sleep?ms=60000 HTTP/1.1\r\n" + HEAD
WAITING = ["--max-threads", "1", "--max-accepts", "unbounded", "--half-close", "serve"]


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    return b"\0" + b"".join(struct.pack("B", len(text)) + text for text in (name, value))


# Answered before the request is sent, so that the receive that gets that is armed for more.
H2_BEGIN = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(4, 1, 0, b"")
H2_SLOW = frame(1, 5, 1, literal(b":method", b"GET") + literal(b":scheme", b"http")
                + literal(b":path", b"/sleep?ms=60000") + literal(b":authority", b"localhost"))
KINDS = {
    "running": ([], b"", SLOW),
    "waiting": (WAITING, b"", SLOW),
    "half-head": (["--head-timeout", "10m"], b"", b"GET /plaintext HTTP/1.1\r\nHost: loc"),
    "half-body": (["--body-timeout", "10m"], b"", b"POST /echo HTTP/1.1\r\nContent-Length: 9\r\n" + HEAD + b"four"),
    "h2-running": ([], H2_BEGIN, H2_SLOW),
    "h2-waiting": (WAITING, H2_BEGIN, H2_SLOW),
}


def start(flags, folder):
    log = open(f"{folder}/log", "w+")
    server = subprocess.Popen(
        [PROGRAM, "--listen", "127.0.0.1:0", "--listen", f"unix:{folder}/socket", "--control", f"{folder}/control", *flags],
        stderr=log, stdin=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        text = open(f"{folder}/log").read()
        if "http://127.0.0.1:" in text:
            return server, int(text.split("http://127.0.0.1:")[1].split()[0].rstrip("/,").split("/")[0])
        time.sleep(0.02)
    server.kill()
    raise SystemExit(f"the server did not say where it listens:\n{text}")


def status(folder):
    text = subprocess.run([PROGRAM, "ctl", "--control", f"{folder}/control", "status", "--json"],
                          capture_output=True, text=True, check=True).stdout
    return json.loads(text)


def send_and_reset(address, first, sent, count):
    reset = struct.pack("ii", 1, 0)
    for _ in range(count):
        client = connect(address)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        if first:
            client.send(first)
            client.recv(4096)
        client.send(sent)
        client.close()


def connect(address):
    client = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    client.connect(address)
    return client


def run(kind, count):
    flags, first, sent = KINDS[kind.removeprefix("unix-")]
    with tempfile.TemporaryDirectory() as folder:
        server, port = start(flags, folder)
        address = f"{folder}/socket" if kind.startswith("unix-") else ("127.0.0.1", port)
        try:
            holder = None
            if kind.endswith("waiting"):
                holder = connect(address)
                holder.send(SLOW.replace(b"60000", b"3600000"))
            began = time.monotonic()
            with ThreadPoolExecutor(THREADS) as pool:
                sending = [pool.submit(send_and_reset, address, first, sent, count // THREADS)
                           for _ in range(THREADS)]
            for each in sending:
                each.result()
            took = time.monotonic() - began
            expected = 0 if holder is None else 1
            deadline = time.monotonic() + 5
            while True:
                found = status(folder)
                left = found["totals"]["connections"]["open"] - expected
                if left == 0 or time.monotonic() > deadline:
                    break
                time.sleep(0.2)
            requests = found["totals"]["requests"]
            print(f"{kind}: {left} of {count // THREADS * THREADS} keep their place "
                  f"({requests['running']} requests run, {requests['pending']} wait; {took:.0f} s)", flush=True)
            return left
        finally:
            server.terminate()
            server.wait(20)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    kinds = sys.argv[2:] or [prefix + kind for prefix in ("", "unix-") for kind in KINDS]
    sys.exit(1 if sum(run(kind, count) for kind in kinds) else 0)


main()
