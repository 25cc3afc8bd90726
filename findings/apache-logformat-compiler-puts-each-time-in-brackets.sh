#!/usr/bin/env bash
# Apache::LogFormat::Compiler 0.36 (Perl, below Plack; Debian package 0.36-3) puts brackets around a time in a format of one's own.
#
# Expected: `%{format}t` is "the time, in the form given by format", which is strftime's (Apache httpd, mod_log_config); this library has "localtime
# in the specified strftime format" for it (its documentation). The brackets belong to a bare `%t`.
# Seen: `%{%s}t` is `[1000000000]`, `%{%Y-%m-%d}t` is `[2001-09-09]`; in JSON a number becomes a list of one, and behind `[%{...}t]` there are two of
# each. Apache httpd writes the first as `1000000000`.
#
# Readers that were made for Apache's format do not find the time.
#
# Usage: findings/apache-logformat-compiler-puts-each-time-in-brackets.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libapache-logformat-compiler-perl=0.36-3 libposix-strftime-compiler-perl=0.44-3 >/dev/null
for package in ./*.deb; do dpkg-deb --extract "$package" package; done
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use Apache::LogFormat::Compiler;

$ENV{TZ} = 'UTC';
my $environment = { REMOTE_ADDR => '127.0.0.1', REQUEST_METHOD => 'GET', REQUEST_URI => '/', SERVER_PROTOCOL => 'HTTP/1.1' };
for my $case (
    ['%t', '[09/Sep/2001:01:46:40 +0000]'],
    ['%{%s}t', '[1000000000]'],
    ['%{%Y-%m-%d}t', '[2001-09-09]'],
    ['{"at":%{%s}t,"status":%>s}', '{"at":[1000000000],"status":200}'],
) {
    my ($format, $expected) = @$case;
    my $line = Apache::LogFormat::Compiler->new($format)->log_line($environment, [200, []], 0, 1000, 1_000_000_000);
    print "$format: $line";
    die $expected if $line ne "$expected\n";
}
PERL
perl main.pl
echo "as described"
