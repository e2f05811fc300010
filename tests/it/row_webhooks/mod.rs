//! The webhook APIs of all dialects together: no key opens what is another's, whatever it is
//! combined with. Requests go to the routes without a socket between, since there are many.

mod mixing;
mod tenants;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower_service::Service;
use waypost::clock::Clock;
use waypost::config::Settings;
use waypost::http::{Routes, TestAnswer, Tester, routes};
use waypost::model::{AccountId, Timestamp, Webhook, WebhookId, WebhookScope, WebhookState, hex};
use waypost::store::Decision;
use waypost_compat::{Dialect, Kind, Secret};

use crate::support::http::basic;
use crate::support::{Gateway, KEY, account, add_domain};

const OTHER_KEY: &str = "the key of another account";

/// A gateway with two accounts of one domain each.
struct World {
    gateway: Gateway,
    routes: Routes,
    accounts: [(AccountId, &'static str, &'static str); 2],
    tested: Arc<Mutex<Vec<WebhookId>>>,
}

/// A key, and the one webhook that it opens.
struct Owner {
    account: AccountId,
    /// Its account's domain.
    home: &'static str,
    dialect: Dialect,
    /// The domain that it is bound to.
    domain: Option<&'static str>,
    key: String,
    org: Option<String>,
    webhook: Webhook,
    /// A word that stands in the webhook's URL and nowhere else.
    mark: String,
}

type Headers = Vec<(&'static str, String)>;

impl World {
    async fn new() -> Self {
        let tested = Arc::<Mutex<Vec<WebhookId>>>::default();
        let tester = Arc::new(Noting(tested.clone()));
        let clock = Clock::manual(Timestamp::from_millis(1_740_437_043_000));
        let finish = |app: waypost::http::App| app.with_tester(tester);
        let gateway = Gateway::with(Settings::default(), clock, finish).await;
        gateway.domain("a.example").await;
        let other = account(&gateway.app, AccountId::from_bytes([7; 16]), OTHER_KEY).await;
        add_domain(&gateway.app, other, "b.example").await;
        let accounts = [(gateway.account, KEY, "a.example"), (other, OTHER_KEY, "b.example")];
        Self { routes: routes(&gateway.app), gateway, accounts, tested }
    }

    /// Has a key issued through the native API and gives it a webhook.
    async fn owner(
        &self,
        (account, key, home): (AccountId, &str, &'static str),
        dialect: Dialect,
        domain: Option<&'static str>,
    ) -> Owner {
        let wish = json!({ "dialect": dialect, "domain": domain });
        let native = vec![("authorization", basic("api", key))];
        let (status, made) =
            self.call("POST", "/waypost/v1/keys", &native, &wish.to_string()).await;
        assert_eq!(status, 201, "{made}");
        let made: Value = serde_json::from_str(&made).unwrap();
        let text = |field: &str| made[field].as_str().map(str::to_owned);
        let mark = format!("mark-{}", self.gateway.app.clock.random_hex::<6>());
        let scope =
            WebhookScope { account, domain: domain.map(|name| name.parse().unwrap()), dialect };
        let webhook = self.webhook(scope, &mark).await;
        let key = text("key").unwrap();
        Owner { account, home, dialect, domain, key, org: text("org"), webhook, mark }
    }

    async fn webhook(&self, scope: WebhookScope, mark: &str) -> Webhook {
        let clock = &self.gateway.app.clock;
        let name = scope.dialect.name(Kind::Delivered).unwrap();
        let webhook = Webhook {
            id: WebhookId::random(clock.random()),
            url: format!("https://{mark}.example/hook").parse().unwrap(),
            events: vec![name.to_owned()],
            kinds: vec![Kind::Delivered],
            state: WebhookState::Active,
            secret: Some(Secret::new(format!("whsec_{}", clock.random_hex::<24>()))),
            previous_secret: None,
            scheme: None,
            description: None,
            created_at: clock.now(),
            updated_at: clock.now(),
            scope: scope.clone(),
        };
        let change = |list: &mut Vec<Webhook>| {
            list.push(webhook.clone());
            Decision::Keep
        };
        self.gateway.store.change_webhooks(&scope, Box::new(change)).await.unwrap();
        webhook
    }

    /// What the routes answer: status and body.
    async fn call(&self, method: &str, path: &str, headers: &Headers, body: &str) -> (u16, String) {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let body = Full::new(bytes::Bytes::copy_from_slice(body.as_bytes()));
        let request = request.body(body).unwrap();
        let answer = warp::service(self.routes.clone()).call(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

impl Owner {
    /// The key where this dialect's clients put it.
    fn credentials(&self) -> Headers {
        let bearer = || ("authorization", format!("Bearer {}", self.key));
        match self.dialect {
            Dialect::Mailgun => vec![("authorization", basic("api", &self.key))],
            Dialect::Posthawk | Dialect::Wistfare => vec![("x-api-key", self.key.clone())],
            Dialect::MailStack => vec![bearer(), ("x-mailstack-org", self.org.clone().unwrap())],
            Dialect::MailingApi => vec![bearer()],
        }
    }

    /// An id as this owner's dialect writes it.
    fn written(&self, id: WebhookId) -> String {
        written(self.dialect, id)
    }
}

fn base(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Wistfare => "/api/v1/webhooks",
        Dialect::Mailgun | Dialect::Posthawk | Dialect::MailStack | Dialect::MailingApi => {
            "/v1/webhooks"
        }
    }
}

fn written(dialect: Dialect, id: WebhookId) -> String {
    match dialect {
        Dialect::Mailgun => hex(&id.as_bytes()[..12]),
        Dialect::Posthawk | Dialect::MailStack => id.uuid(),
        Dialect::Wistfare => id.to_string(),
        Dialect::MailingApi => format!("wh_{}", hex(id.as_bytes())),
    }
}

/// A body that makes or changes a webhook in this dialect, and its media type.
fn body(dialect: Dialect) -> (&'static str, &'static str) {
    const JSON: &str = "application/json";
    match dialect {
        Dialect::Mailgun => (
            "application/x-www-form-urlencoded",
            "url=https://new.example/hook&event_types=delivered",
        ),
        Dialect::Posthawk => (JSON, r#"{"url":"https://new.example/hook","events":["delivery"]}"#),
        Dialect::MailStack => {
            (JSON, r#"{"url":"https://new.example/hook","eventTypes":"Delivered"}"#)
        }
        Dialect::Wistfare => {
            (JSON, r#"{"url":"https://new.example/hook","events":["email.delivered"]}"#)
        }
        Dialect::MailingApi => {
            (JSON, r#"{"url":"https://new.example/hook","events":["delivered"]}"#)
        }
    }
}

/// A tester that notes whose receiver it was to call.
struct Noting(Arc<Mutex<Vec<WebhookId>>>);

#[async_trait]
impl Tester for Noting {
    async fn test(&self, webhook: &Webhook) -> TestAnswer {
        self.0.lock().unwrap().push(webhook.id);
        TestAnswer { status: 200, body: "OK".to_owned() }
    }
}
