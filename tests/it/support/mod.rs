//! What tests share: a [`Gateway`] in this process, and [`http`], a client that sends exact bytes.
//!
//! ```ignore
//! let gateway = Gateway::start().await;
//! gateway.domain("example.com").await;
//! let answer = gateway.mailgun("GET", "/v3/domains/example.com/webhooks", "").await;
//! assert_eq!(answer.status, 200);
//! ```
//!
//! Each gateway has its own port and directory, so tests run side by side. Dropping one stops it.

pub(crate) mod api;
pub(crate) mod http;
pub(crate) mod mailgun;
pub(crate) mod native;
pub(crate) mod process;
pub(crate) mod provider;
pub(crate) mod receiver;

use std::net::SocketAddr;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use waypost::clock::Clock;
use waypost::config::Settings;
use waypost::http::{App, serve};
use waypost::model::{Account, AccountId, Domain, DomainName, Key, KeyHash, KeyId, Scope};
use waypost::store::{Embedded, EmbeddedOptions, Store};
use waypost_compat::{Dialect, Secret};

use self::http::{Answer, basic, send};

/// The account's key in every test gateway.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef-01234567-89abcdef";

/// The account's signing key in every test gateway.
pub(crate) const SIGNING_KEY: &str = "key-fedcba9876543210fedcba9876543210";

/// A running gateway with one account and no domains.
pub(crate) struct Gateway {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What its handlers use: the parts of the store, the clock.
    pub(crate) app: App,
    /// The store, all of it.
    pub(crate) store: Arc<dyn Store>,
    /// Its account.
    pub(crate) account: AccountId,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
    _directory: TempDir,
}

impl Gateway {
    /// A gateway with default settings on the machine's clock.
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default(), Clock::system(), |app| app).await
    }

    /// A gateway made to measure; `finish` may add to its app what a test needs there.
    pub(crate) async fn with(
        settings: Settings,
        clock: Clock,
        finish: impl FnOnce(App) -> App,
    ) -> Self {
        Self::over(EmbeddedOptions::default(), settings, clock, finish).await
    }

    /// The same over a store made to measure, in a directory of its own whatever its path says.
    pub(crate) async fn over(
        options: EmbeddedOptions,
        settings: Settings,
        clock: Clock,
        finish: impl FnOnce(App) -> App,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions { path: directory.path().join("data"), ..options };
        let store = tokio::task::spawn_blocking(|| Embedded::open(options)).await.unwrap().unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let app = finish(App::new(store.clone(), clock, Arc::new(settings)));
        let account = account(&app, AccountId::from_bytes([0xac; 16]), KEY).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(app.clone(), listener, async {
            let _ = stopped.await;
        }));
        Self { address, app, store, account, stop: Some(stop), server, _directory: directory }
    }

    /// Signals it to stop and waits until it has drained.
    pub(crate) async fn stop(mut self) {
        self.stop.take().map(|stop| stop.send(()));
        (&mut self.server).await.unwrap();
    }

    /// Gives the account a domain.
    pub(crate) async fn domain(&self, name: &str) -> DomainName {
        add_domain(&self.app, self.account, name).await
    }

    /// Gives the account a key of any sort, and returns what a client presents.
    pub(crate) async fn key(&self, dialect: Dialect, scope: Scope, domain: Option<&str>) -> String {
        let secret = self.app.clock.random_hex::<16>();
        let mut key = key(&self.app, self.account, &secret);
        key.dialect = dialect;
        key.scope = scope;
        key.domain = domain.map(|name| name.parse().unwrap());
        self.store.add_key(key).await.unwrap();
        secret
    }

    /// Sends a request of these bytes on a connection of its own.
    pub(crate) async fn send(&self, request: &[u8]) -> Answer {
        send(self.address, request).await
    }

    /// Calls Mailgun's API with the account's key and a URL-encoded form.
    pub(crate) async fn mailgun(&self, method: &str, path: &str, form: &str) -> Answer {
        self.mailgun_as(KEY, method, path, form).await
    }

    /// The same with another key.
    pub(crate) async fn mailgun_as(
        &self,
        key: &str,
        method: &str,
        path: &str,
        form: &str,
    ) -> Answer {
        let authorization = basic("api", key);
        let length = form.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: waypost\r\nAuthorization: {authorization}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{form}"
        );
        self.send(request.as_bytes()).await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        self.server.abort();
    }
}

/// Another account in the same store, to try to cross into.
pub(crate) async fn account(app: &App, id: AccountId, secret: &str) -> AccountId {
    let account = Account {
        id,
        name: "test".to_owned(),
        signing_key: Secret::new(SIGNING_KEY),
        created_at: app.clock.now(),
    };
    app.directory.create_account(account, Some(key(app, id, secret))).await.unwrap();
    id
}

/// Gives an account a domain.
pub(crate) async fn add_domain(app: &App, account: AccountId, name: &str) -> DomainName {
    let name: DomainName = name.parse().unwrap();
    let domain = Domain {
        name: name.clone(),
        account,
        created_at: app.clock.now(),
        mailgun_id: app.clock.random_hex::<12>(),
        settings: serde_json::Map::new(),
    };
    app.directory.create_domain(domain).await.unwrap();
    name
}

fn key(app: &App, account: AccountId, secret: &str) -> Key {
    Key {
        id: KeyId::timed(app.clock.now(), app.clock.random()),
        hash: KeyHash::of(secret),
        account,
        dialect: Dialect::Mailgun,
        domain: None,
        scope: Scope::Manage,
        description: None,
        mailgun_role: None,
        created_at: app.clock.now(),
        expires_at: None,
    }
}

/// Tells the person at the terminal, whether or not the test's own output is captured.
pub(crate) fn say(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{text}\n").as_bytes());
}

/// Passes over a test for want of something that this machine lacks; in CI that is a failure.
pub(crate) fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "{reason}");
    say(&format!("skipped: {reason}"));
}
