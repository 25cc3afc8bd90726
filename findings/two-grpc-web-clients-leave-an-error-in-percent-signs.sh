#!/usr/bin/env bash
# Two clients of gRPC-Web give the message of an error as it is on the wire, in percent encoding:
#
#   @protobuf-ts/grpcweb-transport 2.11.1 (Node.js)
#   pyease-grpc 1.8.0 (Python)
#
# Expected: grpc-message is "a Unicode string description of the error, physically encoded as UTF-8 followed by percent-encoding"
# (gRPC over HTTP2, "Responses"); a client decodes it. Servers have to encode what is not ASCII, and the percent sign itself.
# Seen: of `Größe 100 %` a program gets `Gr%C3%B6%C3%9Fe 100 %25`, from a trailer and, with the first, from a header alike. A message in
# ASCII without percent signs is right. nice-grpc-web 3.3.11 decodes it. For the first the fault was reported and closed as "invalid"
# (timostamm/protobuf-ts issue 83).
#
# Usage: findings/two-grpc-web-clients-leave-an-error-in-percent-signs.sh
# Needs python3 with venv, pip and its index, Node.js 20 and npm with its registry. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check pyease-grpc==1.8.0
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund @protobuf-ts/grpcweb-transport@2.11.1 @protobuf-ts/runtime@2.11.1 @protobuf-ts/runtime-rpc@2.11.1 \
    nice-grpc-web@3.3.11 nice-grpc-common@2.0.4

cat >node.js <<'JAVASCRIPT'
const assert = require('assert');
const http = require('http');
const { GrpcWebFetchTransport } = require('@protobuf-ts/grpcweb-transport');
const { Metadata } = require('nice-grpc-common');
const { parseTrailer } = require('./node_modules/nice-grpc-web/lib/client/parseTrailer.js');

const written = 'Gr%C3%B6%C3%9Fe 100 %25';
const server = http.createServer((request, response) => {
    const type = { 'Content-Type': 'application/grpc-web+proto' };
    if (request.url.endsWith('Header')) {
        response.writeHead(200, { ...type, 'grpc-status': '5', 'grpc-message': written }).end();
        return;
    }
    const trailer = Buffer.from(`grpc-status:5\r\ngrpc-message:${written}\r\n`);
    const head = Buffer.from([128, 0, 0, 0, trailer.length]);
    response.writeHead(200, type).end(Buffer.concat([head, trailer]));
}).listen(0, '127.0.0.1', async () => {
    const transport = new GrpcWebFetchTransport({ baseUrl: `http://127.0.0.1:${server.address().port}`, format: 'binary' });
    const message = { typeName: 'Empty', toBinary: () => new Uint8Array(0), fromBinary: () => ({}) };
    for (const name of ['Trailer', 'Header']) {
        const method = { name, localName: name, service: { typeName: 'Shop' }, I: message, O: message, options: {} };
        const error = await transport.unary(method, {}, transport.mergeOptions({})).then(() => undefined, (reason) => reason);
        console.log(`protobuf-ts, from the ${name.toLowerCase()}: ${error.code}, ${error.message}`);
        assert.deepStrictEqual([error.code, error.message], ['NOT_FOUND', written]);
    }
    const right = parseTrailer(Metadata({ 'grpc-status': '5', 'grpc-message': written })).message;
    console.log(`nice-grpc-web: ${right}`);
    assert.strictEqual(right, 'Größe 100 %');
    process.exit(0);
});
JAVASCRIPT
timeout 60 node node.js

cat >python.py <<'PYTHON'
from pyease_grpc._protocol import deserialize_trailer
from pyease_grpc.rpc_trailer import RpcTrailer

error = RpcTrailer(deserialize_trailer(b"grpc-status:5\r\ngrpc-message:Gr%C3%B6%C3%9Fe 100 %25\r\n"))
print(f"pyease-grpc: {error.code().name}, {error.details()}")
assert (error.code().name, error.details()) == ("NOT_FOUND", "Gr%C3%B6%C3%9Fe 100 %25")
PYTHON
python/bin/python -W ignore python.py
echo "as described"
