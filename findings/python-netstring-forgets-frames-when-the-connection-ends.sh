#!/usr/bin/env bash
# python-netstring 0.6.0 forgets frames that have arrived whole as soon as it is told that the connection has ended.
#
# Expected: `next_event` gives CONNECTION_CLOSED "if the object was closed and no event is available on the buffer" (its own documentation);
# a netstring is whole with its comma (cr.yp.to/proto/netstrings.txt), whatever comes behind it.
# Seen: `receive_data(b"")`, the documented way to tell the end, empties the buffer. Of two frames that arrived together the
# second is lost if the end is told before it is asked for, both are if neither was, and `trailing_data` says that nothing was left.
# pynetstring 0.5 gives each frame when its last byte comes.
#
# A reader that takes what the socket has until it gives b"", and then looks at the events, loses what a peer sent last.
#
# Usage: findings/python-netstring-forgets-frames-when-the-connection-ends.sh
# Needs python3 with venv, pip and its index. Fails if the behaviour differs.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check python-netstring==0.6.0 pynetstring==0.5
python/bin/python - <<'PYTHON'
import netstring
import pynetstring

FRAMES = b"3:one,3:two,"


def seen(asked_before_the_end):
    """What next_event gives, when it is asked so many times before the end is told, and then until nothing is left."""
    connection = netstring.Connection()
    connection.receive_data(FRAMES)
    events = [connection.next_event() for _ in range(asked_before_the_end)]
    connection.receive_data(b"")
    assert connection.trailing_data == (b"", True)
    while (event := connection.next_event()) is not netstring.CONNECTION_CLOSED:
        events.append(event)
    return events


for asked, expected in [(2, [b"one", b"two"]), (1, [b"one"]), (0, [])]:
    events = seen(asked)
    print(f"asked {asked} times before the end: {events}")
    assert events == expected
assert pynetstring.Decoder().feed(FRAMES) == [b"one", b"two"]
PYTHON
echo "as described"
