#!/usr/bin/env bash
# @fidm/x509 1.2.1 (Node.js) makes another address of an IPv6 address that ends in dotted form, and cannot check the signature of a certificate that
# Ed25519 signed.
#
# Expected: `bytesFromIP` "converts IP string into buffer, 4 bytes for IPv4, and 16 bytes for IPv6", or null; the last 32 bits may be written as an
# IPv4 address (RFC 4291 section 2.2, form 3). "Support ed25519 certificate" (README), whose signature has the algorithm 1.3.101.112 (RFC 8410).
# Seen: `::ffff:192.0.2.1` becomes the bytes of `::ffff:192`, without an error: the last part is read as hexadecimal up to its first dot. `checkSignature`
# of a certificate that is signed with Ed25519 says "Unknown child signature OID" for its own issuer; with RSA and ECDSA it says that all
# is well, and Ed25519 works for the signature of data.
#
# Node.js itself gives addresses of that form for clients of IPv4 on a socket for both. They match no certificate and no list.
#
# Usage: findings/fidm-x509-says-192-for-a-mapped-address.sh
# Needs openssl, Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @fidm/x509@1.2.1
for kind in rsa:2048 ed25519; do
    openssl req -x509 -newkey "$kind" -nodes -keyout "${kind%:*}.key" -out "${kind%:*}.pem" -days 2 -subj "/CN=an issuer" \
        -addext keyUsage=keyCertSign 2>openssl.log
    openssl pkey -in "${kind%:*}.key" -pubout -out "${kind%:*}.pub"
    openssl verify -check_ss_sig -CAfile "${kind%:*}.pem" "${kind%:*}.pem"
done

cat >check.js <<'JAVASCRIPT'
const assert = require('assert');
const fs = require('fs');
const { bytesFromIP, bytesToIP, Certificate, PrivateKey, PublicKey } = require('@fidm/x509');

for (const [address, seen] of [
    ['192.0.2.1', '192.0.2.1'], ['2001:db8::1', '2001:db8::1'], ['::ffff:192.0.2.1', '::ffff:192'], ['64:ff9b::203.0.113.9', '64:ff9b::203'],
]) {
    const said = bytesToIP(bytesFromIP(address));
    console.log(`${address}: ${bytesFromIP(address).toString('hex')}, which is ${said}`);
    assert.strictEqual(said, seen);
}
for (const [kind, seen] of [['rsa', 'well'], ['ed25519', 'Unknown child signature OID.']]) {
    const issuer = Certificate.fromPEM(fs.readFileSync(`${kind}.pem`));
    const error = issuer.checkSignature(issuer);
    console.log(`the signature of a certificate by ${kind}: ${error ? error.message : 'well'}`);
    assert.strictEqual(error ? error.message : 'well', seen);
    const signature = PrivateKey.fromPEM(fs.readFileSync(`${kind}.key`)).sign(Buffer.from('data'), 'sha256');
    assert.ok(PublicKey.fromPEM(fs.readFileSync(`${kind}.pub`)).verify(Buffer.from('data'), signature, 'sha256'));
}
JAVASCRIPT
node check.js
echo "as described"
