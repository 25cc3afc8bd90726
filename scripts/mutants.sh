#!/usr/bin/env bash
# Changes the code on purpose, one place at a time, and asks the tests whether they see it: the gate, the coordinator's
# plan and rules, exchanges and streams, parsers, the record layer of TLS, HPACK. A change that no test sees stands for a
# test that is missing, or for code that is not needed. cargo-mutants lists the changes; scripts/mutants puts all of them
# into one build, in which the environment chooses one, so that a change costs a run of the tests that are about it.
#
# Usage: scripts/mutants.sh [build | PARTS] [PART...]
#        PARTS: one of so many changes is tried, spread over all of them (default 100; 1 tries each: an hour on two cores).
#        PART:  admission, coordinator, http1, http2, websocket, tls (all by default).
# JOBS: changes at a time (one a CPU). BUILT=1: as it was built by `build`. FIRST: which of the parts (default 1).
#
# Prints each change that was not seen, and ends with 1 if there was one without a reason in scripts/mutants.txt. Works on
# a copy of the tree, with a target folder of its own. Needs cargo-mutants (cargo install --locked cargo-mutants).
set -euo pipefail
cd "$(dirname "$0")/.."

parts=${1:-100}
shift || true
case $parts in
build) ;;
*[!0-9]* | 0*) sed -n '7,9s/^# *//p' "$0" >&2 && exit 64 ;;
esac
(($#)) || set -- admission coordinator http1 http2 websocket tls
target=$(realpath -m "${CARGO_TARGET_DIR:-target}/mutants")
tree=$target/tree
# What is pure, by the tests that are about it; those over sockets see more, and take minutes for each change. What these
# do not see is given to all of the tests that are built.
declare -A files=(
    [admission]='admission/**' [coordinator]='coordinator/plan.rs coordinator/rules/**' [http1]='http1/**'
    [http2]='http2/**' [websocket]='websocket/**' [tls]='tls/record/** tls/handshake/**'
)
export tests_admission='lib:admission:: simulated_gate:'
export tests_coordinator='lib:coordinator::'
export tests_http1='lib:http1:: http_protocol:'
export tests_http2='http2:budgets,carrying,codes,compression,conversation,cuts,differential,frames,life_cycles,pieces,places,priorities,requests,times,windows,answers'
export tests_websocket='lib:websocket:: websocket:'
export tests_tls='lib:tls:: simulated_tls: simulated_tls_limits: tls:'
every=(http_protocol http2 websocket tls simulated_gate simulated_tls simulation)

build() {
    command -v cargo-mutants >/dev/null || {
        echo "cargo-mutants is missing: cargo install --locked cargo-mutants" >&2
        return 1
    }
    mkdir -p "$tree"
    git ls-files -z | tar --null -T - -cf - | tar -C "$tree" -xf -
    local -a listed=()
    local part file
    for part; do
        [[ -n ${files[$part]:-} ]] || {
            echo "$part is no part: ${!files[*]}" >&2
            return 2
        }
        set -f
        for file in ${files[$part]}; do listed+=("--file=server/src/$file"); done
        set +f
    done
    # What is compiled for tests alone is none of it.
    cargo mutants --list --json --package ringgate "${listed[@]}" --exclude='server/src/**/*tests.rs' \
        --exclude='server/src/admission/model.rs' --exclude='server/src/admission/loom.rs' >"$target/list.json"
    cargo build --quiet --locked --manifest-path scripts/mutants/Cargo.toml --target-dir "$target/tool"
    local tool=$target/tool/debug/ringgate-mutants round
    # Faster than it is quick to build, and nobody looks at it with a debugger.
    local -a cargo=(--locked --package ringgate --config 'profile.dev.package.ringgate.opt-level=1'
        --config 'profile.dev.package.ringgate.debug=0' --message-format=json)
    : >"$target/dropped"
    for ((round = 0; round < 30; round++)); do
        "$tool" splice . "$tree" "$target/list.json" "$target/dropped" >"$target/names"
        if (cd "$tree" && CARGO_TARGET_DIR=$target cargo check "${cargo[@]}" --lib >"$target/messages") &&
            (cd "$tree" && CARGO_TARGET_DIR=$target cargo test "${cargo[@]}" --no-run --lib "${every[@]/#/--test=}" \
                >"$target/messages"); then
            jq -r 'select(.executable and .profile.test) | .target.name + " " + .executable' "$target/messages" |
                sed 's/^ringgate /lib /' >"$target/programs"
            return 0
        fi
        "$tool" dropped "$tree" <"$target/messages" >>"$target/dropped" || break
    done 2>"$target/log"
    tail -n 40 "$target/log" >&2
    return 1
}

# Whether these tests pass with a change: run NUMBER TESTS... The first one that fails ends them. One that never ends comes to
# the limit of its time.
run() {
    local number=$1 out=$target/runs/$1 test names pid
    shift
    for test; do
        IFS=, read -ra names <<<"${test#*:}"
        rm -f "$out"
        mkfifo "$out"
        (cd "$tree/server" && ulimit -v 8000000 -t "$cpu" && RINGGATE_MUTANT=$number exec timeout 300 \
            "$(awk -v name="${test%%:*}" '$1 == name { print $2 }' "$target/programs")" "${names[@]}") \
            >"$out" 2>&1 </dev/null &
        pid=$!
        if grep -m1 ' FAILED$' "$out" >"$out.failed"; then
            kill "$pid" 2>/dev/null || true
            wait "$pid" 2>/dev/null || true
            return 1
        fi
        wait "$pid" 2>/dev/null || return 1
    done
}

# Tries one change, a line of the names: prints `seen` or `unseen`, and its name.
try() {
    local number=${1%%$'\t'*} name=${1#*$'\t'} part
    part=$(cut -d/ -f3 <<<"$name")
    local tests=tests_$part
    # shellcheck disable=SC2086 # A list of words.
    if PROPTEST_CASES=32 run "$number" ${!tests} && cpu=60 run "$number" $all; then
        echo "unseen $name"
    else
        echo "seen $name"
    fi
    rm -f "$target/runs/$number" "$target/runs/$number.failed"
}

[[ ${BUILT:-} == 1 ]] || build "$@"
[[ $parts != build ]] || exit 0
mkdir -p "$target/runs"
all=$(cut -d' ' -f1 "$target/programs" | sed 's/$/:/' | tr '\n' ' ')
export target tree all cpu=60
export -f run try
# shellcheck disable=SC2086
run 0 $all || {
    cat "$target/runs/0.failed" >&2
    echo "the tests fail without any change" >&2
    exit 1
}
cpu=20
grep -E "server/src/($(tr ' ' '|' <<<"$*"))/" "$target/names" | awk -v parts="$parts" -v first="${FIRST:-1}" \
    'NR % parts == first % parts' |
    xargs -d '\n' -P "${JOBS:-$(nproc)}" -I{} bash -euo pipefail -c 'try "$1"' _ {} >"$target/result"
sed -n 's/^unseen //p' "$target/result" | sort >"$target/unseen"
# By name without the line, which moves.
status=0
while IFS= read -r name; do
    short=$(sed -E 's/^([^:]*):[0-9]+:[0-9]+:/\1:/' <<<"$name")
    if grep -qxF "$short" scripts/mutants.txt; then
        echo "excused $name"
    else
        echo "unseen $name"
        status=1
    fi
done <"$target/unseen"
awk -v listed="$(jq length "$target/list.json")" -v built="$(wc -l <"$target/names")" '
    { count[$1]++ }
    END { printf "%d tried, %d not seen (%.1f %%); of %d changes %d compile and can be tried\n", NR, count["unseen"],
        100 * count["unseen"] / (NR ? NR : 1), listed, built }' "$target/result"
exit "$status"
