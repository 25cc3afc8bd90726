#!/usr/bin/env bash
# folsom 0.8.2 (Erlang; Debian package 0.8.2+dfsg-3) keeps one value of each second in a sample of a thousand, tells the mean rate of a meter by the
# microsecond, and never lets go of one value of a uniform sample.
#
# Expected: `exdec` "exponentially decays less significant readings over time", with the size as given; in `uniform`, "when `size` readings have been
# taken, new readings replace older readings in the reservoir at random"; meters have "mean rates and exponentially weighted moving averages" (its
# README), and the averages are by the second.
# Seen: the priority of a reading in `exdec` is divided by a whole number up to the count of those that are kept, which is 1 at first, so readings of the
# same second have the same key and replace each other: of a thousand in a sample of 1028 two are left at most. A meter with 500 events in six seconds
# has the averages 100 and the mean 0.00008. In `uniform`, what came to the last place stays there: of size 4, the fourth reading is among any 10000.
#
# Percentiles of `exdec` are those of one request per second; alarms on the mean rate never ring.
#
# Usage: findings/folsom-keeps-one-value-of-each-second.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Erlang is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet erlang-base=1:25.2.3+dfsg-1+deb12u4 erlang-folsom=0.8.2+dfsg-3 erlang-bear=0.8.2+dfsg-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib/erlang
export ROOTDIR=$lib BINDIR=$lib/erts-13.1.5/bin EMU=beam PROGNAME=erl

cat >main.erl <<'ERLANG'
-module(main).
-export([main/0]).

sample(Name, Count) ->
    [folsom_metrics:notify({Name, Reading}) || Reading <- lists:seq(1, Count)],
    folsom_metrics:get_metric_value(Name).

main() ->
    {ok, _} = application:ensure_all_started(folsom),
    folsom_metrics:new_meter(meter),
    folsom_metrics:notify({meter, 500}),

    folsom_metrics:new_histogram(decaying, exdec, 1028, 0.015),
    Decaying = sample(decaying, 1000),
    io:format("exdec of 1028: ~b of 1000 readings~n", [length(Decaying)]),
    true = length(Decaying) =< 2,

    folsom_metrics:new_histogram(uniform, uniform, 4),
    Uniform = sample(uniform, 10000),
    io:format("uniform of 4, behind 10000 readings: ~w~n", [Uniform]),
    true = lists:member(4, Uniform),

    timer:sleep(6000),
    Meter = folsom_metrics:get_metric_value(meter),
    {_, One} = lists:keyfind(one, 1, Meter),
    {_, Mean} = lists:keyfind(mean, 1, Meter),
    io:format("500 events in six seconds: average of a minute ~p, mean ~p~n", [One, Mean]),
    true = One > 50 andalso Mean < 0.001.
ERLANG
"$BINDIR/erlexec" -noshell -boot "$lib/bin/start_clean" -pa "$lib"/lib/folsom-*/ebin "$lib"/lib/bear-*/ebin . \
    -eval '{ok, main} = compile:file(main), main:main(), halt(0).'
echo "as described"
