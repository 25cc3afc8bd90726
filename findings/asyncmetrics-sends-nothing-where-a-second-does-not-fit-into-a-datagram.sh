#!/usr/bin/env bash
# asyncmetrics 0.4.0 (Python) loses all metrics of a second, and says "Sent", where they do not fit into one datagram.
#
# Expected: "Send metrics to Graphite asynchronously" (README), of which up to a million may wait (`queue_size`); Graphite takes one metric a line,
# in as many datagrams as one likes. A datagram over IPv4 has at most 65507 bytes (RFC 768, RFC 791).
# Seen: with PlainUdp all that was counted since the last flush is one datagram. Of 1000 metrics of 36 bytes each one arrives; of 3000 none does:
# the kernel refuses the datagram, asyncio tells that to a protocol that does nothing, and the log says "Sent 3000 metrics". They are not kept for
# the next flush, as they are where a TCP connection fails. PlainTcp sends all 3000.
#
# The graph has a hole whenever the load is highest.
#
# Usage: findings/asyncmetrics-sends-nothing-where-a-second-does-not-fit-into-a-datagram.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check asyncmetrics==0.4.0

cat >flush.py <<'PYTHON'
import asyncio
import logging
import socket

from asyncmetrics import Graphite, PlainTcp, PlainUdp

said = []


class Log(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())


log = logging.getLogger("asyncmetrics")
log.setLevel(logging.DEBUG)
log.addHandler(Log())


async def flush(protocol, metrics):
    """Counts so many metrics before the first flush, and closes."""
    said.clear()
    graphite = Graphite(protocol, flush_interval=0.01)
    for number in range(metrics):
        graphite.send(f"web.requests.route{number:04}", 1, 1700000000)
    for _ in range(1000):
        if said:
            break
        await asyncio.sleep(0.01)
    await graphite.close()


async def udp(metrics):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setblocking(False)
        await flush(PlainUdp("127.0.0.1", server.getsockname()[1]), metrics)
        lines = 0
        try:
            while True:
                lines += server.recv(65536).count(b"\n")
        except BlockingIOError:
            return lines


async def tcp(metrics):
    lines = 0
    ended = asyncio.Event()

    async def read(reader, writer):
        nonlocal lines
        lines = (await reader.read()).count(b"\n")
        writer.close()
        ended.set()

    server = await asyncio.start_server(read, "127.0.0.1", 0)
    await flush(PlainTcp("127.0.0.1", server.sockets[0].getsockname()[1]), metrics)
    await ended.wait()
    server.close()
    return lines


for name, send, metrics, seen in [("UDP", udp, 1000, 1000), ("UDP", udp, 3000, 0), ("TCP", tcp, 3000, 3000)]:
    lines = asyncio.run(send(metrics))
    print(f"{metrics} metrics by {name}: {lines} arrive; the log says {said}")
    assert lines == seen
    assert said == [f"Sent {metrics} metrics"]
PYTHON
python/bin/python flush.py
echo "as described"
