//! `/v5/accounts/http_signing_key`: what deliveries are signed with (`spec/mailgun-api.md` §1.7).

use serde::Serialize;
use waypost_compat::Secret;

use super::answer::{Answered, MailgunError, ok};
use super::{MANAGE_ACCOUNT, route};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::routes::Route;
use crate::model::Account;
use crate::store::Decision;

/// The path, and the one that Mailgun's Python SDK makes of it.
///
/// The signing key makes deliveries that every receiver of the account believes, so reading it takes
/// a key that may change things, and all of the account.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /v5/accounts/http_signing_key", MANAGE_ACCOUNT, show),
        route("POST /v5/accounts/http_signing_key", MANAGE_ACCOUNT, regenerate),
        route("GET /v5/accounts/http/signing/key", MANAGE_ACCOUNT, show),
        route("POST /v5/accounts/http/signing/key", MANAGE_ACCOUNT, regenerate),
    ]
}

async fn show(caller: Principal, _: Call, app: App) -> Answered {
    match app.directory.account(caller.account).await? {
        Some(account) => {
            ok(&ShownKey { message: None, http_signing_key: account.signing_key.expose() })
        }
        None => Err(no_account()),
    }
}

fn no_account() -> MailgunError {
    MailgunError::bad("could not get HSK for account")
}

async fn regenerate(caller: Principal, _: Call, app: App) -> Answered {
    let key = format!("key-{}", app.clock.random_hex::<16>());
    let replace = |account: &mut Account| {
        account.signing_key = Secret::new(key.as_str());
        Decision::Keep
    };
    app.directory
        .change_account(caller.account, Box::new(replace))
        .await?
        .ok_or_else(no_account)?;
    let message = Some("regenerated HTTP signing key for account");
    ok(&ShownKey { message, http_signing_key: &key })
}

#[derive(Serialize)]
struct ShownKey<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    http_signing_key: &'a str,
}
