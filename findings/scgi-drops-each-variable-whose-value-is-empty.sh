#!/usr/bin/env bash
# SCGI 0.6 (Perl; Debian package libscgi-perl 0.6-3) drops each variable whose value is empty.
#
# Expected: a header of SCGI is a name of one or more bytes and a value of none or more, each with a zero behind it (SCGI protocol, on the format of
# a request). The variables are those of CGI, where QUERY_STRING is to be set always, and empty for an address without a query (RFC 3875 section
# 4.1.7).
# Seen: of CONTENT_LENGTH, SCGI, REQUEST_METHOD, an empty QUERY_STRING, REQUEST_URI, an empty CONTENT_TYPE and an empty HTTP_X_FILTER, which servers
# send so, the program gets four: `env` reads values of one byte or more. With a query all variables but the empty ones are there, before and behind
# it, and so it is if the request is read without blocking.
#
# A program cannot tell a field that a client has sent empty from one that it has not sent, and reads an undefined query at each plain address.
#
# Usage: findings/scgi-drops-each-variable-whose-value-is-empty.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb and Perl 5.36. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libscgi-perl=0.6-3 >/dev/null
dpkg-deb --extract ./*.deb package
export PERL5LIB=$work/package/usr/share/perl5

cat >main.pl <<'PERL'
use strict;
use warnings;
use IO::Socket::INET;
use SCGI;

my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;

# The variables that a program gets from these headers, in a blocking or other way.
sub names {
    my ($blocking, @headers) = @_;
    my $scgi = SCGI->new($listener, blocking => $blocking);
    my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $listener->sockport) or die;
    my $headers = join '', map { "$_\0" } @headers;
    $client->syswrite(length($headers) . ":$headers,");
    my $request;
    until ($request) { $request = $scgi->accept }
    until ($request->read_env) { select undef, undef, undef, 0.01 }
    my $env = $request->env;
    return join ' ', map { $env->{$_} eq '' ? "$_=" : $_ } sort keys %$env;
}

my @start = (CONTENT_LENGTH => 0, SCGI => 1, REQUEST_METHOD => 'GET');
my @end = (REQUEST_URI => '/', CONTENT_TYPE => '', HTTP_X_FILTER => '');
for my $blocking (1, 0) {
    my $empty = names($blocking, @start, QUERY_STRING => '', @end);
    my $full = names($blocking, @start, QUERY_STRING => 'a=1', @end);
    my $way = $blocking ? 'blocking' : 'not blocking';
    print "$way, no query: $empty\n$way, a query: $full\n";
    die 'no query' if $empty ne 'CONTENT_LENGTH REQUEST_METHOD REQUEST_URI SCGI';
    die 'a query' if $full ne 'CONTENT_LENGTH QUERY_STRING REQUEST_METHOD REQUEST_URI SCGI';
}
PERL
perl main.pl
echo "as described"
