#!/usr/bin/env bash
# Protocol::HTTP2 1.10 (Perl; Debian package 1.10-2) refers to fields of its table that its peer has dropped, once it has sent a field that is
# larger than the table.
#
# Expected: to add an entry that is larger than the table "causes the table to be emptied of all existing entries" (RFC 7541 section 4.4), at both
# ends.
# Seen: a server sends a field of 5000 bytes as one to be added to a table of 4096, keeps its own table as it is, and in the next answer with a
# field of before refers to it by its number. hpack 4.2.0 (Python), whose table is empty, fails there with InvalidTableIndex. An answer with another
# field between does not help. Without the large field, or with one of 4000 bytes, which takes the place of the others at both ends, all answers are
# read.
#
# One answer with a long policy or cookie ends the connection with COMPRESSION_ERROR at the next one.
#
# Usage: findings/protocol-http2-refers-to-a-field-that-its-peer-has-dropped.sh
# Needs apt-get with the archive of Debian 12, dpkg-deb, Perl 5.36, python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download --quiet libprotocol-http2-perl=1.10-2 >/dev/null
dpkg-deb --extract ./*.deb package
export PERL5LIB=$work/package/usr/share/perl5
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check hpack==4.2.0

cat >answers.pl <<'PERL'
use strict;
use warnings;
use Protocol::HTTP2::Client;
use Protocol::HTTP2::Server;

# A server and a client in one process: each answer has one of these fields. It prints all that the server has sent.
my @values = @ARGV;
my ($server, $sent) = (undef, '');
$server = Protocol::HTTP2::Server->new(on_request => sub {
    my ($stream) = @_;
    my ($name, $value) = split /=/, shift @values;
    $value = 'y' x $value if $name eq 'x-large';
    $server->response(':status' => 200, stream_id => $stream, headers => [$name => $value], data => '');
});
my $client = Protocol::HTTP2::Client->new(keepalive => 1);
for (1 .. @ARGV) {
    $client->request(':scheme' => 'http', ':authority' => 'host', ':path' => '/', ':method' => 'GET', headers => [], on_done => sub { });
    while (my $frame = $client->next_frame) { $server->feed($frame) }
    while (my $frame = $server->next_frame) {
        $sent .= $frame;
        $client->feed($frame);
    }
}
print unpack('H*', $sent), "\n";
PERL

cat >read.py <<'PYTHON'
import subprocess

import hpack


def answers(*fields):
    """The fields beside the status that a client reads, or the error."""
    sent = bytes.fromhex(subprocess.run(["perl", "answers.pl", *fields], check=True, stdout=subprocess.PIPE, text=True).stdout)
    decoder, said = hpack.Decoder(), []
    while sent:
        length, kind, flags = int.from_bytes(sent[:3], "big"), sent[3], sent[4]
        payload, sent = sent[9:9 + length], sent[9 + length:]
        if kind != 1:
            continue
        assert flags & 0x2c == 0x04
        try:
            said += [f"{name}={value if len(value) < 10 else len(value)}" for name, value in decoder.decode(payload) if name.startswith("x-")]
        except hpack.HPACKError as error:
            return [*said, type(error).__name__]
    return said


first, second, fits, large = "x-one=first", "x-two=second", "x-large=4000", "x-large=5000"
for fields, seen in [
    ([first, second, first], [first, second, first]),
    ([first, fits, first], [first, fits, first]),
    ([first, large, first], [first, large, "InvalidTableIndex"]),
    ([first, large, second, second, first], [first, large, second, second, "InvalidTableIndex"]),
]:
    said = answers(*fields)
    print(f"sent {' '.join(fields)}: read {' '.join(said)}")
    assert said == seen
PYTHON
python/bin/python read.py
echo "as described"
