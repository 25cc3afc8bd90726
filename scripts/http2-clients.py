#!/usr/bin/env python3
"""The cases of http2-clients.sh, which starts the server and makes the certificate.

Usage: scripts/http2-clients.py FOLDER PORT TLS-PORT small|full [CASE...]
Each case is a function; what it yields are lines, what it finds otherwise than it should be is an
AssertionError, which ends the run.
"""
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

FOLDER, PORT, TLS_PORT, SIZE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
ONLY = sys.argv[5:]
PLAIN, TLS = f"http://127.0.0.1:{PORT}", f"https://127.0.0.1:{TLS_PORT}"
TRUSTED = f"{FOLDER}/certificate.pem"
HELLO = "Hello, World!"
PATIENCE = 60
LARGE = 10 << 20
BODY = f"{FOLDER}/body"


def run(arguments, check=True, **more):
    """Runs a program to its end; returns its exit code and everything it said."""
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE, **more)
    said = done.stdout.decode(errors="replace")
    assert not check or done.returncode == 0, f"{arguments} ended with {done.returncode}: {said[-2000:]}"
    return done.returncode, said


def digest(file):
    with open(file, "rb") as bytes_of:
        return hashlib.sha256(bytes_of.read()).hexdigest()


def have(*programs):
    """The path of the first program that is installed, those of servers too."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    return next((found for program in programs if (found := shutil.which(program, path=path))), None)


# curl


def curl(*arguments):
    return run(["curl", "--silent", "--show-error", "--max-time", str(PATIENCE), "--cacert", TRUSTED, *arguments])[1]


def curls(*flags, base, version="2", length=13):
    """GET, POST that comes back, large bodies both ways, and an answer without a body."""
    said = curl(*flags, "-w", " %{http_version} %{http_code}", f"{base}/plaintext")
    assert said == f"{HELLO} {version} 200", said
    assert curl(*flags, "--data", "some text", f"{base}/echo") == "some text"
    file = f"{FOLDER}/curl"
    curl(*flags, "--output", file, "--data-binary", f"@{BODY}", f"{base}/echo")
    assert digest(file) == digest(BODY), "another body came back"
    said = curl(*flags, "--output", file, "-w", "%{size_download} %{http_code}", f"{base}/bytes/{LARGE}")
    assert said == f"{LARGE} 200", said
    said = curl(*flags, "--head", "-w", "%{http_code}", f"{base}/plaintext")
    assert said.endswith("200") and f"content-length: {length}\r\n" in said.lower(), said
    assert curl(*flags, "--output", "/dev/null", "-w", "%{http_code}", f"{base}/nothing") == "404"
    if "--http2-prior-knowledge" in flags:
        # curl 7.88 cannot use such a connection twice, whoever the server is.
        return "one request on a connection"
    many = [word for _ in range(100) for word in ("--output", "/dev/null", f"{base}/plaintext")]
    # curl 7.88 writes its progress among them when that takes a while, though it is to be silent.
    said = curl(*flags, "--parallel", "--parallel-max", "50", "-w", "answer=%{http_code}/%{num_connects} ", *many)
    assert said.count("answer=200/") == 100, said
    return f"100 more on {said.count('answer=200/1')} connections"


def case_curl():
    """curl: prior knowledge, ALPN, and HTTP/1.1 beside them"""
    yield f"prior knowledge: {curls('--http2-prior-knowledge', base=PLAIN)}"
    yield f"TLS: {curls('--http2', base=TLS)}"
    # An upgrade from HTTP/1.1 is what RFC 9113 has dropped: the request is answered as it came.
    curls("--http2", base=PLAIN, version="1.1")
    curls("--http1.1", base=TLS, version="1.1")
    yield "HTTP/1.1 on the same ports"


# nghttp2


def case_nghttp():
    """nghttp: frames of all shapes"""
    if not have("nghttp"):
        yield "not installed"
        return
    for base in (PLAIN, TLS):
        flags = ["nghttp", "--no-verify-peer", "--verbose"]
        for shape in ([], ["--padding=200"], ["--continuation"], ["--window-bits=1"], ["--header-table-size=0"],
                      ["--header-table-size=65536"], ["--no-dep"], ["--weight=256"], ["--hexdump"]):
            _, said = run([*flags, *shape, f"{base}/plaintext"])
            assert ":status: 200" in said and "[ERROR]" not in said, f"{shape}: {said}"
        _, said = run([*flags, "--null-out", "--multiply=100", f"{base}/bytes/100000"])
        assert said.count(":status: 200") == 100, said
        _, said = run([*flags, "--null-out", "--window-bits=10", "--connection-window-bits=10", f"{base}/bytes/200000"])
        received = sum(int(size) for size in re.findall(r"recv DATA frame <length=(\d+)", said))
        assert received == 200_000, received
        _, said = run(["nghttp", "--no-verify-peer", f"--data={BODY}", "--null-out", "--stat", f"{base}/echo"])
        assert re.search(r"\s200\s+10M", said), said
        _, said = run([*flags, f"--data={TRUSTED}", "--trailer=x-trailer: a", "--no-content-length", f"{base}/echo"])
        assert ":status: 200" in said and "BEGIN CERTIFICATE" in said, said
        yield base.split(":")[0]


def case_h2load():
    """h2load: many streams on many connections"""
    if not have("h2load"):
        yield "not installed"
        return
    for base in (PLAIN, TLS):
        for name, requests, shape in (
            ("32 x 32", 20_000, ["-c32", "-m32", f"{base}/plaintext"]),
            ("256 x 1", 5_000, ["-c256", "-m1", f"{base}/plaintext"]),
            ("1 x 100", 10_000, ["-c1", "-m100", f"{base}/plaintext"]),
            ("POST", 2_000, ["-c8", "-m8", f"--data={TRUSTED}", f"{base}/echo"]),
            ("64 KiB", 2_000, ["-c8", "-m8", f"{base}/bytes/65536"]),
            ("small windows", 200, ["-c2", "-m8", "-w10", "-W12", f"{base}/bytes/65536"]),
        ):
            _, said = run(["h2load", "-n", str(requests), *shape])
            assert f"{requests} succeeded, 0 failed, 0 errored, 0 timeout" in said, f"{name}: {said}"
            assert f"{requests} 2xx" in said, said
        yield base.split(":")[0]


# Proxies


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextlib.contextmanager
def started(command, port):
    """A server of others, once it accepts, and until it is not needed any more."""
    with open(f"{FOLDER}/proxy.log", "wb") as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert child.poll() is None and time.monotonic() < until, open(f"{FOLDER}/proxy.log", encoding="utf-8").read()
            time.sleep(0.02)
        yield
    finally:
        child.terminate()
        child.wait()


def case_haproxy():
    """HAProxy: HTTP/2 towards the server, for clients of both versions"""
    program = have("haproxy")
    if not program:
        yield "not installed"
        return
    for name, server in (("plain", f"127.0.0.1:{PORT} proto h2"), ("TLS", f"127.0.0.1:{TLS_PORT} ssl verify none alpn h2")):
        one, two = free_port(), free_port()
        with open(f"{FOLDER}/haproxy.cfg", "w", encoding="utf-8") as text:
            text.write(f"global\nnbthread 1\ndefaults\nmode http\ntimeout client 1m\ntimeout server 1m\ntimeout connect 5s\n"
                       f"frontend one\nbind 127.0.0.1:{one}\ndefault_backend ringgate\n"
                       f"frontend two\nbind 127.0.0.1:{two} proto h2\ndefault_backend ringgate\n"
                       f"backend ringgate\nserver ringgate {server}\n")
        with started([program, "-db", "-f", f"{FOLDER}/haproxy.cfg"], two):
            curls("--http1.1", base=f"http://127.0.0.1:{one}", version="1.1")
            yield f"{name}: {curls('--http2-prior-knowledge', base=f'http://127.0.0.1:{two}')}"


def case_nginx():
    """nginx: gRPC towards the server, which is HTTP/2 with trailers"""
    program = have("nginx")
    if not program:
        yield "not installed"
        return
    folder = f"{FOLDER}/nginx"
    os.makedirs(folder, exist_ok=True)
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    for name, server in (("plain", f"grpc://127.0.0.1:{PORT}"), ("TLS", f"grpcs://127.0.0.1:{TLS_PORT}")):
        port = free_port()
        with open(f"{folder}/nginx.conf", "w", encoding="utf-8") as text:
            text.write(f"daemon off; master_process off; pid {folder}/pid; error_log stderr crit; events {{}}\n"
                       f"http {{ {temporary} access_log off; client_max_body_size 0;\n"
                       f"upstream ringgate {{ server {server.split('//')[1]}; keepalive 4; }}\n"
                       f"server {{ listen 127.0.0.1:{port} http2;\n"
                       f"location / {{ grpc_pass {server.split('//')[0]}//ringgate; }} }} }}\n")
        with started([program, "-e", "stderr", "-p", folder, "-c", f"{folder}/nginx.conf"], port):
            # nginx says of an answer to a HEAD that it is empty.
            yield f"{name}: {curls('--http2-prior-knowledge', base=f'http://127.0.0.1:{port}', length=0)}"


# The long ones

HTTPX = ["httpx[http2]==0.28.1", "h2==4.4.1"]
HTTPX_PROGRAM = """
import asyncio, hashlib, os, ssl, sys
import httpx

async def main(base, trusted):
    context = ssl.create_default_context(cafile=trusted)
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(http1=False, http2=True, verify=context, limits=limits, timeout=60) as client:
        async def get(nth):
            answer = await client.get(f"{base}/bytes/{nth * 1000}")
            assert answer.http_version == "HTTP/2" and len(answer.content) == nth * 1000, answer
        async def post(size):
            body = os.urandom(size)
            answer = await client.post(f"{base}/echo", content=body)
            assert answer.content == body, (answer, size)
        async def stream(size):
            async def pieces():
                for _ in range(10):
                    yield b"x" * size
            answer = await client.post(f"{base}/echo", content=pieces())
            assert len(answer.content) == 10 * size, answer
        await asyncio.gather(*(get(nth) for nth in range(1, 51)))
        await asyncio.gather(*(post(size) for size in (0, 1, 1000, 100_000, 3_000_000)))
        await asyncio.gather(*(stream(size) for size in (1, 10_000, 200_000)))

asyncio.run(main(*sys.argv[1:]))
"""


def case_httpx():
    """Python's httpx and h2: many requests on one connection"""
    place = f"{FOLDER}/httpx"
    run([sys.executable, "-m", "venv", place])
    code, said = run([f"{place}/bin/pip", "install", "--quiet", *HTTPX], check=False)
    if code:
        yield f"not to be had: {said.strip().splitlines()[-1]}"
        return
    for base in (PLAIN, TLS):
        run([f"{place}/bin/python", "-c", HTTPX_PROGRAM, base, TRUSTED])
        yield base.split(":")[0]


GO_PROGRAM = """
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
)

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	base := os.Args[1]
	pem, err := os.ReadFile(os.Args[2])
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, MaxConnsPerHost: 1}
	client := &http.Client{Transport: transport}
	var all sync.WaitGroup
	for nth := 0; nth < 100; nth++ {
		all.Add(1)
		go func(nth int) {
			defer all.Done()
			body := bytes.Repeat([]byte{byte(nth)}, nth*nth*100)
			answer, err := client.Post(base+"/echo", "application/octet-stream", bytes.NewReader(body))
			check(err)
			defer answer.Body.Close()
			back, err := io.ReadAll(answer.Body)
			check(err)
			if answer.ProtoMajor != 2 || !bytes.Equal(back, body) {
				check(fmt.Errorf("%s: %d of %d bytes", answer.Proto, len(back), len(body)))
			}
		}(nth)
	}
	all.Wait()
	answer, err := client.Get(base + "/plaintext")
	check(err)
	back, err := io.ReadAll(answer.Body)
	check(err)
	fmt.Println(answer.Proto, string(back))
}
"""


def case_go():
    """Go's net/http: a hundred posts at a time on one connection"""
    program = have("go")
    if not program:
        yield "not installed"
        return
    os.makedirs(f"{FOLDER}/go", exist_ok=True)
    with open(f"{FOLDER}/go/main.go", "w", encoding="utf-8") as text:
        text.write(GO_PROGRAM)
    home = {**os.environ, "GOCACHE": f"{FOLDER}/go/cache", "GOFLAGS": "-mod=mod", "GO111MODULE": "off", "HOME": FOLDER}
    run([program, "build", "-o", f"{FOLDER}/go/client", f"{FOLDER}/go/main.go"], env=home)
    _, said = run([f"{FOLDER}/go/client", TLS, TRUSTED])
    assert said.strip() == f"HTTP/2.0 {HELLO}", said
    yield said.strip()


def case_browser():
    """Chromium, without a window: the page is loaded over HTTP/2"""
    program = have("chromium", "google-chrome")
    if not program:
        yield "not installed"
        return
    log = f"{FOLDER}/net.json"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", f"--user-data-dir={FOLDER}/chromium", f"--log-net-log={log}"]
    _, said = run([program, *flags, "--dump-dom", f"{TLS}/plaintext"])
    assert HELLO in said, said
    with open(log, encoding="utf-8") as text:
        events = json.load(text)
    kinds = events["constants"]["logEventTypes"]
    sessions = [event for event in events["events"] if event["type"] == kinds["HTTP2_SESSION"]]
    assert any(event.get("params", {}).get("host", "").endswith(f":{TLS_PORT}") for event in sessions), "not over HTTP/2"
    yield "/plaintext"
    _, said = run([program, *flags, "--virtual-time-budget=2000", "--dump-dom", f"{TLS}/"])
    assert "</html>" in said and "ERR_" not in said, said
    yield "/"


def case_h2spec():
    """h2spec: all of its cases"""
    program = have("h2spec")
    if not program:
        yield "not installed"
        return
    for name, flags in (("plain", ["-p", str(PORT)]), ("TLS", ["-p", str(TLS_PORT), "-t", "-k"])):
        code, said = run([program, "-h", "127.0.0.1", "-P", "/plaintext", "--timeout", "5", *flags], check=False)
        totals = re.findall(r"\d+ tests, \d+ passed, \d+ skipped, \d+ failed", said)
        assert code == 0 and totals, said[-4000:]
        yield f"{name}: {totals[-1]}"


SMALL = [case_curl, case_nghttp, case_h2load, case_haproxy, case_nginx]
FULL = [case_httpx, case_go, case_browser, case_h2spec]


def main():
    with open(BODY, "wb") as body:
        body.write(os.urandom(LARGE))
    for case in SMALL + (FULL if SIZE == "full" else []):
        name = case.__name__.removeprefix("case_")
        if ONLY and name not in ONLY:
            continue
        try:
            for line in case():
                print(f"{name}: {line}", flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            print(f"{name}: FAILED ({case.__doc__}): {error}", flush=True)
            return 1
    return 0


sys.exit(main())
