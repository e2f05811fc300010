//! A client that sends exactly the bytes it is given, as no HTTP library would.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No answer of a server on this machine takes longer, whatever else the machine does.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The status with its reason phrase.
    pub(crate) status_line: String,
    /// Header names in lower case, and their values, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, chunks joined.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut matching = self.headers.iter().filter(|(known, _)| known == name);
        matching.next().map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The value of an `Authorization` header.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Sends `request` on a connection of its own and reads one answer.
pub(crate) async fn send(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server may answer and close before it has read everything; that is for the test to judge.
    let _ = stream.write_all(request).await;
    receive(&mut stream).await
}

/// Reads one answer from a connection that may stay open.
pub(crate) async fn receive(stream: &mut TcpStream) -> Answer {
    let reading = tokio::time::timeout(PATIENCE, read(stream));
    reading.await.expect("an answer comes in time")
}

async fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = find(&bytes, b"\r\n\r\n") {
            break end;
        }
        assert_ne!(more(stream, &mut bytes).await, 0, "the connection closed without an answer");
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let status_line = lines.next().unwrap().trim_start_matches("HTTP/1.1 ").to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let mut answer = Answer {
        status: status_line[..3].parse().unwrap(),
        headers: lines.map(header).collect(),
        status_line,
        body: Vec::new(),
    };
    let mut body = bytes.split_off(head + 4);
    let length = answer.header("content-length").map(|length| length.parse::<usize>().unwrap());
    if answer.header("transfer-encoding").is_some() {
        while find(&body, b"0\r\n\r\n").is_none() {
            assert_ne!(more(stream, &mut body).await, 0, "the last chunk is there");
        }
        answer.body = joined(&body);
    } else if let Some(length) = length {
        while body.len() < length && more(stream, &mut body).await != 0 {}
        answer.body = body;
    }
    answer
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> usize {
    stream.read_buf(bytes).await.unwrap_or(0)
}

fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = find(chunks, b"\r\n") {
        let size = std::str::from_utf8(&chunks[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 4 + size..];
    }
    body
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
