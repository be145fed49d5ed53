//! WebSocket by a client library that users have: echo, one charge at the upgrade, refusal.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::json;
use tollgate_testkit::Origin;

use crate::client::{Seen, run_python};
use crate::front::{Certificate, Front};

const TWO_AT_ONCE: &str = "
routes: [GET /ws]
plans:
  standard: {limits: [{name: burst, rate: 1/1h, burst: 2}]}
default_plan: standard
";
/// Payload bytes around every form of a frame's length (RFC 6455 section 5.2), and a large one.
const SIZES: &str = "0,1,125,126,65535,65536,1000000";

#[test]
fn case_072_frames_of_every_size_come_back_and_the_upgrade_is_charged_once() {
    let origin = Origin::start().unwrap();
    let front = Front::start(origin.url(), TWO_AT_ONCE);
    let url = front.url("/ws").replace("http", "ws");
    let token = front.token("chatty");
    let talk = || run_python("websocket_echo.py", &[&url, &token, SIZES, ""]);
    for left in [1, 0] {
        let lines = talk();
        let upgrade = Seen::from_json(&lines[0]);
        assert_eq!(upgrade.status, 101, "{lines:?}");
        let state = upgrade.header("ratelimit").unwrap();
        assert!(
            state.starts_with(&format!("\"burst\";r={left};t=")),
            "{state}"
        );
        // Seven messages, as text and as bytes, and a ping: none of them is charged.
        let sizes: Vec<u64> = SIZES.split(',').map(|size| size.parse().unwrap()).collect();
        assert_eq!(lines[1]["echoed_text"], json!(sizes));
        assert_eq!(lines[1]["echoed_bytes"], json!(sizes));
        assert_eq!(lines[1]["ponged"], true);
        assert_eq!(lines[1]["close_code"], 1000);
    }
    let refused = Seen::from_json(&talk()[0]);
    assert_eq!(refused.status, 429, "{refused:?}");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.json()["violated-policies"], json!(["burst"]));
    assert_eq!(origin.hits("/ws", "chatty"), 2);
}

#[test]
fn a_websocket_over_tls_comes_through() {
    let origin = Origin::start().unwrap();
    let front = Front::with_tls(origin.url(), TWO_AT_ONCE, &Certificate::make());
    let url = front.tls_url("/ws").replace("https", "wss");
    let (token, ca) = (front.token("chatty"), front.ca_file());
    let lines = run_python(
        "websocket_echo.py",
        &[&url, &token, "5", ca.to_str().unwrap()],
    );
    assert_eq!(lines[1]["echoed_text"], json!([5]));
    assert_eq!(lines[1]["close_code"], 1000);
}

/// A masked text frame that says `hello` (RFC 6455 section 5.7).
const FRAME: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
/// A request that wants to be taken for what a socket carries.
const REQUEST: &[u8] = b"GET /orders HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

#[test]
fn case_072_what_an_eager_client_sends_after_a_refused_upgrade_reaches_nobody() {
    let origin = Origin::start().unwrap();
    let front = Front::start(origin.url(), &TWO_AT_ONCE.replace("burst: 2", "burst: 1"));
    let url = front.url("/ws").replace("http", "ws");
    let token = front.token("eager");
    run_python("websocket_echo.py", &[&url, &token, "1", ""]);
    let (hits, connections) = (origin.hits_total(), origin.connections());
    // A frame is not even the beginning of a request; a request is judged by itself, and this one
    // has no token.
    for (sent, expected) in [
        (FRAME, &["HTTP/1.1 429 "][..]),
        (REQUEST, &["HTTP/1.1 429 ", "HTTP/1.1 401 "]),
    ] {
        let mut client = TcpStream::connect(front.gateway.address()).unwrap();
        write!(
            client,
            "GET /ws HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\
             connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .unwrap();
        client.write_all(sent).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answers = String::new();
        client.read_to_string(&mut answers).unwrap();
        let statuses: Vec<&str> = answers
            .match_indices("HTTP/1.1 ")
            .map(|(at, _)| &answers[at..at + 13])
            .collect();
        assert_eq!(statuses, expected, "{answers}");
        assert_eq!(
            (origin.hits_total(), origin.connections()),
            (hits, connections)
        );
    }
}
