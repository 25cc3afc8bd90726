#!/usr/bin/env bash
# har-toolkit 0.3.0 (Python) drops all fields of a form that was posted, and takes the last parameter of a type for its charset, quotes and all.
#
# Expected: "This will return a Har object with the contents of the file parsed according to" the HAR specification of W3C (README). There `postData`
# has `params`, the "List of posted parameters", and for a form these and no `text`: the two "are mutually exclusive" (HAR 1.2 Spec, "postData"). The
# charset of `text/html; charset="utf-8"; x=y` is `utf-8` (RFC 9110 sections 5.6.6 and 8.3.2).
# Seen: `params` is an empty list for each form: each field is read, and the result is not kept. The names of its files are lost too. `text` of
# another body, and the query of the address, are kept. `charset` is `y` for the type above and `"utf-8"` with its quotes without `x`.
#
# Whoever replays a recording posts empty forms, and whoever searches one for a name that was typed does not find it.
#
# Usage: findings/har-toolkit-drops-the-fields-of-a-form.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check har-toolkit==0.3.0 pillow==13.0.0

cat >form.py <<'PYTHON'
import json

import har_toolkit


def entry(post_data, mime_type):
    """An entry of a recording with what it posts and the type of its answer."""
    message = {"httpVersion": "HTTP/1.1", "cookies": [], "headers": [], "headersSize": -1, "bodySize": -1}
    return {
        "startedDateTime": "2026-01-01T12:00:00.000Z",
        "time": 3,
        "request": message | {
            "method": "POST", "url": "http://localhost/?a=b", "queryString": [{"name": "a", "value": "b"}], "postData": post_data,
        },
        "response": message | {
            "status": 200, "statusText": "OK", "redirectURL": "", "content": {"size": 2, "mimeType": mime_type, "text": "ok"},
        },
        "cache": {},
        "timings": {"send": 1, "wait": 1, "receive": 1},
    }


urlencoded = {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "user", "value": "anna"}, {"name": "age", "value": "7"}]}
multipart = {"mimeType": "multipart/form-data", "params": [{"name": "file", "fileName": "a.png", "contentType": "image/png"}]}
text = {"mimeType": "application/json", "text": "{}"}
types = ["text/html; charset=utf-8", 'text/html; charset="utf-8"', 'text/html; charset="utf-8"; x=y']
entries = [entry(*both) for both in zip([text, urlencoded, multipart], types)]
with open("recording.har", "w") as file:
    json.dump({"log": {"version": "1.2", "creator": {"name": "hand", "version": "1"}, "entries": entries}}, file)

seen = har_toolkit.read_har_file("recording.har").entries
for sent, one in zip(entries, seen):
    posted = one.request.postData
    print(f"{posted.mimeType}: {len(sent['request']['postData'].get('params', []))} fields are in the file, {len(posted.params)} are read")
    assert posted.params == []
    assert one.request.queryString == [{"name": "a", "value": "b"}]
assert (seen[0].request.method, seen[0].request.postData.text) == ("POST", "{}")
charsets = [one.response.content.charset for one in seen]
print(f"charsets: {charsets}")
assert charsets == ["utf-8", '"utf-8"', "y"]
PYTHON
python/bin/python form.py
echo "as described"
