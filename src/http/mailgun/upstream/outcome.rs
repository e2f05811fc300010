//! The outcome of a request that was passed on, as its caller is told, and as it is counted.
//!
//! Nothing is sent a second time. Where nobody knows whether a request was taken the answer says so:
//! only the caller can decide whether a message twice is worse than none.

use futures_util::StreamExt;
use http::{Method, Request, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use tracing::warn;

use super::headers;
use super::upload::Failed;
use crate::http::App;
use crate::http::mailgun::answer::{MailgunError, excerpt};
use crate::http::reply::{Response, streamed};
use crate::http::upstream::{Attached, Download, Upload};
use crate::metrics::{PassFailure, Stats};
use crate::model::{Failure, Unanswered};

const NOT_SENT: &str = "the request has not gone out";
const MAYBE_SENT: &str = "the request may have gone out, and is not sent again: see whether it was \
                          carried out before you repeat it";

/// Sends a request, once, and gives back the answer as it comes.
pub(super) async fn of(
    attached: &Attached,
    request: Request<Upload>,
    failed: &Failed,
    app: &App,
) -> Result<Response, MailgunError> {
    let Ok(room) = attached.room.clone().try_acquire_owned() else {
        count(&app.stats, PassFailure::Busy, "too many requests wait for it");
        let message = format!("Too many requests wait for the upstream; {NOT_SENT}, try again");
        return Err(MailgunError::Message(StatusCode::SERVICE_UNAVAILABLE, message));
    };
    let error = match attached.upstream.send(request).await {
        Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => {
            count(&app.stats, PassFailure::Key, "it refuses --mailgun-upstream-key with 401");
            return Err(refused_key());
        }
        Ok(answer) => return Ok(passed_back(answer, room, &app.stats)),
        Err(error) => error,
    };
    // A body that broke off takes the connection with it, so this comes first.
    if let Some(error) = failed.get() {
        count(&app.stats, PassFailure::Body, &error.to_string());
        return Err(error.clone().into());
    }
    count(&app.stats, PassFailure::from(&error), &error.to_string());
    Err(unanswered(&error))
}

/// The 404 of a path that Waypost does not serve and that nothing is passed on for.
pub(super) fn not_served(method: &Method, path: &str) -> MailgunError {
    MailgunError::not_found(format!(
        "Waypost does not serve {method} {}: it manages webhooks and sends no mail. Send through \
         your new provider, or have Waypost started with --mailgun-upstream and \
         --mailgun-upstream-key, which pass such requests of its first account on to Mailgun",
        excerpt(path)
    ))
}

fn passed_back(
    answer: http::Response<Download>,
    room: OwnedSemaphorePermit,
    stats: &Stats,
) -> Response {
    let (head, body) = answer.into_parts();
    stats.passed(head.status.as_u16());
    let stats = stats.clone();
    let body = body.inspect(move |piece| {
        // Held until the answer has ended.
        let _ = &room;
        if let Err(error) = piece {
            count(&stats, PassFailure::CutOff, &format!("its answer broke off: {error}"));
        }
    });
    let mut response = streamed(Box::pin(body));
    *response.status_mut() = head.status;
    *response.headers_mut() = headers::answered(head.headers);
    response
}

/// Counts a failure, and logs it where it is handled: here.
fn count(stats: &Stats, why: PassFailure, error: &str) {
    stats.not_passed(why);
    warn!(reason = why.name(), "the upstream did not answer a request: {error}");
}

/// The key is the operator's to put right, not the caller's: theirs was good.
fn refused_key() -> MailgunError {
    let message = "The upstream answered 401 to the key that --mailgun-upstream-key gives: \
                   expected an API key of the account and the region that --mailgun-upstream names";
    MailgunError::Message(StatusCode::BAD_GATEWAY, message.to_owned())
}

fn unanswered(error: &Unanswered) -> MailgunError {
    let (status, message) = match error {
        Unanswered::Unreached { failure: Failure::Timeout, .. } => (
            StatusCode::GATEWAY_TIMEOUT,
            format!("No connection to the upstream in time; {NOT_SENT}"),
        ),
        Unanswered::Unreached { .. } => {
            (StatusCode::BAD_GATEWAY, format!("The upstream cannot be reached; {NOT_SENT}"))
        }
        Unanswered::Silent(_) => (
            StatusCode::GATEWAY_TIMEOUT,
            format!("The upstream did not answer ({error}); {MAYBE_SENT}"),
        ),
        Unanswered::Broken(_) => (
            StatusCode::BAD_GATEWAY,
            format!("The upstream broke off before it answered; {MAYBE_SENT}"),
        ),
    };
    MailgunError::Message(status, message)
}
