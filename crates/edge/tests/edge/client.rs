//! A client that sends one request on a connection of its own, byte for byte as told.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use tokio::net::TcpSocket;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// `GET target` with these header fields.
pub(crate) fn get(address: SocketAddr, target: &str, fields: &[(&str, &str)]) -> Answer {
    send(address, "GET", target, fields, "")
}

/// The same from another address of loopback than the usual one.
pub(crate) fn get_from(
    from: IpAddr,
    address: SocketAddr,
    target: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let connect = async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    };
    let stream = runtime.block_on(connect);
    stream.set_nonblocking(false).unwrap();
    exchange(stream, "GET", target, fields, "")
}

pub(crate) fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Answer {
    let stream = TcpStream::connect(address).unwrap();
    exchange(stream, method, target, fields, body)
}

fn exchange(
    mut stream: TcpStream,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: api.example.com\r\n");
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("Connection: close\r\n\r\n");
    text.push_str(body);
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

impl Answer {
    /// The built-in origin's word on the fields of a name that it received.
    pub(crate) fn received(&self, name: &str) -> Vec<String> {
        let value: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        let values = value["headers"][name].as_array().cloned();
        let values = values.unwrap_or_default().into_iter();
        values
            .map(|value| value.as_str().unwrap().to_owned())
            .collect()
    }
}
