#!/usr/bin/env bash
# mochiweb 3.1.1 (Erlang) ends a quoted parameter of a field at a semicolon inside the quotes.
#
# Expected: a semicolon inside a quoted string is part of it (RFC 9110 section 5.6.4); browsers send the name of a file as it is, so
# `filename="a;b.txt"` in a part of a form.
# Seen: `mochiweb_util:parse_header` gives the value `a` for it, and loses the rest. `mochiweb_multipart` reads the parts of a form with it. A quoted
# string without a semicolon is read well.
#
# The name of a file with a semicolon is cut there, its ending with it.
#
# Usage: findings/mochiweb-cuts-a-quoted-name-at-its-semicolon.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Erlang is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet erlang-base=1:25.2.3+dfsg-1+deb12u4 erlang-mochiweb=3.1.1-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib/erlang
export ROOTDIR=$lib BINDIR=$lib/erts-13.1.5/bin EMU=beam PROGNAME=erl

cat >main.erl <<'ERLANG'
-module(main).
-export([main/0]).

main() ->
    Read = fun(Field) ->
        Value = mochiweb_util:parse_header(Field),
        io:format("~s: ~p~n", [Field, Value]),
        Value
    end,
    {"form-data", Whole} = Read("form-data; name=\"file\"; filename=\"a b.txt\""),
    "a b.txt" = proplists:get_value("filename", Whole),
    {"form-data", Cut} = Read("form-data; name=\"file\"; filename=\"a;b.txt\""),
    "a" = proplists:get_value("filename", Cut).
ERLANG
"$BINDIR/erlexec" -noshell -boot "$lib/bin/start_clean" -pa "$lib/lib/mochiweb/ebin" . \
    -eval '{ok, main} = compile:file(main), main:main(), halt(0).'
echo "as described"
