#!/usr/bin/env bash
# Net::Statsd 0.12 (Perl, Debian package 0.12-3) sends each gauge in a datagram of its own where its manual says that they share one, and increments a
# counter once that a list names twice.
#
# Expected: its manual says that gauge() "supports packing multiple values in single UDP packet sent to statsd", with two names as the sample, and
# advises to stay below 512 bytes with "at least 20 distinct gauge values" in one; a packet may hold many lines (statsd, docs/metric_types.md,
# multi-metric packets). Of update_stats() and increment() with a list it says that they count "one or more stats counters".
# Seen: two names are two datagrams and twenty are twenty, in the order of a hash; only values of one name share a datagram. The sample's second value,
# -18, is alone as well and so a change by 18 for statsd, as the same manual says. increment(['hits', 'hits']) sends `hits:1|c` once.
#
# Gauges that belong together (used and free) and were given in one call so that none is lost alone are lost one by one; who collects the names of what
# happened in a list and counts them in one call counts too few.
#
# Usage: findings/net-statsd-sends-each-gauge-by-itself.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and perl. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libnet-statsd-perl=0.12-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done

cat >main.pl <<'PERL'
use v5.32;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Net::Statsd;

my $server = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die "no socket: $!";
($Net::Statsd::HOST, $Net::Statsd::PORT) = ('127.0.0.1', $server->sockport);
my $readable = IO::Select->new($server);

sub datagrams {
    my ($send) = @_;
    $send->();
    my @datagrams;
    while ($readable->can_read(0.3)) {
        $server->recv(my $datagram, 65536);
        push @datagrams, $datagram =~ s/\n/\\n/gr;
    }
    return join ' and ', sort @datagrams;
}

sub check {
    my ($what, $seen, $expected) = @_;
    say "$what: $seen";
    die "it was $expected\n" unless $seen eq $expected;
}

check('one gauge', datagrams(sub { Net::Statsd::gauge('disk.used' => 5) }), 'disk.used:5|g');
check('one name twice', datagrams(sub { Net::Statsd::gauge('level' => 0, 'level' => -18) }), 'level:0|g\nlevel:-18|g');
check('the sample of the manual', datagrams(sub { Net::Statsd::gauge('core.temperature' => 55, 'freezer.temperature' => -18) }),
    'core.temperature:55|g and freezer.temperature:-18|g');
my $of_twenty = datagrams(sub { Net::Statsd::gauge(map { ("gauge.$_" => $_) } 1 .. 20) });
check('datagrams of twenty gauges', scalar(split / and /, $of_twenty), 20);
check('two counters', datagrams(sub { Net::Statsd::increment(['hits', 'bytes']) }), 'bytes:1|c and hits:1|c');
check('a counter twice', datagrams(sub { Net::Statsd::increment(['hits', 'hits']) }), 'hits:1|c');
PERL
perl -I package/usr/share/perl5 main.pl
echo "as described"
