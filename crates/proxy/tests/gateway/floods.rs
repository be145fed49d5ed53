//! HTTP/2 misused: malformed heads, and frames that cost the sender nothing.

use crate::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, PING, RST_STREAM,
    Raw, SETTINGS, WINDOW_UPDATE, block, frame, get,
};
use crate::harness::{Gateway, eventually};
use crate::origin::{Origin, Reply};

#[tokio::test]
async fn case_068_malformed_heads_reset_the_stream_or_the_connection() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    let bad: [Vec<(&str, &str)>; 9] = [
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "no-slash"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", ""),
        ],
        vec![
            (":method", "GET"),
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
            (":path", "/b"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            ("x", "y"),
            (":path", "/"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
            ("connection", "close"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
            ("transfer-encoding", "chunked"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
            ("X-Upper", "y"),
        ],
        vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/"),
            ("x", "a\r\nb"),
        ],
    ];
    for fields in bad {
        let mut raw = Raw::connect(gateway.address).await;
        raw.send(&frame(
            HEADERS,
            END_STREAM | END_HEADERS,
            1,
            &block(&fields),
        ))
        .await;
        let refused = loop {
            match raw.frame().await {
                None => break true,
                Some((RST_STREAM | GOAWAY, ..)) => break true,
                // 400 is in the static table: the first byte of the answer's block.
                Some((HEADERS, _, _, payload)) => break payload[0] == 0x8c,
                Some(_) => {}
            }
        };
        assert!(refused, "{fields:?}");
    }
    assert_eq!(origin.received().len(), 0);
}

#[tokio::test]
async fn case_110_rapid_resets_end_the_connection_and_leave_others_alone() {
    let origin = Origin::answering(|_| Reply::Nothing).await;
    let gateway = Gateway::before(origin.address, "");
    let mut raw = Raw::connect(gateway.address).await;
    let mut stream = 1;
    // CVE-2023-44487: open and reset at once, as many as one write holds.
    let mut burst = Vec::new();
    for _ in 0..2_000 {
        burst.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(&[])));
        burst.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        stream += 2;
    }
    raw.send(&burst).await;
    assert_eq!(raw.dismissal().await, Some(ENHANCE_YOUR_CALM));
    // What reached the origin at all is a fraction, and every connection to it is released.
    eventually("the exchanges to end", || {
        let seen = gateway.seen();
        seen.iter().all(|seen| seen.status == 499).then_some(())
    })
    .await;
    assert!(origin.received().len() < 200, "{}", origin.received().len());
    assert!(
        crate::client::Client::connect(gateway.address)
            .await
            .stream
            .peer_addr()
            .is_ok()
    );
}

#[tokio::test]
async fn case_110_resets_that_we_are_made_to_send_end_the_connection() {
    let origin = Origin::answering(|_| Reply::Nothing).await;
    let gateway = Gateway::before(origin.address, "sizes: {streams: 10000}");
    let mut raw = Raw::connect(gateway.address).await;
    // CVE-2025-8671: a window that overflows makes the server reset the stream.
    let mut stream = 1;
    for _ in 0..200 {
        let mut burst = Vec::new();
        for _ in 0..20 {
            burst.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(&[])));
            burst.extend(frame(
                WINDOW_UPDATE,
                0,
                stream,
                &0x7fff_ffff_u32.to_be_bytes(),
            ));
            stream += 2;
        }
        if !raw.send(&burst).await {
            break;
        }
    }
    assert_eq!(raw.dismissal().await, Some(ENHANCE_YOUR_CALM));
}

#[tokio::test]
async fn case_111_floods_of_frames_that_cost_nothing_end_the_connection() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(origin.address, "");
    // A header block that never ends (RUSTSEC-2024-0332).
    let mut raw = Raw::connect(gateway.address).await;
    raw.send(&frame(HEADERS, END_STREAM, 1, &get(&[]))).await;
    let piece = frame(
        CONTINUATION,
        0,
        1,
        &block(&[("x", "y".repeat(100).as_str()); 50]),
    );
    for _ in 0..2_000 {
        if !raw.send(&piece).await {
            break;
        }
    }
    assert_eq!(raw.dismissal().await, Some(ENHANCE_YOUR_CALM));
    // Names that are sent in a few bytes and take many (an HPACK bomb).
    let mut raw = Raw::connect(gateway.address).await;
    let mut bomb = get(&[]);
    bomb.push(0x40);
    bomb.extend([1, b'x', 0x7f, 0x81, 0x1e]);
    bomb.extend([b'y'; 4000]);
    bomb.extend(std::iter::repeat_n(0xbe, 12_000));
    raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &bomb))
        .await;
    let answer = loop {
        match raw.frame().await {
            Some((HEADERS, _, _, payload)) => break Some(payload),
            Some((RST_STREAM | GOAWAY, ..)) | None => break None,
            Some(_) => {}
        }
    };
    // 431 has no place in the static table and is spelt out.
    assert!(
        answer
            .is_none_or(|block| crate::client::find(&block, b"431").is_some() || block[0] == 0x48)
    );
    // Pings and settings whose answers nobody reads: the queue is bounded by the connection's.
    let mut raw = Raw::connect(gateway.address).await;
    let flood = [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])]
        .concat()
        .repeat(1_000);
    let mut taken = true;
    for _ in 0..2_000 {
        match tokio::time::timeout(std::time::Duration::from_millis(500), raw.send(&flood)).await {
            Ok(true) => {}
            Ok(false) | Err(_) => {
                taken = false;
                break;
            }
        }
    }
    assert!(
        !taken,
        "44 MB of frames were taken in without their answers being read"
    );
    assert_eq!(origin.received().len(), 0);
}

#[tokio::test]
async fn streams_at_once_are_capped() {
    let origin = Origin::answering(|_| Reply::Nothing).await;
    let gateway = Gateway::before(origin.address, "sizes: {streams: 10}");
    let mut raw = Raw::connect(gateway.address).await;
    for number in 0..15 {
        raw.send(&frame(
            HEADERS,
            END_STREAM | END_HEADERS,
            1 + 2 * number,
            &get(&[]),
        ))
        .await;
    }
    let mut refused = 0;
    while refused < 5 {
        match raw.frame().await {
            Some((RST_STREAM, ..)) => refused += 1,
            Some((GOAWAY, ..)) | None => break,
            Some(_) => {}
        }
    }
    eventually("ten requests", || {
        (origin.received().len() == 10).then_some(())
    })
    .await;
}
