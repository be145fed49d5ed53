//! OpenTelemetry: spans reach a collector when the policy wants them.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::support::{PLANS, Running};

/// A collector that takes one OTLP export and hands over its bytes.
fn collector() -> (String, std::sync::mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (exports, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut bytes, mut chunk) = (Vec::new(), [0; 64 * 1024]);
            loop {
                let read = stream.read(&mut chunk).unwrap();
                bytes.extend_from_slice(&chunk[..read]);
                let text = String::from_utf8_lossy(&bytes).to_lowercase();
                let Some((head, _)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head.split("content-length: ").nth(1).unwrap();
                let length: usize = length.lines().next().unwrap().parse().unwrap();
                if read == 0 || bytes.len() >= head.len() + 4 + length {
                    break;
                }
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
            if exports.send(bytes).is_err() {
                return;
            }
        }
    });
    (url, received)
}

#[test]
fn spans_name_route_and_verdict_and_follow_the_callers_trace() {
    let (url, received) = collector();
    let telemetry =
        format!("telemetry: {{endpoint: {url}, sample_ratio: 1.0, service_name: edge-1}}\n");
    let running = Running::start(&format!("{PLANS}{telemetry}"));
    let token = running.token("bob");
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let url = format!("{}/orders/7", running.gateway.url());
    let request = running
        .client
        .get(url)
        .bearer_auth(&token)
        .header("traceparent", trace);
    assert_eq!(request.send().unwrap().status(), 200);
    let export = received.recv_timeout(Duration::from_secs(60)).unwrap();
    let text = String::from_utf8_lossy(&export);
    assert!(text.starts_with("POST /v1/traces"), "{text}");
    assert!(
        text.contains("edge-1") && text.contains("GET /orders/{id}"),
        "{text}"
    );
    assert!(!text.contains("bob") && !text.contains(&token));
    let id: Vec<u8> = (0..32)
        .step_by(2)
        .map(|i| u8::from_str_radix(&trace[3 + i..5 + i], 16).unwrap())
        .collect();
    assert!(
        export.windows(16).any(|window| window == id),
        "the caller's trace id is not there"
    );
}
