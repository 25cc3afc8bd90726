#!/usr/bin/env bash
# AnyEvent::CacheDNS 0.08 (Perl; Debian package 0.08-3) never asks again for a name that once was not answered, keeps records of TTL 0 for ever, and
# gives one of several addresses.
#
# Expected: it "caches its results", and with AnyEvent 6 or later "records will be purged from the cache after their TTL expires" (its manual). A
# record with a TTL of 0 serves for what is under way and is not to be cached (RFC 1035 section 3.2.1); that a server did not answer is kept for
# five minutes at most (RFC 2308 section 7.2).
# Seen: a name that gets no answer once gets none for the life of the program, without a question to the server, and one whose address had a TTL of
# 0 keeps it. Another is forgotten behind its TTL. Of three addresses with a TTL of 60 the first call gives three, and each later one the first of
# them. AnyEvent::DNS of AnyEvent 7.170, below it, asks each time and has all of it right.
#
# A server that was started before the network stays without its database, and one backend of three gets all connections.
#
# Usage: findings/anyevent-cachedns-never-asks-again-for-a-name-that-once-failed.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libanyevent-cachedns-perl=0.08-3 libanyevent-perl=7.170-2+b3 libcommon-sense-perl=3.75-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
use AnyEvent;
use AnyEvent::CacheDNS;
use AnyEvent::DNS;

# The server, in place of the network: its records, or undefined if it does not answer, and how often it was asked.
my ($records, $asked);
# What is to happen later happens when the time is said to have passed.
my @later;
{
    AnyEvent::detect();
    no warnings 'redefine';
    my $timer = \&AE::timer;
    *AE::timer = sub($$$) { $_[0] < 1 ? $timer->(@_) : push @later, $_[2] };
    *AnyEvent::DNS::request = sub($$) {
        my ($self, $request, $done) = @_;
        $asked++;
        my ($name) = @{ $request->{qd}[0] };
        AE::postpone { $done->($records && { an => [map { [$name, 'a', 'in', @$_] } @$records] }) };
    };
}
sub addresses {
    my ($resolver) = @_;
    my $done = AE::cv;
    $resolver->resolve('www.example.com.' => 'a', sub { $done->send(join ' ', map { $_->[4] } @_) });
    return $done->recv || 'none';
}
sub same { print "$_[0]: $_[1]\n"; $_[1] eq $_[2] or die "it is not $_[2]\n" }

my ($none, $old, $new) = (undef, [[0, '192.0.2.1']], [[60, '192.0.2.2']]);
my $three = [map { [60, "192.0.2.$_"] } 1 .. 3];
for (
    ['AnyEvent::CacheDNS', 'later', [[60, '192.0.2.1']], $new, '192.0.2.1, then 192.0.2.2, 2 questions'],
    ['AnyEvent::CacheDNS', 'later', $none, $new, 'none, then none, 1 questions'],
    ['AnyEvent::CacheDNS', 'later', $old, $new, '192.0.2.1, then 192.0.2.1, 1 questions'],
    ['AnyEvent::DNS', 'at once', $none, $new, 'none, then 192.0.2.2, 2 questions'],
    ['AnyEvent::DNS', 'at once', $old, $new, '192.0.2.1, then 192.0.2.2, 2 questions'],
    ['AnyEvent::DNS', 'at once', $three, $three, '192.0.2.1 192.0.2.2 192.0.2.3, then 192.0.2.1 192.0.2.2 192.0.2.3, 2 questions'],
    ['AnyEvent::CacheDNS', 'at once', $new, $three, '192.0.2.2, then 192.0.2.2, 1 questions'],
    ['AnyEvent::CacheDNS', 'at once', $none, $new, 'none, then none, 1 questions'],
    ['AnyEvent::CacheDNS', 'at once', $old, $new, '192.0.2.1, then 192.0.2.1, 1 questions'],
    ['AnyEvent::CacheDNS', 'at once', $three, $three, '192.0.2.1 192.0.2.2 192.0.2.3, then 192.0.2.1, 1 questions'],
) {
    my ($class, $when, $first, $second, $expected) = @$_;
    my $resolver = $class->new;
    my @seen;
    $asked = 0;
    for my $answer ($first, $second) {
        $records = $answer;
        push @seen, addresses($resolver);
        $_->() for $when eq 'later' ? splice @later : ();
    }
    same("$class, asked again $when", "$seen[0], then $seen[1], $asked questions", $expected);
}
PERL
perl main.pl
echo "as described"
