//! A receiver that stops reading holds the sender back: the gateway is a pipe, not a tank.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::front::Front;

/// A sender that cannot send for this long is being held back.
const STUCK: Duration = Duration::from_secs(1);
/// All that may be under way: the kernel's buffers of two connections and the gateway's own.
const UNDER_WAY_BYTES_MAX: u64 = 48 << 20;
/// A body that nobody will ever have read.
const BODY_BYTES: u64 = 8 << 30;

const GENEROUS: &str = "
routes: [GET /body, PUT /body]
plans:
  standard: {limits: [{name: burst, rate: 100/s}]}
default_plan: standard
";

/// Writes zeros until nobody takes them; how many were taken.
fn write_until_stuck(stream: &mut TcpStream) -> u64 {
    stream.set_write_timeout(Some(STUCK)).unwrap();
    let chunk = vec![0; 64 * 1024];
    let mut taken = 0;
    while taken < BODY_BYTES {
        match stream.write(&chunk) {
            Ok(count) => taken += count as u64,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break;
            }
            Err(error) => panic!("the connection broke after {taken} bytes: {error}"),
        }
    }
    taken
}

/// Reads to the end of a head.
fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// An origin for one request, of which it reads the head; then `converse` has the connection.
fn origin<T: Send + 'static>(
    converse: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_head(&mut stream);
        converse(stream)
    });
    (url, thread)
}

fn connect(front: &Front, method: &str, length: u64) -> TcpStream {
    let mut stream = TcpStream::connect(front.gateway.address()).unwrap();
    let token = front.token("sluggard");
    write!(
        stream,
        "{method} /body HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\
         content-length: {length}\r\n\r\n"
    )
    .unwrap();
    stream
}

fn check(what: &str, front: &Front, resident_before: u64, taken: u64) {
    let grown = front
        .gateway
        .resident_bytes()
        .saturating_sub(resident_before);
    println!(
        "{what}: {} KiB under way, gateway {} KiB larger",
        taken >> 10,
        grown >> 10
    );
    assert!(
        taken > 0 && taken <= UNDER_WAY_BYTES_MAX,
        "{what}: {taken} bytes under way"
    );
    assert!(
        grown <= UNDER_WAY_BYTES_MAX / 4,
        "{what}: the gateway grew by {grown} bytes"
    );
}

#[test]
fn a_client_that_does_not_read_holds_the_origin_back() {
    let (url, origin) = origin(|mut stream| {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {BODY_BYTES}\r\n\r\n"
        )
        .unwrap();
        write_until_stuck(&mut stream)
    });
    let front = Front::start(&url, GENEROUS);
    let before = front.gateway.resident_bytes();
    let _not_read = connect(&front, "GET", 0);
    let taken = origin.join().unwrap();
    check("download", &front, before, taken);
}

#[test]
fn an_origin_that_does_not_read_holds_the_client_back() {
    // The connection is handed back open: nothing reads it.
    let (url, origin) = origin(|stream| stream);
    let front = Front::start(&url, GENEROUS);
    let before = front.gateway.resident_bytes();
    let mut client = connect(&front, "PUT", BODY_BYTES);
    let _not_read = origin.join().unwrap();
    let taken = write_until_stuck(&mut client);
    check("upload", &front, before, taken);
}
