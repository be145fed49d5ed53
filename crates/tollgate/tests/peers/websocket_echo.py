"""Talks to a WebSocket echo and prints what came of it as lines of JSON.

Arguments: URL, token, sizes of the messages, file of the trusted certificate or nothing.
First line: the answer to the upgrade; second line, if it was 101: what came back.
"""

import json
import ssl
import sys

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

url, token, sizes, ca_file = sys.argv[1:]


def show(response) -> None:
    headers = {name.lower(): value for name, value in response.headers.raw_items()}
    body = (response.body or b"").decode()
    print(json.dumps({"status": response.status_code, "headers": headers, "body": body}))


def echoed(socket, message) -> int:
    socket.send(message)
    answer = socket.recv()
    assert answer == message, "an echo differs from what was sent"
    return len(answer)


try:
    socket = connect(
        url,
        additional_headers={"Authorization": f"Bearer {token}"},
        ssl=ssl.create_default_context(cafile=ca_file) if ca_file else None,
        compression=None,
        proxy=None,
    )
except InvalidStatus as refused:
    show(refused.response)
    sys.exit()

show(socket.response)
lengths = [int(size) for size in sizes.split(",")]
texts = [echoed(socket, "x" * length) for length in lengths]
octets = [echoed(socket, bytes(length)) for length in lengths]
ponged = socket.ping().wait(timeout=60)
socket.close()
print(
    json.dumps(
        {
            "echoed_text": texts,
            "echoed_bytes": octets,
            "ponged": ponged,
            "close_code": socket.close_code,
        }
    )
)
