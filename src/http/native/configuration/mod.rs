//! The whole configuration as one file: written by `export`, read by `import`.
//!
//! The file is JSON that a person can read, compare and keep in version control: one account, one
//! entry for each domain, source and webhook, fields in a fixed order, entries sorted, except that
//! the webhooks of a domain (or of all domains) stand in the order in which their API has them,
//! since the order of Mailgun's URLs means something. Secrets are in it only on request. API keys
//! are listed for information; they are never made from a file.
//!
//! - `file`: what an account's configuration looks like as a file.
//! - `entries`: what a file says, entry by entry, each with its place.
//! - `plan`: what of it differs from what is there, and what shall be there; pure.
//! - `changes`: the report of what was changed.

mod changes;
mod entries;
mod file;
mod plan;
mod webhooks;

use http::{HeaderValue, StatusCode, header};

use self::entries::File;
use self::plan::{Missing, Plan};
use super::query::Query;
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::native::{MANAGER, OWNER, route};
use crate::http::native_error::{NativeError, quoted};
use crate::http::reply::{Response, answer};
use crate::http::routes::Route;
use crate::store::{Configuration, Configured, Decision, Holding};

/// The version of the file's form.
const VERSION: u64 = 1;

/// The longest file taken: some fifty thousand webhooks. It is read only for somebody who manages
/// the whole account, so `--body-limit`, which bounds what strangers send, does not count here.
const FILE_BYTES_MAX: usize = 32 << 20;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /waypost/v1/export", MANAGER, write),
        route("POST /waypost/v1/import", OWNER, read),
    ]
}

/// The file. Somebody who manages one domain gets that domain's part of it, without secrets.
async fn write(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let query = Query::read(&call.query, &["secrets"])?;
    let secrets = match query.parsed("secrets")? {
        Some(true) => file::Secrets::Shown,
        Some(false) | None => file::Secrets::Hidden,
    };
    if secrets == file::Secrets::Shown {
        manager.whole_account()?;
    }
    let account = manager.account;
    let configuration = app.directory.configuration(account).await?;
    let configuration =
        configuration.ok_or_else(|| NativeError::missing("account", &account.to_string()))?;
    let keys = app.directory.keys(account).await?;
    let text =
        file::text(&file::Part { of: manager.domain.as_ref(), secrets }, &configuration, &keys);
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Makes the account's configuration what the file says, in one commit, or says what would change.
async fn read(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let query = Query::read(&call.query, &["dry_run", "prune"])?;
    let decision = match query.parsed("dry_run")? {
        Some(true) => Decision::Discard,
        Some(false) | None => Decision::Keep,
    };
    let missing = match query.parsed("prune")? {
        Some(true) => Missing::Removed,
        Some(false) | None => Missing::Left,
    };
    let body = call.body(FILE_BYTES_MAX).await?;
    let file = File::read(&app, manager.account, &body.bytes).map_err(NativeError::at_its_place)?;
    if missing == Missing::Removed
        && let Some(domain) = &file.only
    {
        let message = format!("this file is of {domain} only; pruning wants the whole account's");
        return Err(NativeError::invalid("domain", message));
    }
    let planned = app.carried_out(&file, missing, decision).await;
    let planned = planned.map_err(NativeError::at_its_place)?;
    Ok(answer(StatusCode::OK, &changes::report(&app, planned, decision)))
}

impl App {
    /// Plans an import and, unless it is only tried, carries it out. What stands in the way of it
    /// is told before anything is changed.
    async fn carried_out(
        &self,
        file: &File,
        missing: Missing,
        decision: Decision,
    ) -> Result<Plan, NativeError> {
        let limit = self.settings.urls_per_event_max;
        let mut planned = None;
        let change = |current: &mut Configuration| match plan::plan(current, file, missing, limit) {
            Ok(plan) => {
                *current = plan.next.clone();
                let idle = plan.changes.is_empty();
                planned = Some(Ok(plan));
                if idle { Decision::Discard } else { decision }
            }
            Err(error) => {
                planned = Some(Err(error));
                Decision::Discard
            }
        };
        let outcome = self.directory.change_configuration(file.account, Box::new(change)).await?;
        let plan =
            planned.unwrap_or_else(|| Err(NativeError::malformed("the file says nothing")))?;
        match outcome {
            Configured::Kept | Configured::Discarded => Ok(plan),
            Configured::Taken(holding) => Err(taken(file, &holding)),
        }
    }
}

/// The same words whoever has it: what is another tenant's is nobody's business.
fn taken(file: &File, holding: &Holding) -> NativeError {
    let (place, message) = match holding {
        Holding::Domain(name) => {
            let message =
                format!("expected a domain that is free, found {}", quoted(name.as_str()));
            (file.place_of_domain(name), message)
        }
        Holding::Source(id) => (file.place_of_source(*id), in_use(&id.to_string())),
        Holding::Webhook(id) => (file.place_of_webhook(*id), in_use(&id.to_string())),
    };
    NativeError::new(StatusCode::CONFLICT, "taken", message).about(place)
}

fn in_use(id: &str) -> String {
    format!("expected an id that is free, found {id}, which is in use")
}
