#!/usr/bin/env python3
"""The cases of tls-clients.sh, which starts the servers and makes the certificates.

Usage: scripts/tls-clients.py FOLDER PORT PORT-WITH-CLIENT-CERTIFICATES small|full [CASE...]
Each case is a function; what it yields are lines, what it finds otherwise than it should be is an
AssertionError, which ends the run.
"""
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

FOLDER, OPEN, CLOSED, SIZE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
ONLY = sys.argv[5:]
TRUSTED = f"{FOLDER}/trusted.pem"
PATIENCE = 20
HELLO = "Hello, World!"
SUITES_13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
SUITES_12 = [
    f"ECDHE-{key}-{cipher}"
    for key in ("ECDSA", "RSA")
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
]


def run(arguments, text="", check=False):
    """Runs a program to its end; returns its exit code and everything it said."""
    done = subprocess.run(arguments, input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE * 30)
    said = done.stdout.decode(errors="replace")
    assert not check or done.returncode == 0, f"{arguments} ended with {done.returncode}: {said}"
    return done.returncode, said


def get(path="/plaintext", close=True, extra=""):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{'Connection: close' + chr(13) + chr(10) if close else ''}{extra}\r\n"


# openssl s_client


def s_client(*flags, port=None, text=None, trust=True):
    trusting = ["-CAfile", TRUSTED, "-verify_return_error", "-verify_hostname", "localhost"] if trust else []
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port or OPEN}", "-servername", "localhost", "-ign_eof"]
    return run([*command, *trusting, *flags], text=get() if text is None else text)


def case_suites():
    """openssl: each version with each suite"""
    for version, flag, suites in (("TLSv1.3", "-ciphersuites", SUITES_13), ("TLSv1.2", "-cipher", SUITES_12)):
        for suite in suites:
            code, said = s_client(f"-{version.lower().replace('v', '').replace('.', '_')}", flag, suite)
            assert code == 0 and HELLO in said, said
            assert f"{version}, Cipher is {suite}" in said, said
            yield f"{version} {suite}"


def case_groups():
    """openssl: each key exchange"""
    for group in ("X25519", "P-256", "P-384"):
        code, said = s_client("-groups", group)
        assert code == 0 and HELLO in said, said
        yield re.search("Server Temp Key: .*", said).group()


def case_old_versions():
    """openssl: versions that are no more are refused with an alert"""
    for version in ("-tls1", "-tls1_1"):
        code, said = s_client(version, "-cipher", "DEFAULT@SECLEVEL=0")
        assert code != 0 and HELLO not in said, said
        assert "alert protocol version" in said, said
        yield version


def case_weak_suites():
    """openssl: suites without forward secrecy or authenticated encryption are refused"""
    for suite in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA", "DHE-RSA-AES128-GCM-SHA256"):
        code, said = s_client("-tls1_2", "-cipher", f"{suite}@SECLEVEL=0")
        assert code != 0 and "alert handshake failure" in said, said
        yield suite


def case_resumption():
    """openssl: sessions are resumed"""
    for version in ("-tls1_3", "-tls1_2"):
        file = f"{FOLDER}/session{version}"
        # Two requests: the tickets of TLS 1.3 come after the handshake.
        _, said = s_client(version, "-sess_out", file)
        assert "New, TLS" in said and HELLO in said, said
        for _ in range(2):
            _, said = s_client(version, "-sess_in", file, "-sess_out", file)
            assert "Reused, TLS" in said and HELLO in said, said
        yield version


class Interactive:
    """openssl s_client with a person at its keyboard: letters at the start of a line are commands."""

    def __init__(self, *flags):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{OPEN}", "-servername", "localhost", *flags]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = ""
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self):
        while piece := os.read(self.process.stdout.fileno(), 65536):
            self.said += piece.decode(errors="replace")

    def say(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def hears(self, text, times=1):
        until = time.monotonic() + PATIENCE
        while self.said.count(text) < times:
            assert time.monotonic() < until, f"no {text!r} in {self.said}"
            if self.process.poll() is not None and self.said.count(text) < times:
                self.listener.join(PATIENCE)
                assert self.said.count(text) >= times, f"ended with {self.process.poll()}: {self.said}"
            time.sleep(0.01)

    def end(self):
        self.process.kill()
        self.process.wait()


def case_key_update():
    """openssl: keys are replaced, by the client alone and by both"""
    for suite in SUITES_13:
        client = Interactive("-tls1_3", "-ciphersuites", suite)
        client.hears("Verify return code")
        asked = 0
        for letter in "kKkkKK":
            client.say(f"{letter}\n")
            client.hears("KEYUPDATE", asked + 1)
            client.say(get(close=False))
            asked += 1
            client.hears(HELLO, asked)
        client.end()
        yield f"{suite} {asked} times"


def case_renegotiation():
    """openssl: renegotiation is refused, and others are served on"""
    client = Interactive("-tls1_2")
    client.hears("Verify return code")
    client.say(get(close=False))
    client.hears(HELLO)
    client.say("R\n")
    client.hears("RENEGOTIATING")
    until = time.monotonic() + PATIENCE
    while client.process.poll() is None and time.monotonic() < until:
        if re.search("alert|error:", client.said.split("RENEGOTIATING")[1]):
            break
        time.sleep(0.02)
    if client.process.poll() is not None:
        client.listener.join(PATIENCE)
    rest = client.said.split("RENEGOTIATING")[1]
    client.end()
    assert "verify return" not in rest.lower() and "depth=" not in rest, rest
    found = re.search("no.renegotiation|alert [a-z ]+|unexpected message", rest)
    assert found, f"neither alert nor end: {rest}"
    code, said = s_client()
    assert code == 0 and HELLO in said, said
    yield found.group()


def case_client_certificates():
    """openssl and curl: certificates of clients are asked for and checked"""
    for version in ("-tls1_3", "-tls1_2"):
        _, said = s_client(version, port=CLOSED)
        assert HELLO not in said and re.search("alert (certificate required|handshake failure|bad certificate)", said), said
        _, said = s_client(version, "-cert", f"{FOLDER}/of-strangers.pem", "-key", f"{FOLDER}/of-strangers.key", port=CLOSED)
        assert HELLO not in said and "alert unknown ca" in said, said
        code, said = s_client(version, "-cert", f"{FOLDER}/of-root.pem", "-key", f"{FOLDER}/of-root.key", port=CLOSED)
        assert code == 0 and HELLO in said, said
        yield f"openssl {version}"
    base = ["curl", "-sS", "--cacert", TRUSTED, f"https://localhost:{CLOSED}/plaintext"]
    code, said = run(base)
    assert code == 56 or code == 35, (code, said)
    code, said = run([*base, "--cert", f"{FOLDER}/of-root.pem", "--key", f"{FOLDER}/of-root.key"])
    assert (code, said) == (0, HELLO), (code, said)
    yield "curl"


def case_server_names():
    """openssl: with another name, and with none, there is still the first certificate"""
    for flags in (["-servername", "other.test"], ["-noservername"]):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{OPEN}", "-ign_eof", *flags]
        _, said = run(command, text=get())
        assert HELLO in said and "CN = localhost" in said, said
        yield " ".join(flags)


def case_alpn():
    """openssl: h2 is agreed on where it is offered, else http/1.1; others are no reason to speak either"""
    for offered, agreed in (("http/1.1,h2", "h2"), ("other,http/1.1", "http/1.1")):
        _, said = s_client("-alpn", offered)
        assert f"ALPN protocol: {agreed}" in said and (HELLO in said) == (agreed == "http/1.1"), said
        yield f"{agreed} of {offered}"
    _, said = s_client("-alpn", "other")
    assert HELLO not in said and "alert no application protocol" in said, said
    yield "others are refused"


# curl


def curl(*arguments):
    # HTTP/2 is tried by http2-clients.sh.
    return run(["curl", "-sS", "--http1.1", "--max-time", str(PATIENCE), "--cacert", TRUSTED, *arguments])


def case_curl():
    """curl: versions, uploads, downloads, kept and resumed connections"""
    url = f"https://localhost:{OPEN}"
    for version in (["--tls-max", "1.2"], ["--tlsv1.3"]):
        code, said = curl(*version, "-w", " %{http_version} %{num_connects}", f"{url}/plaintext")
        assert (code, said) == (0, f"{HELLO} 1.1 1"), said
        code, said = curl(*version, "-w", "%{num_connects} ", "-o", "/dev/null", f"{url}/bytes/3000000", "-o", "/dev/null", f"{url}/plaintext")
        assert (code, said.split()) == (0, ["1", "0"]), said
        body = os.urandom(700_000)
        with open(f"{FOLDER}/body", "wb") as file:
            file.write(body)
        for how in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]):
            code, said = curl(*version, *how, "--data-binary", f"@{FOLDER}/body", "-o", f"{FOLDER}/echo", f"{url}/echo")
            with open(f"{FOLDER}/echo", "rb") as file:
                assert code == 0 and file.read() == body, (code, said, how)
        code, said = curl(*version, "-v", "-H", "Connection: close", f"{url}/plaintext", f"{url}/plaintext")
        assert code == 0 and said.count(HELLO) == 2, said
        # Of TLS 1.2 curl takes no tickets.
        assert re.search("re-?using session ID", said) or "1.2" in version, said
        yield " ".join(version)


def case_plain_http():
    """curl: a request without TLS gets an answer that can be read"""
    code, said = run(["curl", "-sS", "-i", "--max-time", str(PATIENCE), f"http://127.0.0.1:{OPEN}/plaintext"])
    assert code == 0 and said.startswith("HTTP/1.1 400") and "https" in said.lower(), (code, said)
    yield said.splitlines()[0]


# Python's ssl module: bytes cut, spoilt and repeated as we like


class Client:
    """A client whose bytes on the wire are ours."""

    def __init__(self, version=None, session=None, context=None):
        self.context = context or make_context(version)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = self.context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost", session=session)
        self.tcp = socket.create_connection(("127.0.0.1", OPEN), timeout=PATIENCE)
        self.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.plain = b""

    def flush(self, step=None):
        data = self.outgoing.read()
        step = step or max(len(data), 1)
        for at in range(0, len(data), step):
            self.tcp.sendall(data[at : at + step])
            time.sleep(0.0005)

    def pull(self):
        data = self.tcp.recv(65536)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def handshake(self, step=None, hold=False):
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush(step)
                self.pull()
        if not hold:
            self.flush(step)
        return self

    def read(self):
        """Some plaintext; empty at a close_notify."""
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                self.flush()
                self.pull()
            except ssl.SSLZeroReturnError:
                return b""

    def answer(self):
        """Status and body of the next answer."""
        while b"\r\n\r\n" not in self.plain:
            piece = self.read()
            assert piece, f"ended with {self.plain!r}"
            self.plain += piece
        head, _, rest = self.plain.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
        while len(rest) < length:
            piece = self.read()
            assert piece, f"ended in a body after {len(rest)} of {length}"
            rest += piece
        self.plain = rest[length:]
        return int(head.split()[1]), rest[:length]

    def alert(self):
        """What the server says before it closes."""
        try:
            while piece := self.read():
                self.plain += piece
            return "close_notify"
        except ssl.SSLEOFError:
            return "end without a word"
        except ssl.SSLError as error:
            return error.reason or str(error)
        except ConnectionResetError:
            return "reset"


def make_context(version=None):
    context = ssl.create_default_context(cafile=TRUSTED)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


VERSIONS = {"1.3": ssl.TLSVersion.TLSv1_3, "1.2": ssl.TLSVersion.TLSv1_2}


def case_cuts():
    """python: bytes cut anywhere, in the handshake and after it"""
    for name, version in VERSIONS.items():
        for step in (1, 2, 5, 37, 256):
            client = Client(version).handshake(step)
            for _ in range(3):
                client.tls.write(get(close=False).encode())
                client.flush(step)
                assert client.answer() == (200, HELLO.encode())
        yield f"TLS {name}"


def case_pipelines():
    """python: many requests in a record, a request in many records, and the first ones behind Finished"""
    for name, version in VERSIONS.items():
        client = Client(version).handshake(hold=name == "1.3")
        client.tls.write(get(close=False).encode() * 10)
        for byte in get(close=False).encode():
            client.tls.write(bytes([byte]))
        client.flush()
        for _ in range(11):
            assert client.answer() == (200, HELLO.encode())
        yield f"TLS {name}"


def case_bodies():
    """python: bodies of many records both ways"""
    for name, version in VERSIONS.items():
        client = Client(version).handshake()
        for size in (0, 1, 16383, 16384, 16385, 300_000):
            body = os.urandom(size)
            head = f"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
            client.tls.write(head.encode() + body)
            client.flush()
            assert client.answer() == (200, body), size
        yield f"TLS {name}"


def case_close_notify():
    """python: the end is announced both ways, and its absence borne"""
    for name, version in VERSIONS.items():
        client = Client(version).handshake()
        client.tls.write(get().encode())
        client.flush()
        assert client.answer() == (200, HELLO.encode())
        assert client.alert() == "close_notify"
        client = Client(version).handshake()
        try:
            client.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        client.flush()
        assert client.alert() in ("close_notify", "application data after close notify"), client.alert()
        client = Client(version).handshake()
        client.tcp.shutdown(socket.SHUT_WR)
        assert client.alert() == "close_notify"
        yield f"TLS {name}"


def spoilt(record, kind):
    """`record`, a whole one, as somebody on the way might leave it."""
    if kind == "changed":
        return record[:-1] + bytes([record[-1] ^ 1])
    if kind == "replayed":
        return record + record
    if kind == "too long":
        # TLS 1.2 bears 2,048 bytes more than the plaintext may have, TLS 1.3 bears 256.
        return record[:3] + (16384 + 2049).to_bytes(2, "big") + record[5:] + bytes(16384 + 2049)
    if kind == "empty":
        return record[:3] + bytes(2)
    raise ValueError(kind)


def case_bad_records():
    """python: records that are not what they should be get the right alert, and nothing else"""
    for name, version in VERSIONS.items():
        for kind, alerts in (
            ("changed", ["SSLV3_ALERT_BAD_RECORD_MAC"]),
            ("replayed", ["SSLV3_ALERT_BAD_RECORD_MAC"]),
            ("too long", ["TLSV1_ALERT_RECORD_OVERFLOW"]),
            ("empty", ["SSLV3_ALERT_BAD_RECORD_MAC", "TLSV1_ALERT_DECODE_ERROR", "SSLV3_ALERT_UNEXPECTED_MESSAGE"]),
        ):
            client = Client(version).handshake()
            client.tls.write(get(close=False).encode())
            client.tcp.sendall(spoilt(client.outgoing.read(), kind))
            alert = client.alert()
            assert alert in alerts, (name, kind, alert)
            answers = client.plain.count(b"HTTP/1.1 ")
            # The first of two that are the same is good; it may be answered before the other is seen.
            assert answers <= (kind == "replayed"), (name, kind, client.plain)
            yield f"TLS {name} {kind}: {alert}"
        client = Client(version).handshake()
        records = []
        for path in ("/plaintext", "/json"):
            client.tls.write(get(path, close=False).encode())
            records.append(client.outgoing.read())
        client.tcp.sendall(records[1] + records[0])
        assert (alert := client.alert()) == "SSLV3_ALERT_BAD_RECORD_MAC", (name, alert)
        assert not client.plain
        yield f"TLS {name} in the wrong order: {alert}"
        client = Client(version).handshake()
        client.tls.write(get(close=False).encode())
        client.tcp.sendall(client.outgoing.read()[:-1])
        client.tcp.shutdown(socket.SHUT_WR)
        assert (alert := client.alert()) in ("close_notify", "end without a word"), (name, alert)
        assert not client.plain
        yield f"TLS {name} truncated: {alert}"


def case_python_resumption():
    """python: a session is resumed on several connections at a time"""
    for name, version in VERSIONS.items():
        context = make_context(version)
        first = Client(context=context).handshake()
        first.tls.write(get(close=False).encode())
        first.flush()
        assert first.answer() == (200, HELLO.encode())
        session = first.tls.session
        later = [Client(context=context, session=session) for _ in range(4)]
        resumed = 0
        for client in later:
            client.handshake()
            client.tls.write(get(close=False).encode())
            client.flush()
            assert client.answer() == (200, HELLO.encode())
            resumed += client.tls.session_reused
        assert resumed == 4, f"{resumed} of 4"
        yield f"TLS {name}: {resumed} of 4"


def case_silence():
    """python: clients that stop in the middle of a handshake hold nobody up"""
    held = []
    for size in (1, 5, 60):
        client = Client()
        try:
            client.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        client.tcp.sendall(client.outgoing.read()[:size])
        held.append(client)
    code, said = s_client()
    assert code == 0 and HELLO in said, said
    yield f"{len(held)} of them"


# The long ones


def case_h2load():
    """h2load: ten thousand requests of HTTP/1.1"""
    if not shutil.which("h2load"):
        yield "not installed"
        return
    _, said = run(["h2load", "--h1", "-n", "10000", "-c", "32", f"https://127.0.0.1:{OPEN}/plaintext"], check=True)
    assert "10000 succeeded, 0 failed, 0 errored, 0 timeout" in said, said
    yield re.search("finished in .*", said).group()


def case_browser():
    """Chromium, without a window: the page is loaded"""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        yield "not installed"
        return
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", f"--user-data-dir={FOLDER}/chromium"]
    _, said = run([program, *flags, "--dump-dom", f"https://127.0.0.1:{OPEN}/plaintext"])
    assert HELLO in said, said
    yield "/plaintext"
    _, said = run([program, *flags, "--virtual-time-budget=2000", "--dump-dom", f"https://127.0.0.1:{OPEN}/"])
    assert "</html>" in said and "ERR_" not in said, said
    yield "/"


def case_testssl():
    """testssl.sh: protocols, ciphers, forward secrecy and known weaknesses"""
    program = shutil.which("testssl.sh") or shutil.which("testssl")
    if not program:
        yield "not installed"
        return
    file = f"{FOLDER}/testssl.csv"
    flags = ["--quiet", "--color", "0", "--warnings", "batch", "--ip", "127.0.0.1", "-p", "-s", "-f", "-U", "--csvfile", file]
    run([program, *flags, f"localhost:{OPEN}"])
    with open(file, encoding="utf-8") as lines:
        rows = [[field.strip('"') for field in line.strip().split('","')] for line in lines][1:]
    bad = [row for row in rows if len(row) > 4 and row[3] in ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL")]
    assert len(rows) > 30 and not bad, bad or rows
    yield f"{len(rows)} findings, none of them bad"


SSLYZE = "sslyze==6.2.0"


def case_sslyze():
    """sslyze: Mozilla's intermediate configuration, apart from the certificate"""
    place = f"{FOLDER}/sslyze"
    run([sys.executable, "-m", "venv", place], check=True)
    code, said = run([f"{place}/bin/pip", "install", "--quiet", SSLYZE])
    if code:
        yield f"not to be had: {said.strip().splitlines()[-1]}"
        return
    _, said = run([f"{place}/bin/python", "-m", "sslyze", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--heartbleed",
                   "--openssl_ccs", "--reneg", "--fallback", "--compression", "--robot", "--resum", "--early_data", f"localhost:{OPEN}"])
    for wanted in ("Not vulnerable to Heartbleed", "Not vulnerable to OpenSSL CCS injection"):
        assert wanted in said, said
    assert "VULNERABLE" not in said and "Traceback" not in said, said
    for version in ("TLS 1.0", "TLS 1.1"):
        part = said.split(f"* {version} Cipher Suites")[1].split("\n * ")[0]
        assert "rejected all cipher suites" in part, part
    yield "no weakness found"


SMALL = [
    case_suites, case_groups, case_old_versions, case_weak_suites, case_resumption, case_key_update,
    case_renegotiation, case_client_certificates, case_server_names, case_alpn, case_curl, case_plain_http,
    case_cuts, case_pipelines, case_bodies, case_close_notify, case_bad_records, case_python_resumption,
    case_silence,
]
FULL = [case_h2load, case_browser, case_testssl, case_sslyze]


def main():
    for case in SMALL + (FULL if SIZE == "full" else []):
        name = case.__name__.removeprefix("case_")
        if ONLY and name not in ONLY:
            continue
        try:
            for line in case():
                print(f"{name}: {line}", flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError, ssl.SSLError) as error:
            print(f"{name}: FAILED ({case.__doc__}): {error}", flush=True)
            return 1
    return 0


sys.exit(main())
