#!/usr/bin/env bash
# Two senders for Perl take the body `0` for none: Net::Stomp 0.61 (Debian package 0.61-2) says that it is one byte long and leaves it out,
# FCGI::Client 0.09 (0.09-1) sends no body.
#
# Expected: a frame of STOMP has as many bytes of body as its content-length says, and a NULL behind them (STOMP 1.2, "Frame"). The body of a request
# of FastCGI comes in records FCGI_STDIN; CONTENT_LENGTH says how long it is (FastCGI 1.0, section 6.2).
# Seen: a message of bytes `0` is written with `content-length:1` and the NULL of the frame where the body should be: a reader takes the NULL for the
# message, and misses the end of the frame. FCGI::Client writes the empty record that ends the body, and none before it, while CONTENT_LENGTH is 1.
# With the body `1` both are right.
#
# Usage: findings/two-senders-for-perl-send-nothing-for-a-0.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnet-stomp-perl=0.61-2 libfcgi-client-perl=0.09-1 libclass-accessor-perl=0.51-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use FCGI::Client::RecordFactory;
use Net::Stomp::Frame;

# The bodies of all records FCGI_STDIN of a request.
sub stdin_of {
    my $request = shift;
    my @bodies;
    while (length $request) {
        my (undef, $type, undef, $length, $padding) = unpack 'CCnnC', $request;
        push @bodies, substr $request, 8, $length if $type == 5;
        substr $request, 0, 8 + $length + $padding, '';
    }
    return join '|', map { "'$_'" } @bodies;
}

for my $case (['1', "1 then '1' and NULL", "'1'|''"], ['0', "1 then '' and NULL", "''"]) {
    my ($body, $stomp, $fastcgi) = @$case;
    my $frame = Net::Stomp::Frame->new({ command => 'SEND', headers => { bytes_message => 1 }, body => $body })->as_string;
    my ($length, $sent) = $frame =~ /\ASEND\ncontent-length:(\d+)\n\n(.*)\0\z/s;
    my $read = Net::Stomp::Frame->parse($frame)->body;
    my $stdin = stdin_of(FCGI::Client::RecordFactory->create_request(1, { CONTENT_LENGTH => 1 }, $body));
    print "body '$body': STOMP says $length then '$sent' and NULL; FastCGI sends $stdin\n";
    die 'STOMP' if "$length then '$sent' and NULL" ne $stomp or $read ne ($body || "\0");
    die 'FastCGI' if $stdin ne $fastcgi;
}
PERL
perl main.pl
echo "as described"
