//! A gateway as its owner sees it: calls with a key, JSON in and out.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use waypost::clock::Clock;
use waypost::config::Settings;
use waypost::store::EmbeddedOptions;

use super::http::{Answer, basic, receive};
use super::{Gateway, KEY};

/// A gateway, and the key that its owner calls it with.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(crate) gateway: Arc<Gateway>,
    authorization: String,
}

impl Owner {
    /// The owner of a new gateway with one domain, on a clock that stands still.
    pub(crate) async fn of_domain(name: &str) -> Self {
        Self::over(EmbeddedOptions::default(), name).await
    }

    /// The same over a store made to measure.
    pub(crate) async fn over(options: EmbeddedOptions, name: &str) -> Self {
        let clock = Clock::manual(Clock::system().now());
        let gateway = Gateway::over(options, Settings::default(), clock, |app| app).await;
        gateway.domain(name).await;
        Self { gateway: Arc::new(gateway), authorization: basic("api", KEY) }
    }

    /// Somebody else's view of the same gateway.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { gateway: self.gateway.clone(), authorization: basic("api", key) }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.gateway.app.settings
    }

    /// The gateway's time, in Unix seconds.
    pub(crate) fn seconds(&self) -> i64 {
        self.gateway.app.clock.now().seconds()
    }

    /// Lets time pass for the gateway.
    pub(crate) fn wait(&self, time: Duration) {
        self.gateway.app.clock.advance(time);
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, b"").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, b"").await
    }

    pub(crate) async fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.call(method, path, body.to_string().as_bytes()).await
    }

    /// Calls with the key and any body, without saying what it is.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.request(method, path, &[("Authorization", &self.authorization)], body).await
    }

    /// Calls with the key and a body of a content type.
    pub(crate) async fn typed(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let headers = [("Authorization", &*self.authorization), ("Content-Type", content_type)];
        self.request("POST", path, &headers, body).await
    }

    /// Posts a form to Mailgun's API.
    pub(crate) async fn form(&self, path: &str, form: &str) -> Answer {
        self.typed(path, "application/x-www-form-urlencoded", form.as_bytes()).await
    }

    /// A request with just these headers.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: waypost\r\nConnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        self.gateway.send(&[head.as_bytes(), body].concat()).await
    }

    /// A request whose body is declared and never sent.
    pub(crate) async fn declare(&self, path: &str, length: usize) -> Answer {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: waypost\r\nContent-Length: {length}\r\n\r\n");
        self.gateway.send(head.as_bytes()).await
    }

    /// A chunked request whose last chunk is never sent.
    pub(crate) async fn stream(&self, path: &str, chunks: &[&[u8]]) -> Answer {
        let mut stream = TcpStream::connect(self.gateway.address).await.unwrap();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: waypost\r\nTransfer-Encoding: chunked\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        for chunk in chunks {
            let size = format!("{:x}\r\n", chunk.len());
            stream.write_all(&[size.as_bytes(), chunk, b"\r\n"].concat()).await.unwrap();
        }
        receive(&mut stream).await
    }

    /// Begins a request, sends a part of its body and hangs up.
    pub(crate) async fn hang_up(&self, path: &str, sent: &[u8]) {
        let mut stream = TcpStream::connect(self.gateway.address).await.unwrap();
        let length = sent.len() + 1;
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: waypost\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), sent].concat()).await.unwrap();
        stream.shutdown().await.unwrap();
        // Either an answer or the end of the connection: the gateway has noticed.
        let mut byte = [0];
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut byte).await;
    }
}
