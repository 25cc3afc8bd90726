#!/usr/bin/env bash
# Real proxies in front of a server: whom it takes for the client, by X-Forwarded-For and the PROXY protocol, with
# TLS and HTTP/2 between them, and what clients see at an upgrade, a drain, a full gate, a refused upload, an idle close
# and a killed server. One line a case, an end at the first surprise. docs/proxies.md has the configurations.
#
# Usage: scripts/proxies.sh [small|full] [PROXY...]
#        small (the default): nginx and HAProxy, whose clients are asked what they see over HTTP/1.1 between proxy and
#        server. full: also Apache, Varnish, squid, lighttpd, Traffic Server, h2o, Caddy, Envoy and Traefik, as far as they
#        are installed, over TLS, HTTP/2 and PROXY headers too: ten minutes. docs/proxies.md says where they are to be had.
#
# Needs openssl, curl, jq and python3, and of nginx the module stream (libnginx-mod-stream). Builds with --release,
# or takes the binaries from RINGGATE_BIN.
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
trap 'rm -rf "$scratch"' EXIT
# Some proxies become somebody else.
chmod 755 "$scratch"

openssl req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$scratch/key.pem" -out "$scratch/certificate.pem" \
    2>/dev/null
python3 scripts/proxies.py "$bin/ringgate" "$scratch" "$size" "$@"
