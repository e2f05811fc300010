//! Deliveries: what is on its way to whom, every attempt, and once more from the start.

use super::query::{Query, listing};
use super::{MANAGER, route};
use crate::api;
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::native_error::NativeError;
use crate::http::reply::{Response, answer};
use crate::http::routes::Route;
use crate::model::{Attempt, AttemptId, Delivery, DeliveryId, Failure, Outcome};
use crate::store::DeliveryFilter;
use http::StatusCode;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /waypost/v1/deliveries", MANAGER, list),
        route("GET /waypost/v1/deliveries/{id}", MANAGER, show),
        route("POST /waypost/v1/deliveries/{id}/replay", MANAGER, replay),
    ]
}

async fn list(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let known = ["domain", "state", "webhook", "event", "endpoint", "limit", "cursor"];
    let query = Query::read(&call.query, &known)?;
    let filter = DeliveryFilter {
        domain: manager.narrowed(query.parsed("domain")?)?,
        state: query.word("state")?,
        webhook: query.parsed("webhook")?,
        event: query.parsed("event")?,
        endpoint: query.parsed("endpoint")?,
    };
    let page = app.history.deliveries(manager.account, &filter, &query.page()?).await?;
    Ok(answer(StatusCode::OK, &listing(&page, summary)))
}

async fn show(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let delivery = app.delivery_at(&manager, &call.parameter("id")).await?;
    Ok(answer(StatusCode::OK, &detail(&delivery)))
}

/// A new delivery of the same event to the same webhook, due at once.
async fn replay(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let delivery = app.delivery_at(&manager, &call.parameter("id")).await?;
    let gone = |code, what: &str| {
        let message =
            format!("{what} of delivery {} is gone, so it cannot be repeated", delivery.id);
        NativeError::new(StatusCode::CONFLICT, code, message)
    };
    if app.directory.webhook(delivery.account, delivery.webhook).await?.is_none() {
        return Err(gone("webhook_gone", "the webhook"));
    }
    let new = DeliveryId::new(app.clock.now(), app.clock.random());
    let replayed = app.history.replay(delivery.account, delivery.id, new).await?;
    let replayed = replayed.ok_or_else(|| gone("event_gone", "the event"))?;
    Ok(answer(StatusCode::ACCEPTED, &api::Replayed { id: replayed.id }))
}

impl App {
    async fn delivery_at(&self, manager: &Principal, id: &str) -> Result<Delivery, NativeError> {
        let missing = || NativeError::missing("delivery", id);
        let id: DeliveryId = id.parse().map_err(|_| missing())?;
        let delivery = self.history.delivery(manager.account, id).await?;
        delivery.filter(|found| manager.covers_part(found.domain.as_ref())).ok_or_else(missing)
    }
}

/// A delivery as it is listed: `attempts` says how many there were.
pub(super) fn summary(delivery: &Delivery) -> api::DeliverySummary {
    shown(delivery, delivery.attempt_count)
}

/// A delivery as it is shown by itself: the attempts stand in the place of their number.
fn detail(delivery: &Delivery) -> api::DeliveryDetail {
    shown(delivery, delivery.attempts().map(|(id, made)| attempt(id, made)).collect())
}

fn shown<Attempts>(delivery: &Delivery, attempts: Attempts) -> api::Delivery<Attempts> {
    let last = delivery.attempts.last();
    api::Delivery {
        id: delivery.id,
        event_id: delivery.event,
        domain: delivery.domain.clone(),
        webhook_id: delivery.webhook,
        endpoint_id: delivery.endpoint,
        url: delivery.url.clone(),
        dialect: delivery.dialect.into(),
        kind: delivery.kind.map(Into::into),
        state: delivery.state.into(),
        attempts,
        attempt_count: delivery.attempt_count,
        last_status: last.and_then(status),
        last_error: last.and_then(failure).map(Into::into),
        next_attempt_at: delivery.next_attempt_at.map(Into::into),
        created_at: delivery.id.time().into(),
        replay_of: delivery.replay_of,
    }
}

fn attempt(id: AttemptId, attempt: &Attempt) -> api::Attempt {
    let retry_after = match attempt.outcome {
        Outcome::Answered { retry_after, .. } => retry_after,
        Outcome::Failed(_) => None,
    };
    api::Attempt {
        id,
        at: attempt.at.into(),
        duration_ms: u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
        status: status(attempt),
        error: failure(attempt).map(Into::into),
        retry_after_s: retry_after.map(|wait| wait.as_secs()),
        address: attempt.address,
        excerpt: attempt.excerpt.clone(),
        lost: attempt.lost.clone(),
    }
}

/// The receiver's status, if it answered.
const fn status(attempt: &Attempt) -> Option<u16> {
    match attempt.outcome {
        Outcome::Answered { status, .. } => Some(status),
        Outcome::Failed(_) => None,
    }
}

/// The class of error, if there was no answer.
const fn failure(attempt: &Attempt) -> Option<Failure> {
    match attempt.outcome {
        Outcome::Answered { .. } => None,
        Outcome::Failed(failure) => Some(failure),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json, to_value};
    use waypost_compat::{Dialect, Kind};

    use super::*;
    use crate::model::{AccountId, DeliveryState, EndpointId, EventId, Timestamp, WebhookId};

    fn delivery(attempts: Vec<Attempt>) -> Delivery {
        let at = Timestamp::from_millis(1_705_315_800_000);
        Delivery {
            id: DeliveryId::new(at, [1; 10]),
            account: AccountId::from_bytes([2; 16]),
            domain: Some("example.com".parse().unwrap()),
            event: EventId::from_bytes([3; 16]),
            kind: Some(Kind::Delivered),
            webhook: WebhookId::from_bytes([4; 16]),
            dialect: Dialect::Mailgun,
            endpoint: EndpointId::from_bytes([5; 16]),
            url: "https://user:pass@a.example/hook".parse().unwrap(),
            state: DeliveryState::Waiting,
            next_attempt_at: Some(at.plus(Duration::from_mins(10))),
            attempt_count: u32::try_from(attempts.len()).unwrap(),
            attempts,
            replay_of: None,
        }
    }

    fn tried(outcome: Outcome) -> Attempt {
        Attempt {
            at: Timestamp::from_millis(1_705_315_800_250),
            duration: Duration::from_millis(31),
            outcome,
            address: Some("192.0.2.1:443".parse().unwrap()),
            excerpt: "busy".to_owned(),
            lost: vec!["geolocation".to_owned()],
        }
    }

    #[test]
    fn a_delivery_that_waits_shows_when_and_what_came_last() {
        let busy = Outcome::Answered { status: 503, retry_after: Some(Duration::from_secs(7)) };
        let delivery = delivery(vec![tried(Outcome::Failed(Failure::Dns)), tried(busy)]);
        let shown = to_value(summary(&delivery)).unwrap();
        assert_eq!(shown["url"], "https://user:pass@a.example/hook");
        assert_eq!(shown["attempts"], 2);
        assert_eq!((&shown["last_status"], &shown["last_error"]), (&json!(503), &Value::Null));
        assert_eq!(shown["created_at"], "2024-01-15T10:50:00Z");
        assert_eq!(shown["next_attempt_at"], "2024-01-15T11:00:00Z");
        assert_eq!(
            serde_json::to_string(&detail(&delivery).attempts[1]).unwrap(),
            r#"{"id":"att_018d0cbe13c001010101010101010101","at":"2024-01-15T10:50:00.250Z","duration_ms":31,"status":503,"error":null,"retry_after_s":7,"address":"192.0.2.1:443","excerpt":"busy","lost":["geolocation"]}"#,
        );
    }

    #[test]
    fn an_attempt_without_an_answer_has_an_error_class_instead() {
        let failed = to_value(attempt(
            AttemptId::from_bytes([7; 16]),
            &tried(Outcome::Failed(Failure::Blocked)),
        ))
        .unwrap();
        assert_eq!((&failed["status"], &failed["error"]), (&Value::Null, &json!("blocked")));
    }
}
