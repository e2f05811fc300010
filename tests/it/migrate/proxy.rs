//! A proxy in front of a server, which does to each call what a test says.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(super) type Answer = Response<Full<Bytes>>;

/// What becomes of a call.
pub(super) enum Act {
    /// It goes through.
    Pass,
    /// It never arrives; this is answered.
    Answer(Answer),
    /// It is carried out; then the answer goes through this.
    Afterwards(Box<dyn FnOnce(Answer) -> Answer + Send>),
    /// It is never answered.
    Silence,
}

type Judge = dyn Fn(&Parts) -> Act + Send + Sync;

/// A proxy; gone when dropped.
pub(super) struct Proxy {
    /// Where it listens.
    pub(super) url: String,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// A proxy in front of `server` that asks `judge` about each call.
    pub(super) async fn before(
        server: &str,
        judge: impl Fn(&Parts) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (server, judge): (String, Arc<Judge>) = (server.to_owned(), Arc::new(judge));
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).build_http();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, judge, client) = (server.clone(), Arc::clone(&judge), client.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        pass(request, server.clone(), Arc::clone(&judge), client.clone())
                    });
                    // A caller that is killed takes its connections with it.
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, task }
    }

    /// One that answers every call like this, and passes none.
    pub(super) async fn answering(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = body.to_owned();
        Self::before("http://127.0.0.1:9", move |_| {
            Act::Answer(answer(status, &headers, body.clone()))
        })
        .await
    }
}

/// An answer.
pub(super) fn answer(status: u16, headers: &[(String, String)], body: String) -> Answer {
    let builder = Response::builder().status(status);
    let builder = headers.iter().fold(builder, |b, (name, value)| b.header(name, value));
    builder.body(Full::from(body)).unwrap()
}

async fn pass(
    request: Request<Incoming>,
    server: String,
    judge: Arc<Judge>,
    client: Client<HttpConnector, Full<Bytes>>,
) -> Result<Answer, Infallible> {
    let (mut head, body) = request.into_parts();
    let afterwards = match judge(&head) {
        Act::Pass => None,
        Act::Answer(answer) => return Ok(answer),
        Act::Afterwards(then) => Some(then),
        Act::Silence => std::future::pending().await,
    };
    let path = head.uri.path_and_query().unwrap().to_string();
    head.uri = format!("{server}{path}").parse().unwrap();
    head.headers.remove("host");
    let body = body.collect().await.unwrap().to_bytes();
    let answer = client.request(Request::from_parts(head, Full::new(body))).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let answer = Response::from_parts(head, Full::new(body));
    Ok(match afterwards {
        Some(then) => then(answer),
        None => answer,
    })
}
