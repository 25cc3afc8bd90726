#!/usr/bin/env bash
# What two cores of one server cost beside two servers of one core each, which share nothing: processor time a request
# and requests a second, in rounds that take turns; and how evenly the kernel shares connections out between two cores.
#
# Usage: scripts/two-cores.sh [ROUNDS [SECONDS]]
#
# Each has 64 connections, one GET /plaintext after the other on each. Servers and load have the same two CPUs, so requests
# a second say what both together can do. For a request it matters whether its client has the CPU of its core, so each
# server, and each of two, is asked from either CPU alike; the ratios compare like with like. Rows:
#   two-servers   two servers, each on a CPU of its own
#   two-cores     one server of two cores
#   max-threads   one of two cores with a limit on requests in force, whose count all cores share
#   one-core      one server of one core, which has a CPU for itself as the load has the other
# Needs two CPUs with nothing else to do, and jq.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-6} seconds=${2:-2}
if ! [[ $rounds =~ ^[1-9][0-9]*$ && $seconds =~ ^[1-9][0-9]*$ ]]; then
    echo "usage: scripts/two-cores.sh [ROUNDS [SECONDS]], two numbers" >&2
    exit 2
fi
source scripts/common.sh
servers=()
finish() {
    ((${#servers[@]} == 0)) || kill "${servers[@]}" 2>/dev/null || true
    rm -rf "$scratch"
}
trap finish EXIT

# serve NTH CPUS ARGUMENTS...: starts a server and adds where it listens to urls.
serve() {
    local log="$scratch/$1.log" cpus=$2 i
    control="$scratch/$1.sock"
    shift 2
    taskset -c "$cpus" "$bin/ringgate" --listen 127.0.0.1:0 --control "$control" "$@" 2>"$log" &
    servers+=("$!")
    for ((i = 0; i < 500; i++)); do
        if url=$(grep -oE 'http://[0-9.:]+' "$log" 2>/dev/null | head -n 1); then
            urls+=("$url")
            return
        fi
        sleep 0.02
    done
    echo "a server did not say where it listens:" >&2
    cat "$log" >&2
    exit 1
}

# Nanoseconds on a CPU of all threads of the servers (/proc/PID/task/TID/schedstat).
used() {
    local pid files=()
    for pid in "${servers[@]}"; do
        files+=("/proc/$pid/task/"*/schedstat)
    done
    awk '{ sum += $1 } END { printf "%.0f\n", sum }' "${files[@]}"
}

# measure NAME CPU...: a load generator on each of these CPUs for each of urls.
measure() {
    local name=$1 loads=() url cpu before each
    shift
    each=$((64 / (${#urls[@]} * $#)))
    for url in "${urls[@]}"; do
        "$bin/ringgate-bench" load --url "$url/plaintext" -c 8 -d 300ms --cpu "$1" >/dev/null
    done
    before=$(used)
    for url in "${urls[@]}"; do
        for cpu in "$@"; do
            "$bin/ringgate-bench" load --url "$url/plaintext" -c "$each" -d "${seconds}s" \
                --verify plaintext --json --cpu "$cpu" >"$scratch/load${#loads[@]}" &
            loads+=("$!")
        done
    done
    if [[ $name == two-cores ]]; then
        sleep 0.5
        ctl status --json | jq -r '[.cores[].connections.open] | @tsv' >>"$scratch/balance"
    fi
    local load
    for load in "${loads[@]}"; do
        wait "$load" || {
            echo "$name: a load failed" >&2
            exit 1
        }
    done
    local after
    after=$(used)
    cat "$scratch"/load[0-9] | jq -s --arg name "$name" --argjson used "$((after - before))" \
        '{name: $name, ok: map(.ok) | add, failed: map(.issued - .ok) | add, rate: map(.requests_per_second) | add,
          used: $used}' >>"$scratch/rows"
    rm "$scratch"/load[0-9]
    kill -INT "${servers[@]}"
    wait "${servers[@]}" || true
    servers=()
}

for ((round = 0; round < rounds; round++)); do
    names=(one-core two-servers two-cores max-threads)
    for ((turn = 0; turn < ${#names[@]}; turn++)); do
        name=${names[(turn + round) % ${#names[@]}]}
        urls=()
        case $name in
        one-core)
            serve a 0 --cores 1
            measure "$name" 1
            ;;
        two-servers)
            serve a 0 --cores 1
            serve b 1 --cores 1
            measure "$name" 0 1
            ;;
        *)
            if [[ $name == max-threads ]]; then limit=(--max-threads 1000); else limit=(); fi
            serve a 0,1 --cores 2 "${limit[@]}"
            urls+=("${urls[0]}")
            measure "$name" 0 1
            ;;
        esac
    done
done

jq -rs '
  def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;
  def shown: . * 100 | round / 100;
  . as $rows | [.[].name] | unique | .[] | . as $name
  | [$rows[] | select(.name == $name)] as $of | [$rows[] | select(.name == "two-servers")] as $to
  | [range($of | length) | {cpu: ($of[.].used / $of[.].ok / 1000),
      cpu_ratio: (($of[.].used / $of[.].ok) / ($to[.].used / $to[.].ok)), rate_ratio: ($of[.].rate / $to[.].rate)}]
  | "\($name)\tCPU \(map(.cpu) | median | shown) us a request\tby that of two-servers " +
    "\(map(.cpu_ratio) | median | shown) [\(map(.cpu_ratio) | min | shown), \(map(.cpu_ratio) | max | shown)]\t" +
    "\([$of[].rate] | median | round) requests/s\tby that of two-servers " +
    "\(map(.rate_ratio) | median | shown) [\(map(.rate_ratio) | min | shown), \(map(.rate_ratio) | max | shown)]\t" +
    "\([$of[].failed] | add) failed"' "$scratch/rows"
jq -rs '
  def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;
  def shown: . * 1000 | round / 1000;
  [.[] | select(.name == "max-threads") | .used / .ok] as $with
  | [.[] | select(.name == "two-cores") | .used / .ok] as $without
  | [range($with | length) | $with[.] / $without[.]]
  | "the limit alone: CPU a request with it by that without it, of the same round: " +
    "\(median | shown) [\(min | shown), \(max | shown)]"' "$scratch/rows"
echo 'connections of the two cores, of 64, a round a line:'
cat "$scratch/balance"
