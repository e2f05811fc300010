//! `POST /ingest/{source_id}`: where providers send their events.

use http::StatusCode;
use tracing::{debug, info, warn};

use super::App;
use super::call::Call;
use super::caller::Required;
use super::native::intake::receipt;
use super::native_error::NativeError;
use super::reply::{Response, answer, no_such_route};
use super::routes::{Rejected, Route, Section, Surface};
use crate::ingest::{Ingest, IngestError};
use crate::model::SourceId;

/// The ingest URL.
pub(super) fn section() -> Section {
    let routes =
        vec![Route::open("POST /ingest/{source}", Required::Signature, |call, app| async move {
            take(call, app).await.unwrap_or_else(NativeError::into_response)
        })];
    Section::new(Surface::Ingest, routes, rejected)
}

/// Some providers try a new URL with another method first, so that too is answered in words.
fn rejected(rejected: Rejected, _call: &Call, _app: &App) -> Response {
    match rejected {
        Rejected::Path | Rejected::Credential(_) => no_such_route(),
        Rejected::Method { allow } => {
            let message = "this is an ingest URL: the provider sends its events here, by POST";
            NativeError::method(allow, message).into_response()
        }
    }
}

async fn take(call: Call, app: App) -> Result<Response, NativeError> {
    let source: SourceId =
        call.parameter("source").parse().map_err(|_| IngestError::NoSuchSource)?;
    let body = call.body(app.settings.body_bytes_max).await?;
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    let ingested = app.ingest().take(source, header, body.bytes).await;
    let ingested = ingested.map_err(|error| log_refusal(source, error))?;
    if !ingested.known {
        info!(
            source.id = %source,
            event.id = %ingested.id(),
            "kept a {} event whose name is none that we know; nobody is told of it",
            ingested.provider
        );
    }
    Ok(answer(StatusCode::OK, &receipt(&ingested)))
}

/// Logs a refusal, unless it is a stranger's guess: whoever knows a source's URL is its provider or
/// close to it, and a wrong secret is what goes wrong most.
fn log_refusal(source: SourceId, error: IngestError) -> NativeError {
    match &error {
        IngestError::NoSuchSource => {
            debug!(source.id = %source, "somebody tried an unknown source");
        }
        // Told with its cause where it is turned into an answer.
        IngestError::Unavailable(_) => {}
        IngestError::Disabled
        | IngestError::NoSecret
        | IngestError::Signature(_)
        | IngestError::NotAnEvent { .. } => {
            warn!(source.id = %source, "refused what was posted to a source: {error}");
        }
    }
    NativeError::from(error)
}

impl App {
    /// The way in for events.
    pub(super) fn ingest(&self) -> Ingest {
        Ingest {
            intake: self.intake.clone(),
            clock: self.clock.clone(),
            settings: self.settings.clone(),
            stats: self.stats.clone(),
            renderings: self.renderings.clone(),
        }
    }
}
