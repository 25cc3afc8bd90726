#!/usr/bin/env bash
# Clients of HTTP/2 that misuse what they may do, budget by budget, beside others that behave, against a release server:
# each has to be ended, told and counted, memory is bounded, and the others are served (docs/http2.md, "What a client may
# ask for"). One line a way of misuse; fails at an offender that is not ended or not counted, and at a request that fails.
#
# Usage: scripts/http2-floods.sh [small|full] [OFFENCE,OFFENCE...]
#        small (the default): 20 clients each, one round. full: 1,000 clients each, five rounds; some minutes.
#
# Builds with --release, or takes the binaries from RINGGATE_BIN (a folder). Needs two CPUs: the first is the server's.
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
rm -rf "$scratch"

case $size in
small) crowd=(--offenders 20 --rounds 1 --duration 1s --over 500ms) ;;
full) crowd=(--offenders 1000 --rounds 5 --duration 5s --over 4s) ;;
esac
exec "$bin/ringgate-bench" floods "${crowd[@]}" ${1:+--offences "$1"}
