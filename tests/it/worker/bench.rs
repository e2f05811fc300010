//! A worker on a store of its own, and receivers that do as they are told.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use waypost::client::{Client, ClientOptions};
use waypost::clock::Clock;
use waypost::metrics::Stats;
use waypost::model::*;
use waypost::retry::{Policies, Schedule};
use waypost::store::{self, Decision, Enqueued, Queue, Store};
use waypost::worker::{Worker, WorkerOptions};
use waypost_compat::{Dialect, Kind, Provider, Secret};

/// No test waits longer than this for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const KEY: &str = "key-of-the-account";
pub(super) const SECRET: &str = "whsec_00112233445566778899aabbccddeeff0011223344556677";

/// Options with a schedule of a few milliseconds.
pub(super) fn quick() -> WorkerOptions {
    with_schedule("20ms,20ms,20ms")
}

pub(super) fn with_schedule(schedule: &str) -> WorkerOptions {
    let steps: Result<Vec<Duration>, _> =
        schedule.split(',').map(waypost::config::duration).collect();
    let schedule = Schedule::new(steps.unwrap());
    let policies = Policies::default().with_schedule(&schedule);
    WorkerOptions { policies, ..WorkerOptions::default() }
}

/// A store with one account, and a worker on it once it is started.
pub(super) struct Bench {
    dir: TempDir,
    pub(super) store: Arc<dyn Store>,
    /// Its queue, as the worker shall see it.
    pub(super) queue: Arc<dyn Queue>,
    pub(super) clock: Clock,
    pub(super) account: AccountId,
    numbers: AtomicU64,
}

impl Bench {
    /// Replaces the key that signs Mailgun deliveries.
    pub(super) async fn sign_with(&self, key: &str) {
        let replace = |account: &mut Account| {
            account.signing_key = Secret::new(key);
            Decision::Keep
        };
        let changed = self.store.change_account(self.account, Box::new(replace)).await.unwrap();
        assert!(changed.is_some());
    }

    pub(super) async fn new() -> Self {
        Self::at(Clock::system()).await
    }

    pub(super) async fn at(clock: Clock) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let account = AccountId::from_bytes([7; 16]);
        let row = Account {
            id: account,
            name: "account".to_owned(),
            signing_key: Secret::new(KEY),
            created_at: clock.now(),
        };
        store.create_account(row, None).await.unwrap();
        let name = domain();
        let row = Domain {
            name,
            account,
            created_at: clock.now(),
            mailgun_id: "0123456789abcdef01234567".to_owned(),
            settings: serde_json::Map::new(),
        };
        store.create_domain(row).await.unwrap();
        let queue = store.clone();
        Self { dir, store, queue, clock, account, numbers: AtomicU64::new(1) }
    }

    /// Closes the store and opens it again, as a restart does.
    pub(super) async fn reopen(self) -> Self {
        let Self { dir, store, queue, clock, account, numbers } = self;
        drop(queue);
        // The tasks of a worker that was killed let go of it one by one.
        until(|| async { (Arc::strong_count(&store) == 1).then_some(()) }).await;
        drop(store);
        let store = open(&dir);
        Self { dir, queue: store.clone(), store, clock, account, numbers }
    }

    pub(super) fn start(&self, options: WorkerOptions) -> Running {
        let client = Client::new(ClientOptions {
            allow_targets: vec!["127.0.0.0/8".parse().unwrap()],
            clock: self.clock.clone(),
            ..ClientOptions::default()
        });
        let worker = Worker::new(self.queue.clone(), client, self.clock.clone(), options);
        let stats = worker.stats();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(worker.run(async move {
            let _ = stopped.await;
        }));
        Running { task, stop: Some(stop), stats }
    }

    pub(super) async fn subscribe(&self, dialect: Dialect, url: &str) -> Webhook {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&self.numbers.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        let scope = WebhookScope { account: self.account, domain: Some(domain()), dialect };
        let webhook = Webhook {
            id: WebhookId::random(id),
            scope: scope.clone(),
            url: url.parse().unwrap(),
            events: vec!["delivered".to_owned()],
            kinds: vec![Kind::Delivered],
            state: WebhookState::Active,
            secret: (dialect != Dialect::Mailgun).then(|| Secret::new(SECRET)),
            previous_secret: None,
            scheme: None,
            description: None,
            created_at: self.clock.now(),
            updated_at: self.clock.now(),
        };
        let added = webhook.clone();
        self.change(&scope, |webhooks| webhooks.push(added.clone())).await;
        webhook
    }

    pub(super) async fn change(
        &self,
        scope: &WebhookScope,
        mut change: impl FnMut(&mut Vec<Webhook>) + Send,
    ) {
        let change = |webhooks: &mut Vec<Webhook>| {
            change(webhooks);
            Decision::Keep
        };
        self.store.change_webhooks(scope, Box::new(change)).await.unwrap();
    }

    pub(super) async fn set_state(&self, webhook: &Webhook, state: WebhookState) {
        let set = |webhooks: &mut Vec<Webhook>| {
            webhooks.iter_mut().find(|w| w.id == webhook.id).unwrap().state = state;
        };
        self.change(&webhook.scope, set).await;
    }

    pub(super) async fn state(&self, webhook: &Webhook) -> WebhookState {
        self.store.webhook(self.account, webhook.id).await.unwrap().unwrap().state
    }

    /// Takes in one Mailgun event for each of `webhooks`.
    pub(super) async fn event(&self, webhooks: &[&Webhook]) -> Vec<DeliveryId> {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        self.event_with(Provider::Mailgun, &mailgun_event(number), webhooks).await
    }

    pub(super) async fn event_with(
        &self,
        provider: Provider,
        body: &str,
        webhooks: &[&Webhook],
    ) -> Vec<DeliveryId> {
        let now = self.clock.now();
        let event = StoredEvent {
            id: EventId::timed(now, self.clock.random()),
            account: self.account,
            domain: Some(domain()),
            source: None,
            provider,
            kind: Some(Kind::Delivered),
            name: "delivered".to_owned(),
            provider_id: None,
            recipient: None,
            message_id: None,
            occurred_at: None,
            received_at: now,
            also_by: Vec::new(),
            duplicates: 0,
            body: Bytes::from(body.to_owned()),
        };
        let new = |webhook: &&Webhook| NewDelivery {
            id: DeliveryId::new(now, self.clock.random()),
            webhook: webhook.id,
            dialect: webhook.scope.dialect,
            endpoint: webhook.endpoint(),
            url: webhook.url.clone(),
        };
        let deliveries: Vec<NewDelivery> = webhooks.iter().map(new).collect();
        let ids = deliveries.iter().map(|delivery| delivery.id).collect();
        let arrival = Arrival { event, deliveries, dedupe: None, shared: None, token: None };
        let enqueued = self.store.enqueue(arrival).await.unwrap();
        assert!(matches!(enqueued, Enqueued::Accepted(_)));
        ids
    }

    pub(super) async fn delivery(&self, id: DeliveryId) -> Delivery {
        self.store.delivery(self.account, id).await.unwrap().expect("it was enqueued")
    }

    /// The delivery, once it waits no longer.
    pub(super) async fn ended(&self, id: DeliveryId) -> Delivery {
        self.once(id, |delivery| delivery.state != DeliveryState::Waiting).await
    }

    /// The delivery, once it looks as it should.
    pub(super) async fn once(&self, id: DeliveryId, shall: impl Fn(&Delivery) -> bool) -> Delivery {
        until(|| async {
            let delivery = self.delivery(id).await;
            shall(&delivery).then_some(delivery)
        })
        .await
    }
}

fn open(dir: &TempDir) -> Arc<dyn Store> {
    let path = dir.path().join("data");
    store::open(path).unwrap()
}

pub(super) fn domain() -> DomainName {
    "mg.example.com".parse().unwrap()
}

/// Asks again and again until there is an answer.
pub(super) async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("it never came to that")
}

/// A worker that runs.
pub(super) struct Running {
    task: JoinHandle<Result<(), store::Error>>,
    stop: Option<oneshot::Sender<()>>,
    pub(super) stats: Stats,
}

impl Running {
    /// Tells it to stop, without waiting.
    pub(super) fn tell_to_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has drained.
    pub(super) async fn drained(mut self) {
        self.tell_to_stop();
        tokio::time::timeout(PATIENCE, &mut self.task).await.expect("it stops").unwrap().unwrap();
    }

    /// Ends it in the middle of whatever it does.
    pub(super) async fn kill(mut self) {
        self.task.abort();
        assert!((&mut self.task).await.unwrap_err().is_cancelled());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A Mailgun webhook as a provider posts it; its spaces and odd field must survive.
pub(super) fn mailgun_event(number: u64) -> String {
    let event_data = event_data(number);
    format!(
        r#"{{"signature":{{"token":"t","timestamp":"1","signature":"s"}}, "event-data": {event_data} }}"#
    )
}

pub(super) fn event_data(number: u64) -> String {
    format!(
        r#"{{ "event": "delivered", "id": "ev-{number}", "timestamp": 1521472262.908181, "log-level": "info", "recipient": "alice@example.com", "unheard-of": [1.0, "é"], "message": {{"headers": {{"message-id": "m{number}@mg.example.com"}}}} }}"#
    )
}

/// How a receiver answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reply {
    Status(u16),
    /// After this long.
    Late(u16, Duration),
    /// Never.
    Hang,
}

/// A request as a receiver got it.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) head: String,
    pub(super) body: String,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// An HTTP receiver. What it gets can be read one by one; each answer comes from a function of how
/// many requests came before.
pub(super) struct Receiver {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Received>,
    seen: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub(super) async fn start(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, requests) = mpsc::unbounded_channel();
        let seen = Arc::new(AtomicUsize::new(0));
        let (count, reply) = (seen.clone(), Arc::new(reply));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, tell.clone(), count.clone(), reply.clone()));
            }
        });
        Self { address, requests, seen, task }
    }

    pub(super) async fn answering(status: u16) -> Self {
        Self::start(move |_| Reply::Status(status)).await
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(super) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    pub(super) async fn next(&mut self) -> Received {
        let request = tokio::time::timeout(PATIENCE, self.requests.recv());
        request.await.expect("a request comes").unwrap()
    }

    /// The event ids of the next `count` requests.
    pub(super) async fn ids(&mut self, count: usize) -> HashSet<String> {
        let mut ids = HashSet::new();
        while ids.len() < count {
            let id = self.next().await.json()["event-data"]["id"].as_str().unwrap().to_owned();
            ids.insert(id);
        }
        ids
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    tell: mpsc::UnboundedSender<Received>,
    count: Arc<AtomicUsize>,
    reply: Arc<impl Fn(usize) -> Reply>,
) {
    while let Some(request) = read(&mut stream).await {
        let before = count.fetch_add(1, Ordering::SeqCst);
        let _ = tell.send(request);
        let status = match reply(before) {
            Reply::Status(status) => status,
            Reply::Late(status, wait) => {
                tokio::time::sleep(wait).await;
                status
            }
            Reply::Hang => return std::future::pending().await,
        };
        let answer = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 6\r\n\r\nanswer");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut request = Received { head, body: String::new() };
        let length: usize = request.header("content-length").unwrap().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            request.body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
            return Some(request);
        }
    }
}
