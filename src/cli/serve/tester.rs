//! Test sends: the port through which the HTTP side has a receiver called while a client waits.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use waypost_compat::sample::{self, Facts};
use waypost_compat::signature::{Stamp, sign};
use waypost_compat::{Kind, Secret};

use crate::behaviour::{Behaviour, SignedBy};
use crate::client::Client;
use crate::clock::Clock;
use crate::http::{TestAnswer, Tester};
use crate::model::{DomainName, EventId, Outcome, Timestamp, Webhook, hex};
use crate::store::Directory;

/// The longest that a receiver may take, as for a delivery.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Calls receivers through the client that deliveries go through, address policy included.
pub(super) struct Direct {
    pub(super) directory: Arc<dyn Directory>,
    pub(super) client: Client,
    pub(super) clock: Clock,
}

#[async_trait]
impl Tester for Direct {
    async fn test(&self, webhook: &Webhook) -> TestAnswer {
        match self.send(webhook).await {
            Ok(answer) => answer,
            Err(body) => TestAnswer { status: 0, body },
        }
    }
}

impl Direct {
    async fn send(&self, webhook: &Webhook) -> Result<TestAnswer, String> {
        let dialect = webhook.scope.dialect;
        let first = webhook.events.first().and_then(|name| dialect.kind_of(name));
        let kind = first.or_else(|| webhook.kinds.first().copied()).unwrap_or(Kind::Delivered);
        let now = self.clock.now();
        let event_id = EventId::timed(now, self.clock.random()).to_string();
        let facts = Facts {
            account: &hex(&webhook.scope.account.as_bytes()[..12]),
            domain: webhook.scope.domain.as_ref().map_or("example.com", DomainName::as_str),
            event_id: &event_id,
            occurred_at_ms: now.millis(),
            ..Facts::default()
        };
        let sample = sample::test(dialect, kind, &facts)
            .ok_or_else(|| format!("{dialect} has no event for `{kind}`"))?;
        let secrets = self.secrets(webhook, now).await?;
        let stamp = Stamp {
            timestamp: now.seconds(),
            token: &self.clock.random_hex::<25>(),
            event_id: &event_id,
            event_name: sample.name,
        };
        let secrets: Vec<&Secret> = secrets.iter().collect();
        let signed = sign(webhook.signature(), &secrets, &sample.body, &stamp);
        let body = Bytes::from(signed.body);
        let sent = self.client.post(&webhook.url, &signed.headers, body, ANSWER_MAX).await;
        let status = match sent.outcome {
            Outcome::Answered { status, .. } => status,
            Outcome::Failed(_) => 0,
        };
        Ok(TestAnswer { status, body: sent.excerpt })
    }

    /// The secrets that the webhook's deliveries are signed with.
    async fn secrets(&self, webhook: &Webhook, now: Timestamp) -> Result<Vec<Secret>, String> {
        match Behaviour::of(webhook.scope.dialect).signed_by {
            SignedBy::OwnSecret => Ok(webhook.secrets(now)),
            SignedBy::AccountKey => {
                let account = self.directory.account(webhook.scope.account).await;
                let account = account.map_err(|error| error.to_string())?;
                let account = account.ok_or_else(|| "the account is gone".to_owned())?;
                Ok(vec![account.signing_key])
            }
        }
    }
}
