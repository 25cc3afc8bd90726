#!/usr/bin/env bash
# DateTime::Format::W3CDTF 0.08 (Perl; Debian package 0.08-1) writes the minutes of an offset behind GMT the other way round, and a second of eight digits.
#
# Expected: "-hh:mm" is a local time "hh hours and mm minutes behind UTC", and a second has two digits and a fraction (the W3C's note on date and time
# formats, which it "understands", and "given a `DateTime` object" it returns a "W3CDTF datetime string": its documentation).
# Seen: `-09:45` that it reads it writes as `-09:15`, `-03:15` as `-03:45`: half an hour away. `+05:45` and `-03:30` stay. A second of 59.9999996 is
# written as `591.000000`, and its own `parse_datetime` refuses that. DateTime::Format::RFC3339 1.2.0 writes all of them as they were.
#
# A feed that is read and written again says other times.
#
# Usage: findings/datetime-format-w3cdtf-moves-a-time-by-half-an-hour.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libdatetime-format-w3cdtf-perl=0.08-1 libdatetime-format-rfc3339-perl=1.2.0-2 libdatetime-perl=2:1.59-1 \
    libdatetime-locale-perl=1:1.37-1 libdatetime-timezone-perl libalgorithm-c3-perl=0.11-2 libb-hooks-endofscope-perl=0.26-1 \
    libclass-c3-perl=0.35-2 libclass-data-inheritable-perl=0.08-3 libclass-inspector-perl=1.36-3 libclass-method-modifiers-perl=2.14-1 \
    libclass-singleton-perl=1.6-2 libdata-optlist-perl=0.113-1 libdevel-callchecker-perl=0.008-2 libdevel-stacktrace-perl=2.0400-2 \
    libdynaloader-functions-perl=0.003-3 libeval-closure-perl=0.14-3 libexception-class-perl=1.45-1 libfile-sharedir-perl=1.118-3 \
    libmodule-implementation-perl=0.09-2 libmodule-runtime-perl=0.016-2 libmro-compat-perl=0.15-2 libnamespace-autoclean-perl=0.29-2 \
    libnamespace-clean-perl=0.27-2 libpackage-stash-perl=0.40-1 libparams-classify-perl=0.015-2+b1 libparams-util-perl=1.102-2+b1 \
    libparams-validationcompiler-perl=0.31-1 librole-tiny-perl=2.002004-1 libspecio-perl=0.48-1 libsub-exporter-perl=0.989-1 \
    libsub-exporter-progressive-perl=0.001013-3 libsub-identify-perl=0.14-3 libsub-install-perl=0.929-1 libsub-name-perl=0.26-2+b1 \
    libsub-quote-perl=2.006008-1 libtry-tiny-perl=0.31-2 libvariable-magic-perl=0.63-1+b1 libxstring-perl=0.005-2+b1 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5:$work/package/usr/lib/x86_64-linux-gnu/perl5/5.36

cat >main.pl <<'PERL'
use strict;
use warnings;
use DateTime::Format::RFC3339;
use DateTime::Format::W3CDTF;

for my $case (
    ['2026-01-01T00:00:00+05:45', '2026-01-01T00:00:00+05:45'],
    ['2026-01-01T00:00:00-03:30', '2026-01-01T00:00:00-03:30'],
    ['2026-01-01T00:00:00-03:15', '2026-01-01T00:00:00-03:45'],
    ['2026-01-01T00:00:00-09:45', '2026-01-01T00:00:00-09:15'],
    ['2026-01-01T00:00:59.999999600Z', '2026-01-01T00:00:591.000000Z'],
) {
    my ($time, $expected) = @$case;
    my ($rfc3339, $w3cdtf) = map { $_->format_datetime($_->parse_datetime($time)) } 'DateTime::Format::RFC3339', 'DateTime::Format::W3CDTF';
    print "$time: RFC3339 writes $rfc3339, W3CDTF $w3cdtf\n";
    die 'this has changed' if $rfc3339 ne $time or $w3cdtf ne $expected;
}
die 'this has changed' if eval { DateTime::Format::W3CDTF->parse_datetime('2026-01-01T00:00:591.000000Z') };
PERL
perl main.pl
echo "as described"
