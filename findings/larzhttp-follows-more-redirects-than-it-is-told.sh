#!/usr/bin/env bash
# larzhttp 0.1.0 (an HTTP client in Python): `max_redirects` has no effect, and of a field that comes twice one value is left.
#
# Expected: `request(..., max_redirects=10)`, and `TooManyRedirects`: "The redirect chain exceeded the allowed limit." RFC 9110, section 5.3: field
# lines of one name are one list, in their order. Section 5.6.6: names of parameters know no case, so `Charset=ISO-8859-1` is a charset.
# Seen: with `max_redirects=1` and 0 five redirects are followed, and 200 comes back; with 20 a chain of twelve ends as a 302, for Python's own limit
# of ten counts. The exception is never raised. Of two `Link` lines `headers` has the second, of `Vary: Accept` and `Vary: Cookie` the cookie. A text
# in ISO-8859-1 is read as UTF-8 when the parameter is written with a capital.
#
# Usage: findings/larzhttp-follows-more-redirects-than-it-is-told.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check larzhttp==0.1.0
python/bin/python - <<'PYTHON'
import http.server
import threading

import larzhttp


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        left = int(self.path[1:])
        self.send_response(302 if left else 200)
        if left:
            self.send_header("Location", f"/{left - 1}")
        for link in ("<a>; rel=next", "<b>; rel=prev"):
            self.send_header("Link", link)
        self.send_header("Content-Type", "text/plain; Charset=ISO-8859-1")
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"\xe9")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}/"
said = [larzhttp.get(f"{base}{chain}", max_redirects=most).status_code for chain, most in ((5, 1), (5, 0), (12, 20))]
end = larzhttp.get(f"{base}0")
link = end.headers["link"]
print(f"{said}; Link: {link}; text: {ascii(end.text)}")
assert said == [200, 200, 302] and link == "<b>; rel=prev" and end.text == "\ufffd"
PYTHON
echo "as described"
