#!/usr/bin/env bash
# Protocol::WebSocket 0.26 (Perl; Debian package 0.26-3): its client stops at a message `0` or an empty one, and hands pings and closes out as
# messages.
#
# Expected: the client "parses incoming data and on every frame calls on_read" (its documentation). A ping carries application data of its own, and no
# message (RFC 6455 section 5.5.2).
# Seen: of `1`, `0` and `2` in one packet `1` is handed out; `0` is lost for ever, since Perl takes it for false, and `2` comes with the next packet.
# An empty message does the same. The data of a ping and the code and reason of a Close come to `read` as text, and nothing tells which they are; no
# pong is sent.
#
# A counter that reaches 0, or an empty line of a log, and what follows is late by a message from then on.
#
# Usage: findings/protocol-websocket-stops-at-a-message-that-is-0.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libprotocol-websocket-perl=0.26-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >messages.pl <<'PERL'
use strict;
use warnings;
use Protocol::WebSocket::Client;
use Protocol::WebSocket::Frame;
use Protocol::WebSocket::Handshake::Server;

# A client whose handshake is done, and what it has handed out and sent since.
sub connected {
    my (@read, @sent);
    my $client = Protocol::WebSocket::Client->new(url => 'ws://localhost/');
    my $handshake = Protocol::WebSocket::Handshake::Server->new;
    $client->on(write => sub { push @sent, $_[1] });
    $client->on(read => sub { push @read, $_[1] });
    $client->connect;
    my $request = shift @sent;
    $handshake->parse($request) or die $handshake->error;
    my $answer = $handshake->to_string;
    $client->read($answer);
    return ($client, \@read, \@sent);
}

sub frame {
    return Protocol::WebSocket::Frame->new(@_)->to_bytes;
}

for my $case ([['1', '2', '3'], '1|2|3', '1|2|3|next'], [['1', '0', '2'], '1', '1|2|next'], [['1', '', '2'], '1', '1|2|next']) {
    my ($messages, @expected) = @$case;
    my ($client, $read) = connected();
    my $packet = join '', map { frame(buffer => $_) } @$messages;
    $client->read($packet);
    my @seen = join '|', @$read;
    my $next = frame(buffer => 'next');
    $client->read($next);
    push @seen, join '|', @$read;
    print "sent ", join('|', @$messages), ": handed out $seen[0]; behind the next packet $seen[1]\n";
    die "@expected" if "@seen" ne "@expected";
}

my ($client, $read, $sent) = connected();
my $packet = frame(buffer => 'beat', type => 'ping') . frame(buffer => "\x03\xe8bye", type => 'close');
$client->read($packet);
my $handed = join '|', map { s/^[^a-z]+//r } @$read;
print "a ping and a Close: handed out $handed, sent ", scalar @$sent, " frames\n";
die 'control frames' if $handed ne 'beat|bye' or @$sent;
PERL
perl messages.pl
echo "as described"
