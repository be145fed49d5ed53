"""A gRPC server without generated code: messages are bytes. Argument: address.

/echo.Echo/Unary gives its message back, /echo.Echo/Chat each message as it comes,
/echo.Echo/Missing fails with NOT_FOUND. Metadata tells what reached the server.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc


def unary(message: bytes, context: grpc.ServicerContext) -> bytes:
    sent = dict(context.invocation_metadata())
    context.send_initial_metadata(
        [
            ("origin-saw-subject", sent.get("x-tollgate-subject", "nobody")),
            ("origin-saw-colour", sent.get("colour", "none")),
            ("origin-saw-key-bin", sent.get("key-bin", b"")),
        ]
    )
    context.set_trailing_metadata(
        [("origin-trailer", "after the message"), ("origin-trailer-bin", b"\xff\x00")]
    )
    return message


def chat(messages, context: grpc.ServicerContext):
    context.set_trailing_metadata([("origin-trailer", "after the stream")])
    yield from messages


def missing(message: bytes, context: grpc.ServicerContext) -> bytes:
    context.set_trailing_metadata([("origin-trailer", "with the status")])
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: ünknown")


class Echo(grpc.GenericRpcHandler):
    METHODS = {
        "/echo.Echo/Unary": grpc.unary_unary_rpc_method_handler(unary),
        "/echo.Echo/Chat": grpc.stream_stream_rpc_method_handler(chat),
        "/echo.Echo/Missing": grpc.unary_unary_rpc_method_handler(missing),
    }

    def service(self, call):
        return self.METHODS.get(call.method)


server = grpc.server(ThreadPoolExecutor(max_workers=8))
server.add_generic_rpc_handlers([Echo()])
server.add_insecure_port(sys.argv[1])
server.start()
server.wait_for_termination()
