#!/usr/bin/env bash
# POE::Filter::Stomp 0.04 (Perl; Debian package 0.04-3) makes a blank of a body of no bytes, and loses headers with a dot, capitals, and the command
# of a frame whose predecessor's NULL comes with it.
#
# Expected: a frame is a command, headers, a blank line, the body and a NULL; the body may be empty, and as many bytes are read as content-length
# says, whereupon a NULL follows (STOMP 1.0, which the manual names; STOMP 1.2 has the same, and keeps names as they are written). The packets of
# TCP say nothing.
# Seen: the body of a RECEIPT, or of a message of length 0, is one blank. Of two messages with a length the second has a NULL before its command if
# the NULL of the first comes in the next packet, and so it is no MESSAGE. `trace.id` is not read at all. `JMSXGroupID` is read and written as
# `jmsxgroupid`. Net::Stomp::Frame of Net::Stomp 0.61, below it, reads and writes all of these as they are. Frames in one packet are divided right.
#
# A client does not know the message behind one whose NULL a packet cuts off, and a broker that knows JMSXGroupID gives a group's messages to
# everybody.
#
# Usage: findings/poe-filter-stomp-makes-a-blank-of-an-empty-body.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libpoe-filter-stomp-perl=0.04-3 libnet-stomp-perl=0.61-2 libclass-accessor-perl=0.51-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use Net::Stomp::Frame;
use POE::Filter::Stomp;

sub shown {
    my $text = join '; ', map {
        my $headers = $_->headers;
        join ' ', $_->command, (map { "$_:$headers->{$_}" } sort grep { $_ ne 'bytes_message' } keys %$headers), '"' . ($_->body // '') . '"';
    } @_;
    return $text =~ s/\0/\\0/gr;
}
sub same { print "$_[0]: $_[1]\n"; $_[1] eq $_[2] or die "it is not $_[2]\n" }

# The frames that the filter reads from packets.
sub filtered {
    my $filter = POE::Filter::Stomp->new;
    my @frames;
    for my $packet (@_) {
        $filter->get_one_start([$packet]);
        while (my ($frame) = @{ $filter->get_one }) { push @frames, $frame }
    }
    return shown(@frames);
}

my $receipt = "RECEIPT\nreceipt-id:7\n\n\0";
same('RECEIPT', filtered($receipt), 'RECEIPT receipt-id:7 " "');
same('RECEIPT, Net::Stomp::Frame', shown(Net::Stomp::Frame->parse($receipt)), 'RECEIPT receipt-id:7 ""');
same('length 0', filtered("MESSAGE\ncontent-length:0\n\n\0"), 'MESSAGE content-length:0 " "');

my ($first, $second) = map { "MESSAGE\ncontent-length:5\n\n$_\0" } qw(hello world);
my $message = 'MESSAGE content-length:5';
same('two in one packet', filtered("$first$second"), qq($message "hello"; $message "world"));
same('the second begins a packet', filtered($first, $second), qq($message "hello"; $message "world"));
same('the NULL begins a packet', filtered(substr($first, 0, -1), "\0$second"), qq($message "hello"; \\0$message "world"));

my $group = "MESSAGE\nJMSXGroupID:a\ntrace.id:1\n\nx\0";
same('headers', filtered($group), 'MESSAGE jmsxgroupid:a "x"');
same('headers, Net::Stomp::Frame', shown(Net::Stomp::Frame->parse($group)), 'MESSAGE JMSXGroupID:a trace.id:1 "x"');
my %send = (command => 'SEND', headers => { JMSXGroupID => 'a' }, body => 'x');
my ($written) = @{ POE::Filter::Stomp->new->put([Net::Stomp::Frame->new({ %send })]) };
same('written', $written =~ s/\n/ /gr =~ s/\0//r, 'SEND jmsxgroupid: a  x');
same('written, Net::Stomp::Frame', Net::Stomp::Frame->new({ %send })->as_string =~ s/\n/ /gr =~ s/\0//r, 'SEND JMSXGroupID:a  x');
PERL
perl main.pl
echo "as described"
