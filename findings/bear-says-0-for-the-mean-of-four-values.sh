#!/usr/bin/env bash
# bear 0.8.2 (Erlang, the statistics of folsom) says that a set of four values holds none, and that all about them is 0.
#
# Expected: `bear:get_statistics(Values)` gives smallest, largest, mean and percentiles of the values, and `n`, how many they are.
# Seen: of `[1, 2, 3, 4]` it gives n 0 and 0.0 for all else: min, max, arithmetic mean, median, standard deviation and each percentile; so with any
# list of fewer than five values. With five all is there. `get_statistics_subset` does the same.
#
# A service with less than five requests in the window is shown as one that had none and answers in no time, however slow they were.
#
# Usage: findings/bear-says-0-for-the-mean-of-four-values.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Erlang is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet erlang-base=1:25.2.3+dfsg-1+deb12u4 erlang-bear=0.8.2+dfsg-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib/erlang
export ROOTDIR=$lib BINDIR=$lib/erts-13.1.5/bin EMU=beam PROGNAME=erl

cat >main.erl <<'ERLANG'
-module(main).
-export([main/0]).

main() ->
    Of = fun(Values) ->
        All = bear:get_statistics(Values),
        [proplists:get_value(Key, All) || Key <- [n, min, max, arithmetic_mean, median]]
    end,
    [io:format("~w: n, min, max, mean, median: ~w~n", [Values, Of(Values)]) || Values <- [[1, 2, 3, 4], [1, 2, 3, 4, 5]]],
    [0, 0.0, 0.0, 0.0, 0.0] = Of([1, 2, 3, 4]),
    [0, 0.0, 0.0, 0.0, 0.0] = Of([7]),
    [5, 1, 5, 3.0, 3] = Of([1, 2, 3, 4, 5]),
    [{max, 0.0}, {min, 0.0}] = bear:get_statistics_subset([1, 2, 3, 4], [max, min]).
ERLANG
"$BINDIR/erlexec" -noshell -boot "$lib/bin/start_clean" -pa "$lib/lib/bear-0.8.2/ebin" . \
    -eval '{ok, main} = compile:file(main), main:main(), halt(0).'
echo "as described"
