//! Real clients through the gateway: curl, Node, httpx, wrk, WebSocket, gRPC, large bodies.
fn main() {}
