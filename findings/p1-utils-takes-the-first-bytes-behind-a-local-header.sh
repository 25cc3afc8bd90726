#!/usr/bin/env bash
# p1_proxy_protocol of p1_utils 1.0.25 (Erlang; Debian package erlang-p1-utils 1.0.25-2) takes what the client sends behind a PROXY header of no addresses.
#
# Expected: a header of version 2 has 16 bytes and as many more as its length says, and LOCAL, as of a health check, comes with the length 0; what is
# behind it belongs to the connection (the PROXY protocol, section 2.2). "`p1_proxy_protocol` decodes HAproxy protocol (v1 and v2) headers" (its README).
# Seen: it reads as many bytes as the length says with `recv(Socket, Length)`, and a length of 0 means to `gen_tcp` all that has arrived. Of LOCAL and
# `ping` behind it, `decode` takes the four bytes, and the next `recv` times out. LOCAL with 12 bytes of addresses, and PROXY, leave `ping` where it is.
#
# Health checks of a balancer fail, or get an answer to the rest of what they asked.
#
# Usage: findings/p1-utils-takes-the-first-bytes-behind-a-local-header.sh
# Needs apt-get with the archive of Debian 12 and dpkg-deb; Erlang is fetched too. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet erlang-base=1:25.2.3+dfsg-1+deb12u4 erlang-p1-utils=1.0.25-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
lib=$work/package/usr/lib/erlang
export ROOTDIR=$lib BINDIR=$lib/erts-13.1.5/bin EMU=beam PROGNAME=erl

cat >main.erl <<'ERLANG'
-module(main).
-export([main/0]).

main() ->
    Addresses = <<192, 0, 2, 1, 192, 0, 2, 2, 1000:16, 443:16>>,
    {ok, Listener} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Listener),
    Seen = fun(Name, Header, Expected) ->
        {ok, Client} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}]),
        {ok, Server} = gen_tcp:accept(Listener),
        ok = gen_tcp:send(Client, [<<"\r\n\r\n\0\r\nQUIT\n">>, Header, <<"ping">>]),
        timer:sleep(200),
        {{_, _}, {_, _}} = p1_proxy_protocol:decode(gen_tcp, Server, 5000),
        Rest = gen_tcp:recv(Server, 4, 1000),
        io:format("behind ~s: ~p~n", [Name, Rest]),
        Expected = Rest,
        gen_tcp:close(Client),
        gen_tcp:close(Server)
    end,
    Seen("PROXY", [<<16#21, 16#11, 12:16>>, Addresses], {ok, <<"ping">>}),
    Seen("LOCAL with addresses", [<<16#20, 16#11, 12:16>>, Addresses], {ok, <<"ping">>}),
    Seen("LOCAL without addresses", <<16#20, 0, 0:16>>, {error, timeout}).
ERLANG
"$BINDIR/erlexec" -noshell -boot "$lib/bin/start_clean" -pa "$lib"/lib/p1_utils-*/ebin . \
    -eval '{ok, main} = compile:file(main), main:main(), halt(0).'
echo "as described"
