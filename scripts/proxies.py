#!/usr/bin/env python3
"""The cases of proxies.sh: each proxy in front of servers of its own.

Usage: scripts/proxies.py RINGGATE FOLDER small|full [PROXY...]
The configurations are in proxy_configurations.py. What a case yields are lines; what it finds otherwise than it should
be is an AssertionError, which ends the run.
"""
import collections
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

import proxy_configurations

RINGGATE, FOLDER, SIZE = sys.argv[1:4]
ONLY = sys.argv[4:]
PATIENCE = 20
# The proxies' clients, so that they are not taken for the proxies, which are trusted.
CLIENT = "127.0.0.9"
POSTED = b"x" * 1000


def eventually(what, condition, patience=PATIENCE):
    until = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < until, f"never came true: {what}"
        time.sleep(0.02)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Server:
    """A server with a plain listener, one that expects PROXY headers, and one of TLS."""

    def __init__(self, name, *more):
        self.folder = f"{FOLDER}/{name}"
        os.makedirs(self.folder, exist_ok=True)
        # Some proxies become somebody else, and write here then.
        os.chmod(self.folder, 0o777)
        self.plain, self.proxied, self.tls = free_port(), free_port(), free_port()
        self.more = more
        self.start()

    def start(self):
        self.log = open(f"{self.folder}/log", "ab")
        self.process = subprocess.Popen(
            [RINGGATE, "--listen", f"127.0.0.1:{self.plain}", "--listen", f"127.0.0.1:{self.proxied}",
             "--listen", f"https://127.0.0.1:{self.tls}", "--certificate", f"{FOLDER}/certificate.pem",
             "--certificate-key", f"{FOLDER}/key.pem", "--proxy-protocol", f"127.0.0.1:{self.proxied}",
             "--trusted-proxies", "127.0.0.1", "--control", f"{self.folder}/control", "--cores", "2", "--demo", "on",
             *self.more], stdin=subprocess.DEVNULL, stderr=self.log)
        eventually("the server listens", lambda: listens(self.tls))

    def ctl(self, *words, check=True):
        done = subprocess.run([RINGGATE, "ctl", "--control", f"{self.folder}/control", *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=PATIENCE)
        assert not check or done.returncode == 0, f"ctl {words}: {done.stdout.decode()}"
        return done.stdout.decode()

    def stop(self):
        self.ctl("stop", check=False)
        self.process.kill()
        self.process.wait()
        self.log.close()


class Proxy:
    """A running proxy. Each entry of `backends` is a port to ask at, for a kind of connection to the server."""

    def __init__(self, name, server, described):
        self.name, self.server, self.described = name, server, described
        self.folder = server.folder
        self.ports = {kind: free_port() for kind in described.kinds}
        described.write(self)
        self.log = open(f"{self.folder}/{name}.log", "ab")
        self.processes = [
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=self.folder)
            for command in described.commands(self)
        ]
        for kind, port in self.ports.items():
            eventually(f"{name} serves {kind}: see {self.folder}/{name}.log",
                       lambda: ask(port, "/plaintext")[0] == 200)

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.log.close()


class Seen(collections.Counter):
    """What clients saw, and how often."""

    def __str__(self):
        shown = (f"{what} x {count}" for what, count in sorted(self.items(), key=str))
        return ", ".join(shown) or "nothing"


def client_at(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE, source_address=(CLIENT, 0))


def ask(port, path, method="GET", body=None, fields=None, connection=None):
    """Status, fields and body of an answer; the name of the error where there is none."""
    own = connection is None
    if own:
        connection = client_at(port)
    try:
        connection.request(method, path, body, fields or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        closed = isinstance(error, (ConnectionError, http.client.BadStatusLine))
        return "no answer" if closed else "cut", {}, b""
    finally:
        if own:
            connection.close()


# What the bodies of answers begin with.
BODIES = {"/plaintext": b"Hello, World!", "/echo": POSTED, "/upload": b'{"bytes":1000,'}


class Load:
    """Four clients that ask one request after the other, GET and POST in turn."""

    def __init__(self, port, posts_to):
        self.port, self.posts_to, self.seen, self.over = port, posts_to, Seen(), False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(4)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection = client_at(self.port)
        turn = 0
        while not self.over:
            turn += 1
            path, method, body = (self.posts_to, "POST", POSTED) if turn % 2 else ("/plaintext", "GET", None)
            status, _, got = ask(self.port, path, method, body, connection=connection)
            if status == 200 and not got.startswith(BODIES[path]):
                status = "another body"
            with self.lock:
                self.seen[status] += 1
            time.sleep(0.002)
        connection.close()

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join(PATIENCE)
        return self.seen

    def lost(self):
        seen = self.end()
        return sum(seen.values()), Seen({what: count for what, count in seen.items() if what != 200})


def client_of(port):
    fields = {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6"}
    status, _, body = ask(port, "/peer", fields=fields)
    assert status == 200, f"{status} {body!r}"
    lines = dict(line.split(" ", 1) for line in body.decode().splitlines())
    return lines["client"], lines["peer"]


def identities(proxy):
    """Whom the server takes for the client, for each kind of connection to it."""
    for kind, port in proxy.ports.items():
        client, peer = client_of(port)
        assert client.startswith(f"{CLIENT}:"), f"{kind}: {client} for {CLIENT}"
        assert peer.startswith("127.0.0.1:"), f"{kind}: {peer}"
        status, _, body = ask(port, "/echo", "POST", POSTED)
        assert (status, body) == (200, POSTED), f"{kind}: {status}"
        shown = "with its port" if not client.endswith(":0") else "its address"
        yield f"{kind}: the client is known, {shown}; a body comes back"


def upgrade(proxy, kind):
    load = Load(proxy.ports[kind], proxy.described.posts_to)
    for _ in range(2):
        time.sleep(0.3)
        proxy.server.ctl("upgrade")
    time.sleep(0.3)
    total, lost = load.lost()
    assert not lost, f"of {total} requests over two upgrades: {lost}"
    yield f"upgrade: none of {total} requests lost over two upgrades"


def full(proxy, kind):
    proxy.server.ctl("limits", "--max-threads", "1")
    held = threading.Thread(target=ask, args=(proxy.ports[kind], "/sleep?ms=1500"))
    held.start()
    status = lambda: json.loads(proxy.server.ctl("status", "--json"))
    eventually("it runs", lambda: status()["totals"]["requests"]["running"] == 1)
    seen = Seen()
    for method, body in (("GET", None), ("POST", POSTED)):
        status, fields, _ = ask(proxy.ports[kind], "/echo" if body else "/plaintext", method, body)
        kept = status == 503 and fields.get("X-Ringgate-Reason") == "full" and fields.get("Retry-After")
        seen[f"{status}{' with its Retry-After' if kept else ''}"] += 1
    held.join()
    proxy.server.ctl("limits", "--max-threads", "64")
    assert set(seen) == {"503 with its Retry-After"}, seen
    yield f"full gate: {seen}"


def upload(proxy, kind):
    """5 MiB where 1 MiB is allowed, from a client that reads while it sends."""
    seen = Seen()
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", proxy.ports[kind]), PATIENCE, (CLIENT, 0)) as client:
            body = b"y" * (5 << 20)
            head = f"POST /upload-to-nobody HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}\r\n\r\n"
            sender = threading.Thread(target=lambda: send_all(client, head.encode() + body))
            sender.start()
            got = b""
            with contextlib.suppress(OSError):
                while b"\r\n" not in got and (piece := client.recv(4096)):
                    got += piece
            found = re.match(rb"HTTP/1\.[01] (\d{3})", got)
            seen[int(found[1]) if found else "no answer"] += 1
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            sender.join()
    assert set(seen) <= {404, 413}, seen
    yield f"refused upload: {seen}"


def send_all(client, data):
    with contextlib.suppress(OSError):
        client.sendall(data)


def idle(proxy, kind):
    """The server closes after two seconds, and requests come about then."""
    seen = Seen()
    connection = client_at(proxy.ports[kind])
    for turn in range(5):
        status, _, _ = ask(0, "/echo", "POST", POSTED, connection=connection)
        seen[status] += 1
        time.sleep(1.97 + turn / 80)
    connection.close()
    assert set(seen) <= {200, *proxy.described.idle_close.get(kind, ())}, seen
    yield f"idle close: {seen}"


def drain(proxy, kind):
    """A running request is answered; those that come then find nobody."""
    running = Seen()

    def sleep():
        running[ask(proxy.ports[kind], "/sleep?ms=700")[0]] += 1

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    time.sleep(0.3)
    proxy.server.ctl("drain")
    eventually("it has ended", lambda: not listens(proxy.server.plain))
    sleeper.join()
    after = Seen(ask(proxy.ports[kind], "/plaintext")[0] for _ in range(2))
    assert set(running) == {200}, f"the running request: {running}"
    took = come_back(proxy, kind)
    yield f"drain: the running request {running}; then {after}; back {took:.1f} s after the server"


def kill(proxy, kind):
    load = Load(proxy.ports[kind], proxy.described.posts_to)
    time.sleep(0.4)
    proxy.server.process.kill()
    proxy.server.process.wait()
    time.sleep(0.4)
    total, lost = load.lost()
    assert "another body" not in lost, lost
    took = come_back(proxy, kind)
    yield f"killed server: of {total} requests {lost}; back {took:.1f} s after the server"


def come_back(proxy, kind):
    proxy.server.start()
    began = time.monotonic()
    eventually("the proxy serves again", lambda: ask(proxy.ports[kind], "/plaintext")[0] == 200)
    return time.monotonic() - began


CASES = [upgrade, full, upload, idle, drain, kill]


def lines_of(proxy, described):
    """Runs the cases: with all kinds of connections to the server, or the small size with HTTP/1.1 alone."""
    yield from identities(proxy)
    for kind in proxy.ports if SIZE == "full" else ["http"]:
        # It may have found its server dead meanwhile, and look seldom.
        eventually(f"{kind} is served", lambda: ask(proxy.ports[kind], "/plaintext")[0] == 200)
        for case in CASES:
            # A proxy of TCP closes its client's connection when the server closes its own.
            if case is idle and kind in described.tunnels:
                continue
            for line in case(proxy, kind):
                yield line if kind == "http" else f"{kind}: {line}"


def main():
    os.environ["PATH"] += ":/usr/sbin"
    for name, described in proxy_configurations.ALL.items():
        if ONLY and name not in ONLY or not ONLY and SIZE == "small" and not described.is_small:
            continue
        version = described.version()
        if version is None:
            print(f"{name}: not installed", flush=True)
            continue
        began = time.monotonic()
        server = Server(name, "--idle-timeout", "2s", "--max-threads", "64")
        proxy = None
        try:
            proxy = Proxy(name, server, described)
            for line in lines_of(proxy, described):
                print(f"{name} {version}: {line}", flush=True)
        except BaseException:
            for log in (f"{name}.log", "log"):
                with contextlib.suppress(OSError), open(f"{server.folder}/{log}", errors="replace") as file:
                    print(f"{log} ends:\n{file.read()[-2000:]}", file=sys.stderr)
            raise
        finally:
            if proxy:
                proxy.stop()
            server.stop()
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


main()
