#!/usr/bin/env bash
# Other people's clients of HTTP/2, and proxies that speak it, against a release server: one line a case, an end at
# the first surprise. GET, POST and large bodies, with prior knowledge and over TLS.
#
# Usage: scripts/http2-clients.sh [small|full] [CASE...]
#        small (the default): curl, and nghttp, h2load, HAProxy and nginx as far as they are installed.
#        full: also Python's httpx (installed into a folder of its own for the run), Go's net/http, Chromium and
#        h2spec, as far as the machine has or reaches them. Cases are named by the words that lines begin with;
#        without any all are run.
#
# Needs openssl, curl, jq and python3. Builds with --release, or takes the binaries from RINGGATE_BIN.
set -euo pipefail
cd "$(dirname "$0")/.."

size=small
case ${1:-} in
small | full)
    size=$1
    shift
    ;;
esac
source scripts/common.sh
for tool in openssl python3; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 1; }
done

server=
finish() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT

openssl req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$scratch/key.pem" -out "$scratch/certificate.pem" \
    2>/dev/null
"$bin/ringgate" --listen 127.0.0.1:0 --listen https://127.0.0.1:0 --control "$control" --cores 2 --demo on \
    --http2-header-list-size 64KiB \
    --certificate "$scratch/certificate.pem" --certificate-key "$scratch/key.pem" 2>"$scratch/log" &
server=$!
port() { sed -nE "s#.*$1://127.0.0.1:([0-9]+).*#\\1#p" "$scratch/log" | head -1; }
for _ in $(seq 100); do
    [[ -n $(port http) && -n $(port https) ]] && break
    sleep 0.1
done
if [[ -z $(port http) || -z $(port https) ]]; then
    echo "the server does not start:" >&2
    cat "$scratch/log" >&2
    exit 1
fi

python3 scripts/http2-clients.py "$scratch" "$(port http)" "$(port https)" "$size" "$@" || {
    echo "the server's log ends:" >&2
    tail -n 20 "$scratch/log" >&2
    exit 1
}
# Whatever the clients did, the server is there and its books balance: nothing is under way any more.
for _ in $(seq 100); do
    ctl status --json | jq -e '.phase == "running" and .totals.requests.running == 0' >/dev/null && exit 0
    sleep 0.1
done
echo "the server is not at rest:" >&2
ctl status >&2
exit 1
