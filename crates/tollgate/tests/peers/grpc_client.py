"""Calls the echo service and prints what came of every step as one JSON object.

Arguments: target, token, file of the trusted certificate or nothing.
"""

import json
import queue
import sys
from pathlib import Path

import grpc

target, token, ca_file = sys.argv[1:]
TIMEOUT_S = 60
METADATA = [
    ("authorization", f"Bearer {token}"),
    ("colour", "blue"),
    ("key-bin", b"\x00\x01\xfe\xff"),
    ("x-tollgate-subject", "somebody else"),
]

# What grpc retries by itself would blur what is counted.
OPTIONS = [("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0)]
if ca_file:
    credentials = grpc.ssl_channel_credentials(Path(ca_file).read_bytes())
    channel = grpc.secure_channel(target, credentials, OPTIONS)
else:
    channel = grpc.insecure_channel(target, OPTIONS)


def plain(metadata) -> dict:
    values = {name: value for name, value in metadata or ()}
    return {k: v.hex() if isinstance(v, bytes) else v for k, v in values.items()}


def ending(call) -> dict:
    return {
        "code": call.code().name,
        "details": call.details(),
        "initial": plain(call.initial_metadata()),
        "trailing": plain(call.trailing_metadata()),
    }


def unary(method: str, metadata=METADATA) -> dict:
    try:
        call = channel.unary_unary(f"/echo.Echo/{method}")
        reply, call = call.with_call(b"hello", metadata=metadata, timeout=TIMEOUT_S)
        return {"reply": reply.decode(), **ending(call)}
    except grpc.RpcError as error:
        return ending(error)


def stream(messages) -> grpc.Call:
    method = channel.stream_stream("/echo.Echo/Chat")
    return method(messages, metadata=METADATA, timeout=TIMEOUT_S)


def chat() -> dict:
    outgoing = queue.SimpleQueue()
    call = stream(iter(outgoing.get, None))
    replies = []
    try:
        for message in (b"0", b"1", b"2", bytes(300_000)):
            outgoing.put(message)
            reply = next(call)
            replies.append(reply.decode() if len(reply) < 9 else f"{len(reply)} bytes")
        outgoing.put(None)
        rest = list(call)
        assert not rest, "more came than was sent"
    except grpc.RpcError:
        pass
    return {"replies": replies, **ending(call)}


def flood() -> dict:
    """A stream that sends much and reads only then."""
    call = stream(bytes(100_000) for _ in range(100))
    try:
        return {"replies": len(list(call)), **ending(call)}
    except grpc.RpcError:
        return ending(call)


seen = {
    "unary": unary("Unary"),
    "chat": chat(),
    "missing": unary("Missing"),
    "second": unary("Unary"),
    "limited": unary("Unary"),
    "second_chat": chat(),
    "limited_chat": flood(),
    "anonymous": unary("Unary", metadata=[]),
}
channel.close()
print(json.dumps(seen))
