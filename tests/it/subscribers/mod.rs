//! Subscribers of all five dialects, each registered through its own API, on the real binary:
//! what they get, signed how, and what their webhooks' states do.

mod life;
mod table;
mod tests;

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use waypost_compat::Dialect;

use crate::support::api::{Answered, Api};
use crate::support::process::Process;
use crate::support::receiver::Receiver;

const DOMAIN: &str = "subscribers.example.com";

/// No test waits longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway with a domain, and a receiver that all subscribers share.
struct Stage {
    gateway: Process,
    api: Api,
    receiver: Receiver,
    _data: TempDir,
}

/// A webhook, and what its owner calls its API with.
struct Subscriber {
    dialect: Dialect,
    /// As its dialect's API writes it; none for Mailgun's.
    id: String,
    /// What its deliveries are signed with.
    secret: String,
    headers: Vec<(&'static str, String)>,
}

impl Stage {
    async fn start(arguments: &[&str]) -> Self {
        let data = TempDir::new().unwrap();
        // Wistfare and MailingAPI want https, which the receiver does not speak.
        let arguments = [&["--allow-http"], arguments].concat();
        let gateway = Process::start_with(data.path(), &arguments);
        let api = Api::new(&gateway.url);
        api.create_domain(DOMAIN).await;
        let receiver = Receiver::start().await;
        Self { gateway, api, receiver, _data: data }
    }

    /// Where the receiver takes what is for a dialect.
    fn url(&self, dialect: Dialect) -> String {
        format!("{}/{dialect}", self.receiver.url)
    }

    /// Registers a webhook for everything that a dialect has a name for.
    async fn subscribe(&self, dialect: Dialect) -> Subscriber {
        let names = dialect.names();
        if dialect == Dialect::Mailgun {
            self.api.create_webhooks(DOMAIN, &names, &self.url(dialect)).await;
            let secret = self.api.signing_key().await;
            return Subscriber { dialect, id: String::new(), secret, headers: Vec::new() };
        }
        let body = json!({ "dialect": dialect, "domain": DOMAIN });
        let key = self.api.post_json("/waypost/v1/keys", &body).await;
        let text = |field: &str| key[field].as_str().unwrap().to_owned();
        let mut headers = vec![("content-type", "application/json".to_owned())];
        match dialect {
            Dialect::Mailgun => unreachable!("its webhooks are made above"),
            Dialect::Posthawk | Dialect::Wistfare => headers.push(("x-api-key", text("key"))),
            Dialect::MailingApi => {
                headers.push(("authorization", format!("Bearer {}", text("key"))));
            }
            Dialect::MailStack => {
                headers.push(("authorization", format!("Bearer {}", text("key"))));
                headers.push(("x-mailstack-org", text("org")));
            }
        }
        let mut subscriber =
            Subscriber { dialect, id: String::new(), secret: String::new(), headers };
        let mut draft = json!({ "url": self.url(dialect), "events": names });
        if dialect == Dialect::MailStack {
            draft = json!({ "url": self.url(dialect), "eventTypes": "*" });
        }
        let made = self.call(&subscriber, Method::POST, "", &draft).await.ok();
        let (webhook, secret) = match dialect {
            Dialect::MailStack => (&made["webhook"], &made["signingSecret"]),
            Dialect::Wistfare => (&made, &made["signingSecret"]),
            _ => (&made, &made["secret"]),
        };
        subscriber.id = webhook["id"].as_str().unwrap().to_owned();
        subscriber.secret = secret.as_str().unwrap().to_owned();
        subscriber
    }

    /// Calls a subscriber's API; `below` is the path below its collection.
    async fn call(
        &self,
        subscriber: &Subscriber,
        method: Method,
        below: &str,
        body: &Value,
    ) -> Answered {
        let collection = match subscriber.dialect {
            Dialect::Wistfare => "/api/v1/webhooks",
            _ => "/v1/webhooks",
        };
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        let path = format!("{collection}{below}");
        self.api.send(method, &path, &subscriber.headers, body).await.unwrap()
    }

    /// Pauses or resumes a webhook through its own API, or corrects it otherwise.
    async fn set_active(&self, subscriber: &Subscriber, active: bool) -> Answered {
        let (method, change) = match subscriber.dialect {
            Dialect::Mailgun => unreachable!("its webhooks have no state"),
            Dialect::Posthawk => (Method::PATCH, json!({ "enabled": active })),
            Dialect::MailStack => {
                let url = self.url(subscriber.dialect);
                (Method::PUT, json!({ "url": url, "eventTypes": "*", "enabled": active }))
            }
            Dialect::Wistfare => (Method::PATCH, json!({ "active": active })),
            Dialect::MailingApi => {
                let status = if active { "active" } else { "paused" };
                (Method::PATCH, json!({ "status": status }))
            }
        };
        self.call(subscriber, method, &format!("/{}", subscriber.id), &change).await
    }

    /// What its API says of a webhook's state.
    async fn state(&self, subscriber: &Subscriber) -> Value {
        let listed = self.call(subscriber, Method::GET, "", &Value::Null).await.ok();
        let (list, field) = match subscriber.dialect {
            Dialect::Mailgun => unreachable!("its webhooks have no state"),
            Dialect::Posthawk | Dialect::MailStack => (&listed, "enabled"),
            Dialect::Wistfare => (&listed["data"], "active"),
            Dialect::MailingApi => (&listed["data"], "status"),
        };
        let mut list = list.as_array().unwrap().iter();
        let webhook = list.find(|webhook| webhook["id"] == subscriber.id.as_str()).unwrap();
        webhook[field].clone()
    }

    /// The deliveries of an event, once all of them look as they shall.
    async fn deliveries(&self, event: &str, shall: impl Fn(&Value) -> bool) -> Vec<Value> {
        let path = format!("/waypost/v1/deliveries?event={event}&limit=100");
        let asking = async {
            loop {
                let listed = self.api.get(&path).await["items"].as_array().unwrap().clone();
                if listed.iter().all(&shall) {
                    return listed;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("they come to look so")
    }
}
