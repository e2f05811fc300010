//! The questions of probes and monitors: alive, ready, how much.

use std::fmt::Write as _;
use std::time::Duration;

use super::App;
use super::call::Call;
use super::caller::Required;
use super::native_error::NativeError;
use super::reply::{Response, answer, no_such_route, plain, text};
use super::routes::{Rejected, Route, Section, Surface};
use crate::api::{Health, HealthStatus};
use crate::store::Usage;
use http::{HeaderValue, StatusCode, header};

/// The time that the store may take to show that it still writes. Probes give up after a few seconds.
const READY_MAX: Duration = Duration::from_secs(2);

pub(super) fn section() -> Section {
    let routes = vec![
        Route::open("GET /healthz", Required::Nothing, |_, _| async { alive() }),
        Route::open("GET /readyz", Required::Nothing, |_, app| ready(app)),
        Route::open("GET /metrics", Required::Nothing, |_, app| async move {
            metrics(app).await.unwrap_or_else(NativeError::into_response)
        }),
    ];
    Section::new(Surface::Common, routes, rejected)
}

/// Answers what no route takes, of whichever API it might be.
fn rejected(rejected: Rejected, _call: &Call, _app: &App) -> Response {
    match rejected {
        Rejected::Path | Rejected::Credential(_) => no_such_route(),
        Rejected::Method { allow } => {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed\n");
            response.headers_mut().insert(header::ALLOW, text(&allow));
            response
        }
    }
}

/// The process runs and answers; nothing more is asked, so that a store that fails does not make
/// an orchestrator kill what is about to recover.
fn alive() -> Response {
    answer(StatusCode::OK, &Health { status: HealthStatus::Ok.into() })
}

/// Answers whether requests may be sent here: the store commits. A server that drains takes no
/// connections at all, so it needs no word of its own.
async fn ready(app: App) -> Response {
    let reason = match tokio::time::timeout(READY_MAX, app.history.sync()).await {
        Ok(Ok(())) => {
            return answer(StatusCode::OK, &Health { status: HealthStatus::Ready.into() });
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no commit within {} s", READY_MAX.as_secs()),
    };
    tracing::warn!(reason, "not ready: the store does not commit");
    let message = "the store does not commit at the moment";
    NativeError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message).into_response()
}

/// Everything that is counted, in Prometheus' text format.
async fn metrics(app: App) -> Result<Response, NativeError> {
    let text = gauges(&app.history.usage().await?) + &app.stats.prometheus();
    let mut response = Response::new(text.into());
    let version = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, version);
    Ok(response)
}

/// The amounts, as they stand.
fn gauges(usage: &Usage) -> String {
    let all = [
        ("waypost_store_disk_bytes", "Bytes that the store takes on disk.", usage.disk_bytes),
        ("waypost_store_event_bytes", "Bytes of event bodies kept.", usage.event_bytes),
        ("waypost_store_events", "Events kept.", usage.events),
        ("waypost_deliveries_waiting", "Deliveries waiting for an attempt.", usage.waiting),
    ];
    let mut text = String::new();
    for (name, help, value) in all {
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}")
            .expect("a string takes whatever is written");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gauge_has_its_help_and_type_before_it() {
        let usage = Usage { disk_bytes: 1, event_bytes: 2, events: 3, waiting: 4 };
        let text = gauges(&usage);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 12);
        assert_eq!(
            lines[9..],
            [
                "# HELP waypost_deliveries_waiting Deliveries waiting for an attempt.",
                "# TYPE waypost_deliveries_waiting gauge",
                "waypost_deliveries_waiting 4",
            ]
        );
    }
}
