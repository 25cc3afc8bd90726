#!/usr/bin/env bash
# Plack::Middleware::Expires 0.06 (Perl; Debian package 0.06-2) writes a negative max-age for what was modified long ago, and none beside another
# directive.
#
# Expected: the argument of `max-age` is a "non-negative integer" (RFC 9111 section 1.2.2), and "caches are encouraged to consider responses that have
# invalid freshness information" stale (section 4.2.1). The middleware "controls the setting of Expires HTTP header and the max-age directive of the
# Cache-Control HTTP header" (its documentation).
# Seen: `modification plus 1 day` for a file that is a year old gives `Cache-Control: max-age=-31449600`. Where the answer has a Cache-Control of its
# own, as `public`, the max-age is put behind it without a comma, into a copy that is thrown away: the field stays as it was, and Expires alone says
# the time.
#
# Usage: findings/plack-middleware-expires-writes-a-negative-max-age.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libplack-middleware-expires-perl=0.06-2 libplack-perl=1.0050-1 libhttp-date-perl=6.05-2 \
    libhttp-message-perl=6.44-1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >fields.pl <<'PERL'
use strict;
use warnings;

# A clock that stands still at 2026-11-29 12:00:00 UTC.
use constant NOW => 1_795_953_600;
BEGIN { *CORE::GLOBAL::time = sub { return NOW } }
require HTTP::Date;
require Plack::Middleware::Expires;

my $year = 365 * 86_400;
for my $case (
    ['access plus 1 hour', [], 'max-age=3600', 3600],
    ['modification plus 2 years', [], 'max-age=31536000', $year],
    ['modification plus 1 day', [], 'max-age=-31449600', 86_400 - $year],
    ['access plus 1 hour', ['Cache-Control' => 'public'], 'public', 3600],
) {
    my ($rule, $fields, $control, $later) = @$case;
    my @fields = ('Content-Type' => 'text/css', 'Last-Modified' => HTTP::Date::time2str(NOW - $year), @$fields);
    my $application = Plack::Middleware::Expires->wrap(sub { return [200, [@fields], ['']] }, content_type => 'text/css', expires => $rule);
    my %seen = @{ $application->({ REQUEST_METHOD => 'GET' })->[1] };
    print "$rule, @$fields: Cache-Control '$seen{'Cache-Control'}', Expires $seen{Expires}\n";
    die $rule if $seen{'Cache-Control'} ne $control or HTTP::Date::str2time($seen{Expires}) != NOW + $later;
}
PERL
perl fields.pl
echo "as described"
