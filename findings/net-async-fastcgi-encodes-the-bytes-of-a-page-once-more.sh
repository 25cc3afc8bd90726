#!/usr/bin/env bash
# Net::Async::FastCGI::PSGI 0.25 (Perl; Debian package 0.25-2) encodes the bytes of a page as UTF-8 once more, hands out decoded bodies, and takes
# the fields out of an answer that is used again.
#
# Expected: a PSGI server writes each element of a body as it is, and `psgi.input` streams the raw data of the request; its `read` takes an offset,
# as `read` of Perl does (PSGI specification, Body and The Input Stream). The class is "a gateway" for such an application (its manual).
# Seen: the five bytes of `café` in UTF-8 come out as seven, and the eight first bytes of a PNG as nine. Of a body of five bytes `read` gives four
# letters. With an offset it writes at the start of the buffer. An application that answers twice with one constant array answers without a single
# field the second time. `default_encoding`, which its manual names a parameter of `new`, has no effect there; where `configure` sets it to Latin-1,
# all bytes are right, in and out. ASCII is right.
#
# Each image and each page that is not English is broken, and the browser must guess the type of a constant page.
#
# Usage: findings/net-async-fastcgi-encodes-the-bytes-of-a-page-once-more.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnet-async-fastcgi-perl=0.25-2 libnet-fastcgi-perl=0.14-2 libio-async-perl=0.802-1 libfuture-perl=0.49-1 \
    libstruct-dumb-perl=0.14-1 libmetrics-any-perl=0.09-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use IO::Async::Loop;
use IO::Socket::INET;
use Net::Async::FastCGI::PSGI;
use Net::FastCGI::Protocol qw(build_begin_request get_record_length parse_record);

my $loop = IO::Async::Loop->new;

# What an application answers to a request with a body, up to the end of the connection.
sub answer {
    my ($app, $body, $new, $configure) = @_;
    my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die $!;
    my $server = Net::Async::FastCGI::PSGI->new(handle => $listener, app => $app, %$new);
    $server->configure(%$configure) if $configure;
    $loop->add($server);
    my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $listener->sockport) or die $!;
    syswrite $client, build_begin_request(1, 1, 0, { REQUEST_METHOD => 'POST', CONTENT_LENGTH => length $body }, $body);
    $client->blocking(0);
    my ($records, $page) = ('', '');
    for (1 .. 100) {
        $loop->loop_once(0.1);
        my $count = sysread $client, $records, 4096, length $records;
        last if defined $count && $count == 0;
    }
    $loop->remove($server);
    while (length $records) {
        my ($type, undef, $content) = parse_record(substr $records, 0, get_record_length($records), '');
        $page .= $content if $type == 6;
    }
    return $page;
}

sub shown { my $text = shift; $text =~ s/([^ -~])/sprintf '\x%02x', ord $1/ger }
sub same { print "$_[0]: ", shown($_[1]), "\n"; $_[1] eq $_[2] or die 'it is not ', shown($_[2]), "\n" }

my $field = "Status: 200\r\nContent-Type: text/plain\r\n\r\n";
my ($cafe, $png) = ("caf\xc3\xa9", "\x89PNG\r\n\x1a\n");
my $page = sub { my $bytes = shift; sub { [200, ['Content-Type' => 'text/plain'], [$bytes]] } };
my @none = ({}, { default_encoding => 'iso-8859-1' });
same('ASCII', answer($page->('cafe'), ''), "${field}cafe");
same('UTF-8', answer($page->($cafe), ''), "${field}caf\xc3\x83\xc2\xa9");
same('UTF-8, new is told Latin-1', answer($page->($cafe), '', $none[1]), "${field}caf\xc3\x83\xc2\xa9");
same('UTF-8, configure is told Latin-1', answer($page->($cafe), '', @none), "$field$cafe");
same('PNG', answer($page->($png), ''), "$field\xc2$png");
same('PNG, configure is told Latin-1', answer($page->($png), '', @none), "$field$png");

my $reader = sub { my $count = $_[0]{'psgi.input'}->read(my $body, 100); [200, ['Content-Type' => 'text/plain'], [$count, ' ', unpack 'H*', $body]] };
same('body of ASCII', answer($reader, 'coffe'), "${field}5 636f666665");
same('body of UTF-8', answer($reader, $cafe), "${field}4 636166e9");
same('body of UTF-8, configure is told Latin-1', answer($reader, $cafe, @none), "${field}5 636166c3a9");
my $behind = sub { my $body = 'ab'; $_[0]{'psgi.input'}->read($body, 100, 2); [200, ['Content-Type' => 'text/plain'], [$body]] };
same('read with an offset of 2 behind ab', answer($behind, 'cd'), "${field}cd");

my $constant = [200, ['Content-Type' => 'text/plain'], ['hello']];
same('a constant answer', answer(sub { $constant }, ''), "${field}hello");
same('the same again', answer(sub { $constant }, ''), "Status: 200\r\n\r\nhello");
PERL
perl main.pl
echo "as described"
