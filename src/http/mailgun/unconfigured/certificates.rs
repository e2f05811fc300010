//! `/v1/dmarc/records/{d}` and `/v2/x509/{d}`: what proves at other places who sends, and the
//! certificate of the host that opens and clicks are tracked through.

use serde::Serialize;

use super::{not_a_sender, refused};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::mailgun::answer::{Answered, MailgunError, ok};
use crate::http::mailgun::{MANAGE, READ, route};
use crate::http::routes::Route;

const NO_RECORDS: &str = "publishes no DMARC records";

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /v1/dmarc/records/{domain}", READ, no_dmarc),
        route("ANY /v1/dmarc/records/{domain}", MANAGE, |caller, call, app| {
            refused(NO_RECORDS, caller, call, app)
        }),
        route("POST /v2/x509/{host}", MANAGE, no_issuer),
        route("PUT /v2/x509/{host}", MANAGE, no_issuer),
        route("DELETE /v2/x509/{host}", MANAGE, no_issuer),
        route("GET /v2/x509/{host}/status", READ, no_certificate),
    ]
}

async fn no_dmarc(caller: Principal, call: Call, app: App) -> Answered {
    caller.domain_at(&call, &app).await?;
    ok(&DmarcRecord { entry: "", current: "", configured: false })
}

#[derive(Serialize)]
struct DmarcRecord {
    /// Empty, which Terraform takes as "none".
    entry: &'static str,
    current: &'static str,
    configured: bool,
}

async fn no_certificate(caller: Principal, call: Call, app: App) -> Answered {
    owned(&caller, &call, &app).await?;
    // Mailgun's text, its placeholder included.
    Err(MailgunError::not_found(
        "Please initiate x509 key pair generation at POST /v2/x509/{domain}",
    ))
}

async fn no_issuer(caller: Principal, call: Call, app: App) -> Answered {
    owned(&caller, &call, &app).await?;
    Err(not_a_sender("tracks no clicks and has no certificates issued"))
}

/// Sees to it that a tracking host, `email.mg.example.com`, is below a domain of the caller's. PHP's
/// client writes a brace behind it.
async fn owned(caller: &Principal, call: &Call, app: &App) -> Result<(), MailgunError> {
    /// More labels than a tracking host has before its domain.
    const PREFIX_LABELS_MAX: usize = 8;
    let host = call.parameter("host");
    let mut rest = host.strip_suffix('}').unwrap_or(&host);
    for _ in 0..PREFIX_LABELS_MAX {
        match caller.domain_named(rest, app).await {
            Err(MailgunError::Message(..)) => {}
            found => return found.map(|_| ()),
        }
        let Some((_, below)) = rest.split_once('.') else { break };
        rest = below;
    }
    Err(MailgunError::not_found("Domain not found"))
}
