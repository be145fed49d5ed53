//! The origin: its orders, its counts, and everything that it does to a proxy.

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tollgate_testkit::websocket::{Frame, opcode, read_frame, write_frame};
use tollgate_testkit::{Origin, OriginFault};

use crate::client::{Answer, Connection, get, get_h2c};

async fn send(origin: &Origin, method: Method, target: &str, body: &str) -> Answer {
    let mut connection = Connection::open(origin.address()).await;
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "origin")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    Answer::read(connection.send(request).await.unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn an_order_that_was_posted_can_be_read_back() {
    let origin = Origin::start().unwrap();
    let made = send(&origin, Method::POST, "/orders", r#"{"sku":"a"}"#).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let place = made.headers[header::LOCATION].to_str().unwrap();
    let read = get(&format!("{}{place}", origin.url())).await.unwrap();
    assert_eq!(
        read.json(),
        json!({ "order_id": "4", "sku": "a", "status": "open" })
    );
    let list = get(&format!("{}/orders", origin.url()))
        .await
        .unwrap()
        .json();
    assert_eq!(list["orders"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn every_route_of_the_orders_api_answers() {
    let origin = Origin::start().unwrap();
    for (method, target, status) in [
        (Method::GET, "/orders/77", 200),
        (Method::GET, "/items", 200),
        (Method::POST, "/items", 201),
        (Method::GET, "/billing", 200),
        (Method::POST, "/plan", 202),
        (Method::HEAD, "/orders", 200),
        (Method::OPTIONS, "/orders", 204),
        (Method::GET, "/nowhere", 404),
        (Method::DELETE, "/orders", 404),
        (Method::GET, "/status?code=418", 418),
        (Method::POST, "/early", 413),
    ] {
        let answer = send(&origin, method.clone(), target, "").await;
        assert_eq!(answer.status.as_u16(), status, "{method} {target}");
    }
}

#[tokio::test]
async fn requests_are_counted_by_path_and_subject() {
    let origin = Origin::start().unwrap();
    let mut connection = Connection::open(origin.address()).await;
    for (target, subject) in [
        ("/orders?page=2", "alice"),
        ("/orders", "alice"),
        ("/items", "bob"),
    ] {
        let request = Request::get(target)
            .header("host", "origin")
            .header("x-tollgate-subject", subject)
            .body(Full::default())
            .unwrap();
        Answer::read(connection.send(request).await.unwrap())
            .await
            .unwrap();
    }
    connection.get("/items").await.unwrap();
    assert_eq!(origin.hits("/orders", "alice"), 2);
    assert_eq!(origin.hits("/items", "bob"), 1);
    assert_eq!(origin.hits("/items", ""), 1);
    assert_eq!((origin.hits_total(), origin.all_hits().len()), (4, 3));
    assert_eq!(origin.connections(), 1);
    origin.reset_hits();
    assert_eq!(
        (origin.hits_total(), origin.hits("/orders", "alice")),
        (0, 0)
    );
}

#[tokio::test]
async fn headers_are_shown_as_they_came_also_repeated() {
    let origin = Origin::start().unwrap();
    let request = Request::get("/headers?x=1")
        .header("host", "origin")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .body(Full::default())
        .unwrap();
    let mut connection = Connection::open(origin.address()).await;
    let answer = Answer::read(connection.send(request).await.unwrap())
        .await
        .unwrap();
    assert_eq!(
        answer.json(),
        json!({
            "method": "GET", "target": "/headers?x=1", "version": "HTTP/1.1",
            "headers": { "host": ["origin"], "x-twice": ["1", "2"] },
        })
    );
}

#[tokio::test]
async fn it_speaks_h2c_on_the_same_port() {
    let origin = Origin::start().unwrap();
    let answer = get_h2c(origin.address(), "/headers").await;
    assert_eq!(answer.json()["version"], "HTTP/2.0");
}

#[tokio::test]
async fn a_download_has_the_length_asked_for_announced_or_not() {
    let origin = Origin::start().unwrap();
    let announced = get(&format!("{}/stream?bytes=200001", origin.url()))
        .await
        .unwrap();
    assert_eq!(announced.headers[header::CONTENT_LENGTH], "200001");
    assert_eq!(announced.body.len(), 200_001);
    let open = get(&format!("{}/stream?bytes=200001&open=1", origin.url()))
        .await
        .unwrap();
    assert_eq!(open.headers[header::TRANSFER_ENCODING], "chunked");
    assert_eq!(open.body.len(), 200_001);
}

#[tokio::test]
async fn a_cut_answer_is_seen_as_incomplete() {
    let origin = Origin::start().unwrap();
    let error = get(&format!("{}/cut?bytes=1000", origin.url()))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("end of file") || error.to_string().contains("closed"),
        "{error}"
    );
}

#[tokio::test]
async fn an_upload_is_counted_and_an_echo_comes_back() {
    let origin = Origin::start().unwrap();
    let body = "x".repeat(300_000);
    let upload = send(&origin, Method::POST, "/upload", &body).await;
    assert_eq!(upload.json(), json!({ "bytes": 300_000 }));
    assert_eq!(origin.uploaded_bytes(), 300_000);
    let echo = send(&origin, Method::POST, "/echo", &body).await;
    assert_eq!(echo.body, body);
}

#[tokio::test]
async fn trailers_come_over_both_versions() {
    let origin = Origin::start().unwrap();
    let over_h2 = get_h2c(origin.address(), "/trailers").await;
    assert_eq!(over_h2.trailers.unwrap()["x-checksum"], "abc123");
    let request = Request::get("/trailers")
        .header("host", "origin")
        .header("te", "trailers")
        .body(Full::default())
        .unwrap();
    let mut connection = Connection::open(origin.address()).await;
    let over_h1 = Answer::read(connection.send(request).await.unwrap())
        .await
        .unwrap();
    assert_eq!(over_h1.body, "body before trailers");
    assert_eq!(over_h1.trailers.unwrap()["x-count"], "2");
}

#[tokio::test]
async fn a_grpc_request_gets_its_messages_back_and_a_status() {
    let origin = Origin::start().unwrap();
    let message = [0, 0, 0, 0, 2, b'h', b'i'];
    let request = Request::post("/orders.Orders/Watch")
        .header("host", "origin")
        .header("te", "trailers")
        .header("trailer", "grpc-status")
        .header("content-type", "application/grpc")
        .body(Full::new(Bytes::copy_from_slice(&message)))
        .unwrap();
    let mut connection = Connection::open(origin.address()).await;
    // Chunked, so that HTTP/1.1 can carry the status.
    let answer = Answer::read(connection.send(request).await.unwrap())
        .await
        .unwrap();
    assert_eq!(answer.headers["content-type"], "application/grpc");
    assert_eq!(answer.body, message.as_slice());
    assert_eq!(answer.trailers.unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn a_websocket_echoes_answers_pings_and_closes() {
    let origin = Origin::start().unwrap();
    let request = Request::get("/ws")
        .header("host", "origin")
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Full::default())
        .unwrap();
    let mut connection = Connection::open(origin.address()).await;
    let response = connection.send(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(
        response.headers()["sec-websocket-accept"],
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    let mut socket = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let mask = Some([9, 8, 7, 6]);
    for (sent, got) in [
        (opcode::TEXT, opcode::TEXT),
        (opcode::PING, opcode::PONG),
        (opcode::CLOSE, opcode::CLOSE),
    ] {
        write_frame(&mut socket, &Frame::message(sent, "hello", mask))
            .await
            .unwrap();
        let frame = read_frame(&mut socket).await.unwrap().unwrap();
        assert_eq!(frame, Frame::message(got, "hello", None));
    }
    assert_eq!(read_frame(&mut socket).await.unwrap(), None);
}

#[tokio::test]
async fn an_unmasked_frame_ends_the_websocket() {
    let (mut ours, theirs) = tokio::io::duplex(1024);
    let echo = tokio::spawn(tollgate_testkit::websocket::echo(theirs));
    write_frame(&mut ours, &Frame::message(opcode::TEXT, "x", None))
        .await
        .unwrap();
    let frame = read_frame(&mut ours).await.unwrap().unwrap();
    assert_eq!(
        (frame.opcode, frame.payload),
        (opcode::CLOSE, 1002_u16.to_be_bytes().to_vec())
    );
    ours.shutdown().await.unwrap();
    echo.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_websocket_request_without_its_fields_is_refused() {
    let origin = Origin::start().unwrap();
    let answer = get(&format!("{}/ws", origin.url())).await.unwrap();
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn faults_switch_on_and_off() {
    let origin = Origin::start().unwrap();
    let address = format!("{}/orders", origin.url());
    origin.set_fault(OriginFault::Status(503));
    assert_eq!(
        get(&address).await.unwrap().status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    origin.set_fault(OriginFault::Reset);
    assert!(get(&address).await.is_err());
    assert!(origin.set_fault(OriginFault::Down));
    assert!(get(&address).await.is_err());
    assert!(origin.set_fault(OriginFault::None));
    assert_eq!(get(&address).await.unwrap().status, StatusCode::OK);
    // What never arrived is not counted.
    assert_eq!(origin.hits_total(), 3);
}
