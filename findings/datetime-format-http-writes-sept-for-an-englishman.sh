#!/usr/bin/env bash
# DateTime::Format::HTTP 0.42 (Perl; Debian package 0.42-4) writes days and months in the language of the time that it is given: in British English
# all dates of the year are right but those of September.
#
# Expected: `format_datetime` gives "the format preferred for the HTTP protocol", "a fixed length subset", as `Sun, 06 Nov 1994 08:49:37 GMT` (its
# manual); the month is one of twelve names of three letters, in English (RFC 9110 section 5.6.7).
# Seen: a DateTime with the locale en-GB gives `Sun, 01 Sept 2024 08:00:00 GMT`, which HTTP::Date 6.05 does not read, nor the library itself; the
# other eleven months are right. With en-AU June and July are wrong too, with de-DE it is `So., 01 Sept. 2024`, with ja-JP it is not ASCII. en-US
# and en-CA are right.
#
# A cache finds Expires and Last-Modified invalid for one month of the year, and asks for each page anew.
#
# Usage: findings/datetime-format-http-writes-sept-for-an-englishman.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libdatetime-format-http-perl=0.42-4 libhttp-date-perl=6.05-2 libdatetime-perl=2:1.59-1 \
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
use DateTime;
use DateTime::Format::HTTP;
use HTTP::Date qw(str2time);

binmode STDOUT, ':encoding(UTF-8)';
sub same { print "$_[0]: $_[1]\n"; $_[1] eq $_[2] or die "it is not $_[2]\n" }

sub written {
    my ($locale, $month) = @_;
    return DateTime::Format::HTTP->format_datetime(
        DateTime->new(year => 2024, month => $month, day => 1, hour => 8, time_zone => 'UTC', locale => $locale));
}
for (['en-US', ''], ['en-CA', ''], ['en-GB', '9'], ['en-AU', '6 7 9']) {
    my ($locale, $wrong) = @$_;
    my @unread = grep { !defined str2time(written($locale, $_)) } 1 .. 12;
    my @own = grep { !eval { DateTime::Format::HTTP->parse_datetime(written($locale, $_)) } } 1 .. 12;
    same("months that HTTP::Date does not read, $locale", "@unread", $wrong);
    same("months that the library does not read, $locale", "@own", $wrong);
}
same('en-US', written('en-US', 9), 'Sun, 01 Sep 2024 08:00:00 GMT');
same('en-GB', written('en-GB', 9), 'Sun, 01 Sept 2024 08:00:00 GMT');
same('de-DE', written('de-DE', 9), 'So., 01 Sept. 2024 08:00:00 GMT');
same('ja-JP', written('ja-JP', 9), "\x{65e5}, 01 9\x{6708} 2024 08:00:00 GMT");
PERL
perl main.pl
echo "as described"
