#!/usr/bin/env bash
# What the runtime does with memory, under Miri (https://github.com/rust-lang/miri), which looks at each access: the whole
# life of operations on the simulated ring, with its faults, and with full also lent buffers, pages, timers, lanes and
# mailboxes. Miri plays no io_uring: tests that ask the kernel say so, and are left out.
#
# Usage: scripts/miri.sh [small|full]
#        small (the default): operations; seven minutes of one CPU. full: every test of the library too; four more.
#
# Needs a nightly toolchain with Miri, which is installed where it is missing. Ends with 3 where none can be had.
set -euo pipefail
cd "$(dirname "$0")/.."

size=${1:-small}
case $size in
small | full) ;;
*)
    echo "$size is no size: small or full" >&2
    exit 2
    ;;
esac
if ! cargo +nightly miri --version 2>/dev/null; then
    rustup toolchain install nightly --profile minimal --component miri,rust-src || {
        echo "NOT CHECKED: memory under Miri. No nightly toolchain that has it can be had from here."
        exit 3
    }
fi
# /proc, clocks and sockets are those of this machine. Of each property few cases, since each takes seconds.
export MIRIFLAGS="${MIRIFLAGS:-} -Zmiri-disable-isolation"
export PROPTEST_CASES="${PROPTEST_CASES:-4}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/miri"
run() { cargo +nightly miri test --locked --package ringgate-runtime "$@"; }
run --test simulated
if [[ $size == full ]]; then
    run --lib
fi
