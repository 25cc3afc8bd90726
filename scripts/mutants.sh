#!/usr/bin/env bash
# Changes the code on purpose, one place at a time, and asks the tests whether they see it (cargo-mutants): the gate, the
# coordinator's plan and rules, exchanges and streams, parsers, the record layer of TLS, HPACK. A change that no test
# sees stands for a test that is missing, or for code that is not needed.
#
# Usage: scripts/mutants.sh [PARTS] [PART...]
#        PARTS: one of so many changes is tried, spread over all of them (default 100; 1 tries each: days on two cores).
#        PART:  admission, coordinator, http1, http2, websocket, tls (all by default).
#
# Prints each change that was not seen, and ends with 1 if there was one. Needs cargo-mutants
# (cargo install --locked cargo-mutants). Works on a copy of the tree, with a target folder of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo-mutants >/dev/null || {
    echo "cargo-mutants is missing: cargo install --locked cargo-mutants" >&2
    exit 1
}
parts=${1:-100}
shift || true
(($#)) || set -- admission coordinator http1 http2 websocket tls
target=$(realpath -m "${CARGO_TARGET_DIR:-target}/mutants")

# What is pure, by the tests that are about it; those over sockets see more, and take minutes for each change.
# try_part GLOB,GLOB... TEST_TARGETS [NAME...]: the names choose among the tests of the targets.
status=0
try_part() {
    local code=0
    local test
    local -a files=() tests=(--cargo-arg=--locked)
    IFS=, read -ra files <<<"$1"
    # To the build as well, which would make every test of the package otherwise.
    for test in $2; do tests+=("--cargo-arg=$test"); done
    shift 2
    CARGO_TARGET_DIR=$target cargo mutants --package ringgate "${files[@]/#/--file=}" \
        --shard "0/$parts" --sharding round-robin --output "$target/of" \
        --baseline skip --timeout 300 --build-timeout 900 "${tests[@]}" \
        -- -- "$@" || code=$?
    # 2: a change was not seen. 3: one ran into the time limit, which shows.
    case $code in
    0 | 3) ;;
    *) status=1 ;;
    esac
}

mkdir -p "$target/of"
for part; do
    echo "== $part"
    case $part in
    admission) try_part 'server/src/admission/**' '--lib --test=simulated_gate' admission:: whatever ;;
    coordinator) try_part 'server/src/coordinator/plan.rs,server/src/coordinator/rules/**' --lib coordinator:: ;;
    http1)
        try_part 'server/src/http1/**' '--lib --test=http_protocol' \
            http1:: answers:: bodies:: conversation:: heads:: life_cycle:: properties::
        ;;
    http2)
        try_part 'server/src/http2/**' '--test=http2' budgets:: carrying:: compression:: conversation:: cuts:: \
            differential:: frames:: life_cycles:: pieces:: requests:: times:: windows:: answers::
        ;;
    websocket) try_part 'server/src/websocket/**' '--test=websocket' ;;
    tls) try_part 'server/src/tls/record/**,server/src/tls/handshake/**' '--test=simulated_tls --test=tls' ;;
    *)
        echo "$part is no part: admission, coordinator, http1, http2, websocket, tls" >&2
        exit 2
        ;;
    esac
done
exit "$status"
