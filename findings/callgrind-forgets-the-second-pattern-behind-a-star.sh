#!/usr/bin/env bash
# Callgrind of valgrind 3.19.0 (Debian package 1:3.19.0-1): of two --toggle-collect patterns that are the same up to a star and
# differ behind it, only the first one counts.
#
# Expected: "You can specify this option multiple times to specify different functions, with glob patterns" (manual of Callgrind,
# --toggle-collect): what both functions do is collected, as with their full names.
# Seen: `*work*one` with `*work*two` collects what `*work*one` collects alone, and says nothing. Full names, patterns that differ
# before their first star, and each pattern alone count right.
#
# Names of Rust and C++ are long and mangled, so that such patterns are how one writes them: a count of two parts of a program
# is then the count of one of them.
#
# Usage: findings/callgrind-forgets-the-second-pattern-behind-a-star.sh
# Needs gcc, apt-get with the archive of Debian 12, and dpkg-deb. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet valgrind=1:3.19.0-1 >/dev/null
dpkg-deb --extract valgrind_*.deb package
export VALGRIND_LIB=$work/package/usr/libexec/valgrind

cat >work.c <<'C'
volatile int sum;
__attribute__((noinline)) static void work_one(void) { for (int i = 0; i < 1000; i++) sum += i; }
__attribute__((noinline)) static void work_two(void) { for (int i = 0; i < 3000; i++) sum += i; }
int main(void) {
    for (int i = 0; i < 10; i++) { work_one(); work_two(); }
    return 0;
}
C
gcc -O1 -o work work.c

# collected PATTERN...: instructions that were collected.
collected() {
    package/usr/bin/valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
        "${@/#/--toggle-collect=}" ./work 2>&1 | awk '/Collected/ { print $NF }'
}

one=$(collected '*work*one')
two=$(collected '*work*two')
named=$(collected work_one work_two)
early=$(collected '*work_one*' '*work_two*')
both=$(collected '*work*one' '*work*two')
echo "each alone: $one and $two; by full names: $named; *work_one* and *work_two*: $early; *work*one and *work*two: $both"
((one > 0 && two > one && named == one + two && early == named))
((both == one))
echo "as described"
