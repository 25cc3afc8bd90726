#!/usr/bin/env bash
# Runs the Autobahn|Testsuite, all of it, as a client against a WebSocket server, and counts what it found.
#
#   scripts/autobahn.sh                 the rooms alone: server/examples/websocket_echo.rs
#   scripts/autobahn.sh ws://HOST:PORT  a server that echoes and is running already; wss:// as well
#
# AUTOBAHN_CASES: the cases, such as "1.* 7.*"; all 517 by default. The protocol alone, without the large
# messages of 9.* and the compressed ones of 12.* and 13.*, is 247 of them and takes a minute.
# PYTHON2: a Python 2.7, which the test suite is written for. Without one, or with "none", its port to
# Python 3 (kosoku) is run, which has the same cases. Both are installed from PyPI into a temporary folder, with
# all that they need.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
server=''
clean_up() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap clean_up EXIT

url=${1:-}
if [[ -z $url ]]; then
    cargo build --quiet --release -p ringgate --example websocket_echo
    "${CARGO_TARGET_DIR:-target}/release/examples/websocket_echo" 127.0.0.1:0 >"$folder/url" &
    server=$!
    for _ in {1..100}; do
        url=$(cat "$folder/url")
        [[ -z $url ]] || break
        sleep 0.1
    done
fi
[[ $url == ws://* || $url == wss://* ]] || { echo "not ws://HOST:PORT: '$url'"; exit 2; }
read -ra cases <<<"${AUTOBAHN_CASES:-*}"

python2() {
    local found
    [[ ${PYTHON2:-} != none ]] || return 0
    for found in "${PYTHON2:-}" python2.7 "$HOME"/.pyenv/versions/2.7.*/bin/python; do
        if [[ -n $found ]] && "$found" -c 'import sys; sys.exit(sys.version_info[:2] != (2, 7))' 2>/dev/null; then
            echo "$found"
            return
        fi
    done
}

run_original() {
    "$1" -m pip install --quiet --target "$folder/tool" 'virtualenv<20.22' 2>/dev/null
    PYTHONPATH="$folder/tool" "$1" -m virtualenv --quiet "$folder/venv"
    "$folder/venv/bin/pip" install --quiet autobahntestsuite 2>/dev/null
    local listed
    listed=$(printf ', "%s"' "${cases[@]}")
    cat >"$folder/spec.json" <<SPEC
{"outdir": "$folder/report", "servers": [{"agent": "ringgate", "url": "$url"}],
 "cases": [${listed:2}], "exclude-cases": [], "exclude-agent-cases": {}}
SPEC
    "$folder/venv/bin/wstest" --mode fuzzingclient --spec "$folder/spec.json" >"$folder/log" 2>&1 || {
        tail -n 20 "$folder/log"
        return 1
    }
}

run_port() {
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet kosoku
    local include=() case
    for case in "${cases[@]}"; do
        [[ $case == '*' ]] || include+=(--include "$case")
    done
    "$folder/venv/bin/kosoku" "${include[@]}" --outdir "$folder/report" "${url#ws://}" >"$folder/log" 2>&1 || {
        tail -n 20 "$folder/log"
        return 1
    }
}

original=$(python2)
if [[ -n $original ]]; then
    echo "Autobahn|Testsuite against $url"
    run_original "$original"
else
    echo "Autobahn|Testsuite, its port to Python 3, against $url"
    run_port
fi

# Cases whose behaviour or whose closing handshake is not what it should be are named.
python3 - "$folder/report/index.json" <<'COUNT'
import collections
import json
import sys

with open(sys.argv[1]) as index:
    (results,) = json.load(index).values()
sound = {"OK", "INFORMATIONAL"}
counts = collections.Counter(result["behavior"] for result in results.values())
bad = {
    case: result
    for case, result in results.items()
    if not {result["behavior"], result["behaviorClose"]} <= sound
}
for case in sorted(bad, key=lambda case: [int(part) for part in case.split(".")]):
    print(case, bad[case]["behavior"], "closing:", bad[case]["behaviorClose"])
print(", ".join(f"{count} {name}" for name, count in sorted(counts.items())))
print(f"{len(results) - len(bad)} of {len(results)} cases passed")
sys.exit(bool(bad))
COUNT
