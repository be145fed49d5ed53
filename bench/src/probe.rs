//! One request before the load: whether a contender does what its table says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// As much of the answer as is read: its first line is in there.
const HEAD_BYTES: usize = 4 * 1024;

/// The status of one GET with this token; `None` if none came.
pub(crate) fn status(address: SocketAddr, path: &str, token: &str) -> Option<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut head = Vec::new();
    let mut answer = stream.take(HEAD_BYTES as u64);
    // What came before an error may be enough.
    let _ended = answer.read_to_end(&mut head);
    let head = String::from_utf8_lossy(&head);
    head.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_status_of_an_answer_is_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let size = stream.read(&mut request).unwrap();
            stream
                .write_all(b"HTTP/1.1 429 Too Many Requests\r\n\r\n")
                .unwrap();
            String::from_utf8_lossy(&request[..size]).into_owned()
        });
        assert_eq!(status(address, "/orders/1", "abc"), Some(429));
        let request = server.join().unwrap();
        assert!(request.starts_with("GET /orders/1 HTTP/1.1\r\n"));
        assert!(request.contains("authorization: Bearer abc\r\n"));
        assert_eq!(status(address, "/", "abc"), None);
    }
}
