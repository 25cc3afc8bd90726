#!/usr/bin/env bash
# NetPacket 1.7.2 (Perl; Debian package 1.7.2-2) reads the priority of a tagged frame out of the number of its VLAN, strips an ICMP message to nothing,
# and writes each frame as IPv4.
#
# Expected: of the 16 bits of a VLAN tag the upper three are the priority (PCP), the next is the CFI, and the lower twelve are the number (IEEE 802.1Q,
# section 9.6). "Return the encapsulated data (or payload) contained in the ICMP packet"; "return an ethernet packet encoded with the instance data",
# of which `type` is a part (its documentation).
# Seen: `$tag & 0xE000 >> 13` shifts the mask, not the tag. A frame of the VLAN 5 with the priority 6 has the priority 5 and a CFI of 1; one of the VLAN
# 8 has 0. `NetPacket::ICMP::strip` returns undef, since it calls `decode` without the class, which has the data. A frame with IPv6 (0x86dd) that is
# decoded and encoded has the type 0x0800, and a tagged one no tag.
#
# Figures of traffic by priority are figures by VLAN, and a capture that is written again cannot be read.
#
# Usage: findings/netpacket-reads-the-priority-out-of-the-number-of-a-vlan.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnetpacket-perl=1.7.2-2 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use NetPacket::Ethernet;
use NetPacket::ICMP;

my $macs = "\2\0\0\0\0\1\2\0\0\0\0\2";
for my $case ([6, 5, 5, 1], [6, 8, 0, 0], [0, 7, 7, 1]) {
    my ($priority, $vlan, $seen, $cfi) = @$case;
    my $frame = NetPacket::Ethernet->decode($macs . pack('nnn', 0x8100, $priority << 13 | $vlan, 0x0800) . 'neutral');
    print "VLAN $vlan, priority $priority: read as VLAN $frame->{vid}, priority $frame->{pcp}, CFI $frame->{cfi}\n";
    die 'this has changed' if $frame->{vid} != $vlan or $frame->{pcp} != $seen or $frame->{cfi} != $cfi;
}

my $message = pack('CCn', 8, 0, 0) . 'neutral';
my $stripped = NetPacket::ICMP::strip($message);
print 'ICMP: decode has ', NetPacket::ICMP->decode($message)->{data}, ', strip ', $stripped // 'undef', "\n";
die 'this has changed' if defined $stripped;

for my $head (pack('n', 0x86dd), pack('nnn', 0x8100, 5, 0x86dd)) {
    my $written = NetPacket::Ethernet->decode($macs . $head . 'neutral')->encode;
    print 'behind the addresses: ', unpack('H*', $head), ', encoded again ', unpack('H*', substr $written, 12, -7), "\n";
    die 'this has changed' if $written ne $macs . "\x08\x00neutral";
}
PERL
perl main.pl
echo "as described"
