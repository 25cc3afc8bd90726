#!/usr/bin/env bash
# A storm over everything: twelve ways of load at once (HTTP/1.1 kept, pipelined, and with a connection for each request,
# HTTP/2, WebSocket; each of them with and without TLS) while the number of cores changes at random, cores block, spin
# and panic, the server is upgraded, and the new or the old process of an upgrade is killed at each step of
# the hand-over. Fails unless every request is answered once and right, or was lost on a connection of what was killed.
#
# Usage: scripts/storm-everything.sh [ci|small|full] [SEED]
#        ci: some of the troubles. small: every trouble once, under 2,000 requests or more in each way.
#        full: 1,000,000 in each, in some ten minutes on two CPUs.
#
# Builds with --release, or takes the binaries from RINGGATE_BIN (a folder).
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-small} in
ci) what=(--requests 1000 --one-in 5) ;;
small) what=(--requests 2000) ;;
full) what=(--requests 1000000) ;;
*)
    echo "usage: scripts/storm-everything.sh [ci|small|full] [SEED]" >&2
    exit 2
    ;;
esac
source scripts/common.sh
trap 'rm -rf "$scratch"' EXIT
"$bin/ringgate-bench" upheaval "${what[@]}" --seed "${2:-1}"
