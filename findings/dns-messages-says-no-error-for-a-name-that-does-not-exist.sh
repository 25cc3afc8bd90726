#!/usr/bin/env bash
# dns-messages 1.0.1 (Python) reads NXDOMAIN and SERVFAIL as no error, and the serial number of a zone from its refresh time.
#
# Expected: the lowest four bits of the fourth octet of a message are its RCODE; 2 is a failure of the server, 3 a name that does not exist, 5 a
# refusal (RFC 1035 section 4.1.1). The five numbers of a SOA record follow its two names at once (section 3.3.13). "Parsing DNS Messages" (README).
# Seen: the reader takes bits 2 to 5 of that octet. NXDOMAIN and SERVFAIL become `no_error`, REFUSED becomes `format_error`, and an answer without an
# error that has the AD bit becomes `nx_rr_set`. The library does not read its own NXDOMAIN back, though it writes it right. The serial number
# 2024010101 of a zone is read as 7200, its refresh, and each number behind it is that of the next field. Addresses are right. A message with an OPT
# record, which each resolver of today sends (RFC 6891), is refused whole: "TYPE is not valid: 41". The messages are from dnspython 2.9.2.
#
# A client takes "there is no such name" and "ask again later" for an empty answer; a secondary server compares refresh times for serial numbers.
#
# Usage: findings/dns-messages-says-no-error-for-a-name-that-does-not-exist.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check dns-messages==1.0.1 dnspython==2.9.2

cat >read.py <<'PYTHON'
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from dns_messages import RCODE, DnsMessage, DnsPacketParsingException


def answer(rcode=dns.rcode.NOERROR, flags=0, records=()):
    query = dns.message.make_query("www.example.com", "A")
    message = dns.message.make_response(query, recursion_available=True)
    message.set_rcode(rcode)
    message.flags |= flags
    message.answer.extend(dns.rrset.from_text(*record) for record in records)
    return DnsMessage.from_bytes(message.to_wire())


for sent, flags, seen in [
    (dns.rcode.NOERROR, 0, RCODE.no_error),
    (dns.rcode.SERVFAIL, 0, RCODE.no_error),
    (dns.rcode.NXDOMAIN, 0, RCODE.no_error),
    (dns.rcode.REFUSED, 0, RCODE.format_error),
    (dns.rcode.NOERROR, dns.flags.AD, RCODE.nx_rr_set),
]:
    said = answer(sent, flags).rcode
    print(f"{sent.name}{' with AD' if flags else ''} is read as {said.name}")
    assert said == seen

written = DnsMessage(message_id=1, qr=1, rcode=RCODE.non_existing_domain).to_bytes()
assert dns.message.from_wire(written).rcode() == dns.rcode.NXDOMAIN
assert DnsMessage.from_bytes(written).rcode == RCODE.no_error

numbers = "2024010101 7200 3600 1209600 300"
message = answer(records=[
    ("www.example.com.", 60, "IN", "A", "192.0.2.1"),
    ("example.com.", 60, "IN", "SOA", f"ns.example.com. root.example.com. {numbers}"),
])
address, soa = message.answers_RRs
print(f"SOA {numbers} is read as serial {soa.serial}, refresh {soa.refresh}, retry {soa.retry}, expire {soa.expire}")
assert (soa.mname, soa.rname) == ("ns.example.com", "root.example.com")
assert (soa.serial, soa.refresh, soa.retry, soa.expire) == (7200, 3600, 1209600, 300)
assert (str(address.ip_address), address.ttl, message.questions[0].name) == ("192.0.2.1", 60, "www.example.com")

DnsMessage.from_bytes(dns.message.make_query("www.example.com", "A").to_wire())
try:
    DnsMessage.from_bytes(dns.message.make_query("www.example.com", "A", use_edns=0).to_wire())
except DnsPacketParsingException as error:
    print(f"a query with OPT: {error}")
    assert str(error) == "TYPE is not valid: 41"
else:
    raise AssertionError("a query with OPT was read")
PYTHON
python/bin/python read.py
echo "as described"
