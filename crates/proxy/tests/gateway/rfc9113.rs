//! RFC 9113, section by section: what a peer may not do over HTTP/2, and what it may.
//!
//! Our own table of the rules that h2spec checks; as there, a connection error is a GOAWAY with
//! the section's code, or the end of the connection.

use crate::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, Raw, SETTINGS,
    WINDOW_UPDATE, frame, get,
};
use crate::harness::Gateway;
use crate::origin::Origin;

const DATA: u8 = 0;
const PRIORITY: u8 = 2;
const PUSH_PROMISE: u8 = 5;
const PADDED: u8 = 8;
const ACK: u8 = 1;

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const COMPRESSION_ERROR: u32 = 9;

/// A whole request on a stream.
fn request(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(&[]))
}

/// A request whose body is still to come.
fn open(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &get(&[]))
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    let payload = [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, &payload)
}

fn window(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

/// Section, what is sent after preface and settings, and the codes that may end the connection.
fn connection_errors() -> Vec<(&'static str, Vec<u8>, &'static [u32])> {
    const PROTOCOL: &[u32] = &[PROTOCOL_ERROR];
    const SIZE: &[u32] = &[FRAME_SIZE_ERROR];
    const FLOW: &[u32] = &[FLOW_CONTROL_ERROR];
    // h2 0.4 calls every frame that it cannot load a PROTOCOL_ERROR and ends the connection, which
    // h2spec accepts; the section's own code stands first.
    const UNLOADED_SIZE: &[u32] = &[FRAME_SIZE_ERROR, PROTOCOL_ERROR];
    const UNLOADED_FLOW: &[u32] = &[FLOW_CONTROL_ERROR, PROTOCOL_ERROR];
    const UNLOADED_BLOCK: &[u32] = &[COMPRESSION_ERROR, PROTOCOL_ERROR];
    let fragment = frame(HEADERS, END_STREAM, 1, &get(&[]));
    vec![
        (
            "4.2 a frame above SETTINGS_MAX_FRAME_SIZE",
            [open(1), frame(DATA, 0, 1, &[0; 16_385])].concat(),
            SIZE,
        ),
        (
            "4.3 a header block that cannot be decoded",
            frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0xff; 6]),
            UNLOADED_BLOCK,
        ),
        (
            "5.1 DATA on an idle stream",
            frame(DATA, END_STREAM, 1, b"x"),
            PROTOCOL,
        ),
        (
            "5.1 RST_STREAM on an idle stream",
            frame(RST_STREAM, 0, 1, &[0; 4]),
            PROTOCOL,
        ),
        (
            "5.1 WINDOW_UPDATE on an idle stream",
            window(1, 100),
            PROTOCOL,
        ),
        (
            "5.1 CONTINUATION on an idle stream",
            frame(CONTINUATION, END_HEADERS, 1, &get(&[])),
            PROTOCOL,
        ),
        ("5.1.1 an even stream of a client's", request(2), PROTOCOL),
        (
            "5.1.1 a stream below an earlier one",
            [request(5), request(3)].concat(),
            &[PROTOCOL_ERROR, STREAM_CLOSED],
        ),
        (
            "6.1 DATA on the connection",
            frame(DATA, 0, 0, b"x"),
            PROTOCOL,
        ),
        (
            "6.1 padding longer than DATA",
            [open(1), frame(DATA, PADDED, 1, &[9, 0, 0])].concat(),
            PROTOCOL,
        ),
        ("6.2 HEADERS on the connection", request(0), PROTOCOL),
        (
            "6.2 padding longer than HEADERS",
            frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, &[200, 0x82]),
            PROTOCOL,
        ),
        (
            "6.2 another frame within a header block",
            [fragment.clone(), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 9])].concat(),
            PROTOCOL,
        ),
        (
            "6.2 another stream within a header block",
            [fragment.clone(), request(3)].concat(),
            PROTOCOL,
        ),
        (
            "6.3 PRIORITY on the connection",
            frame(PRIORITY, 0, 0, &[0, 0, 0, 0, 9]),
            PROTOCOL,
        ),
        (
            "6.4 RST_STREAM on the connection",
            frame(RST_STREAM, 0, 0, &[0; 4]),
            PROTOCOL,
        ),
        (
            "6.4 RST_STREAM of another length",
            [open(1), frame(RST_STREAM, 0, 1, &[0; 3])].concat(),
            UNLOADED_SIZE,
        ),
        (
            "6.5 an acknowledgement with a payload",
            frame(SETTINGS, ACK, 0, &[0; 6]),
            UNLOADED_SIZE,
        ),
        (
            "6.5 SETTINGS on a stream",
            frame(SETTINGS, 0, 1, &[]),
            PROTOCOL,
        ),
        (
            "6.5 SETTINGS of another length",
            frame(SETTINGS, 0, 0, &[0; 3]),
            UNLOADED_SIZE,
        ),
        ("6.5.2 SETTINGS_ENABLE_PUSH of 2", setting(2, 2), PROTOCOL),
        (
            "6.5.2 SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1",
            setting(4, 1 << 31),
            UNLOADED_FLOW,
        ),
        (
            "6.5.2 SETTINGS_MAX_FRAME_SIZE below 16,384",
            setting(5, 16_383),
            PROTOCOL,
        ),
        (
            "6.5.2 SETTINGS_MAX_FRAME_SIZE above 2^24-1",
            setting(5, 1 << 24),
            PROTOCOL,
        ),
        (
            "6.6 PUSH_PROMISE of a client's",
            [
                open(1),
                frame(
                    PUSH_PROMISE,
                    END_HEADERS,
                    1,
                    &[&[0, 0, 0, 2], &get(&[])[..]].concat(),
                ),
            ]
            .concat(),
            PROTOCOL,
        ),
        ("6.7 PING on a stream", frame(PING, 0, 1, &[0; 8]), PROTOCOL),
        (
            "6.7 PING of another length",
            frame(PING, 0, 0, &[0; 6]),
            UNLOADED_SIZE,
        ),
        (
            "6.8 GOAWAY on a stream",
            frame(GOAWAY, 0, 1, &[0; 8]),
            PROTOCOL,
        ),
        (
            "6.9 WINDOW_UPDATE of 0 on the connection",
            window(0, 0),
            PROTOCOL,
        ),
        // A stream error, which 5.4.2 lets be a connection error.
        (
            "6.9 WINDOW_UPDATE of 0 on a stream",
            [open(1), window(1, 0)].concat(),
            PROTOCOL,
        ),
        (
            "6.9 WINDOW_UPDATE of another length",
            frame(WINDOW_UPDATE, 0, 0, &[0; 3]),
            UNLOADED_SIZE,
        ),
        (
            "6.9.1 the connection's window above 2^31-1",
            [window(0, i32::MAX as u32), window(0, 1)].concat(),
            FLOW,
        ),
        (
            "6.10 CONTINUATION behind a finished block",
            [request(1), frame(CONTINUATION, END_HEADERS, 1, &get(&[]))].concat(),
            PROTOCOL,
        ),
    ]
}

#[tokio::test]
async fn case_112_what_rfc_9113_calls_a_connection_error_ends_the_connection() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let mut wrong = Vec::new();
    for (section, bytes, codes) in connection_errors() {
        let mut raw = Raw::connect(gateway.address).await;
        raw.send(&bytes).await;
        // A peer that goes on as if nothing was wrong would answer this.
        raw.send(&frame(PING, 0, 0, b"going on")).await;
        let outcome = loop {
            match raw.frame().await {
                None => break Ok(()),
                Some((GOAWAY, _, _, payload)) => {
                    let code = u32::from_be_bytes(payload[4..8].try_into().unwrap());
                    let expected = codes.contains(&code);
                    break expected.then_some(()).ok_or(format!("GOAWAY {code}"));
                }
                Some((PING, ACK, ..)) => break Err("went on".to_owned()),
                Some(_) => {}
            }
        };
        if let Err(outcome) = outcome {
            wrong.push(format!("{section}: {outcome}, expected {codes:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn case_112_what_rfc_9113_calls_a_stream_error_ends_that_stream_only() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let lengthy = |length| frame(HEADERS, END_HEADERS, 1, &get(&[("content-length", length)]));
    let bad = [
        (
            "6.9.1 a stream's window above 2^31-1",
            [open(1), window(1, i32::MAX as u32)].concat(),
            FLOW_CONTROL_ERROR,
        ),
        (
            "8.1.1 less body than content-length",
            [lengthy("5"), frame(DATA, END_STREAM, 1, b"x")].concat(),
            PROTOCOL_ERROR,
        ),
        (
            "8.1.1 more body than content-length",
            [lengthy("1"), frame(DATA, END_STREAM, 1, b"xyz")].concat(),
            PROTOCOL_ERROR,
        ),
        (
            "8.1 trailers that do not end the stream",
            [
                open(1),
                frame(
                    HEADERS,
                    END_HEADERS,
                    1,
                    &crate::frames::block(&[("x", "y")]),
                ),
            ]
            .concat(),
            PROTOCOL_ERROR,
        ),
    ];
    for (section, bytes, expected) in bad {
        let mut raw = Raw::connect(gateway.address).await;
        raw.send(&bytes).await;
        let code = loop {
            match raw.frame().await {
                Some((RST_STREAM, _, 1, payload)) => {
                    break u32::from_be_bytes(payload[..4].try_into().unwrap());
                }
                Some((GOAWAY, ..)) | None => panic!("{section}: the connection ended"),
                Some(_) => {}
            }
        };
        assert_eq!(code, expected, "{section}");
        // The connection serves on.
        raw.send(&request(3)).await;
        while !matches!(raw.frame().await.expect(section), (HEADERS, _, 3, _)) {}
    }
}

#[tokio::test]
async fn case_112_what_rfc_9113_lets_pass_is_passed() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let padded = [&[3][..], &get(&[]), &[0; 3]].concat();
    let weighted = [&[0, 0, 0, 0, 9][..], &get(&[])].concat();
    let whole = get(&[]);
    let (first, second) = whole.split_at(10);
    let good = [
        (
            "4.1 an unknown kind of frame",
            [frame(0xbe, 0xff, 0, b"?"), request(1)].concat(),
        ),
        (
            "5.1 PRIORITY on an idle stream",
            [frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 9]), request(1)].concat(),
        ),
        (
            "6.2 padding",
            frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, &padded),
        ),
        (
            "6.2 a priority",
            frame(HEADERS, END_STREAM | END_HEADERS | 0x20, 1, &weighted),
        ),
        (
            "6.5.2 an unknown setting",
            [setting(0xbeef, 7), request(1)].concat(),
        ),
        (
            "6.10 a header block in pieces",
            [
                frame(HEADERS, END_STREAM, 1, first),
                frame(CONTINUATION, END_HEADERS, 1, second),
            ]
            .concat(),
        ),
    ];
    for (section, bytes) in good {
        let mut raw = Raw::connect(gateway.address).await;
        raw.send(&bytes).await;
        let block = loop {
            match raw.frame().await.expect(section) {
                (HEADERS, _, 1, payload) => break payload,
                (RST_STREAM | GOAWAY, ..) => panic!("{section}: refused"),
                _ => {}
            }
        };
        // 200 is in the static table.
        assert_eq!(block[0], 0x88, "{section}");
    }
    let mut raw = Raw::connect(gateway.address).await;
    raw.send(&frame(PING, 0, 0, b"the same")).await;
    let (mut settings, mut ping) = (false, false);
    while !(settings && ping) {
        match raw.frame().await.unwrap() {
            (SETTINGS, ACK, 0, payload) => settings = payload.is_empty(),
            (PING, ACK, 0, payload) => ping = payload == b"the same",
            _ => {}
        }
    }
}
