//! Webhooks of every dialect side by side. Each dialect's own API makes and changes them; here is
//! only what no provider's API has a word for: the way one is signed. `register` makes them for
//! those who bring many along.

use super::json::JsonObject;
use super::query::{Query, listing};
use super::{MANAGER, route};
use crate::api;
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::native_error::NativeError;
use crate::http::reply::{Response, answer};
use crate::http::routes::Route;
use crate::model::{DomainName, Webhook, WebhookId, WebhookScope};
use crate::store::{Decision, Listing, Page};
use http::StatusCode;
use waypost_compat::Dialect;
use waypost_compat::signature::Scheme;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /waypost/v1/webhooks", MANAGER, list),
        route("GET /waypost/v1/webhooks/{id}", MANAGER, show),
        route("PATCH /waypost/v1/webhooks/{id}", MANAGER, sign),
    ]
}

async fn show(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let id = call.parameter("id");
    let webhook = app.webhook_of(&manager, &id).await?;
    Ok(answer(StatusCode::OK, &shown(&webhook)))
}

/// Chooses how a webhook's deliveries are signed from the next attempt on.
async fn sign(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let id = call.parameter("id");
    let webhook = app.webhook_of(&manager, &id).await?;
    let wanted: String =
        JsonObject::read(&call.body(app.settings.body_bytes_max).await?, &["signature"])?
            .required("signature", "the name of a signature")?;
    let scheme = scheme_named(webhook.scope.dialect, &wanted)?;
    let now = app.clock.now();
    let mut changed = None;
    let change = |webhooks: &mut Vec<Webhook>| {
        let Some(found) = webhooks.iter_mut().find(|found| found.id == webhook.id) else {
            return Decision::Discard;
        };
        found.scheme = Some(scheme);
        found.updated_at = now;
        changed = Some(found.clone());
        Decision::Keep
    };
    app.directory.change_webhooks(&webhook.scope, Box::new(change)).await?;
    let changed = changed.ok_or_else(|| NativeError::missing("webhook", &id))?;
    Ok(answer(StatusCode::OK, &shown(&changed)))
}

/// The way of signing that a dialect has under this name.
pub(super) fn scheme_named(dialect: Dialect, wanted: &str) -> Result<Scheme, NativeError> {
    let schemes = dialect.schemes();
    let scheme = schemes.iter().find(|(name, _)| *name == wanted).map(|(_, scheme)| *scheme);
    scheme.ok_or_else(|| unknown_signature(dialect, wanted))
}

fn unknown_signature(dialect: Dialect, found: &str) -> NativeError {
    let names: Vec<_> = dialect.schemes().iter().map(|(name, _)| format!("`{name}`")).collect();
    let found: String = found.chars().take(64).collect();
    let expected = names.join(" or ");
    NativeError::invalid("signature", format!("expected {expected} for {dialect}, found {found:?}"))
}

/// Everything that may receive a domain's events or, without one, every webhook of the account:
/// those for all of its domains first, then domain by domain. A page ends with a domain, so it may
/// hold a few more than asked for.
async fn list(manager: Principal, call: Call, app: App) -> Result<Response, NativeError> {
    let query = Query::read(&call.query, &["domain", "limit", "cursor"])?;
    let page = query.page()?;
    let listed = match manager.narrowed(query.parsed("domain")?)? {
        Some(domain) => {
            let domain = app.domain_of(&manager, domain.as_str()).await?.name;
            Listing { items: app.webhooks_of(&manager, &domain).await?, next: None }
        }
        None => app.every_webhook(&manager, &page).await?,
    };
    Ok(answer(StatusCode::OK, &listing(&listed, shown)))
}

impl App {
    /// One webhook; those for all domains are not for the eyes of somebody who manages one.
    pub(super) async fn webhook_of(
        &self,
        manager: &Principal,
        written: &str,
    ) -> Result<Webhook, NativeError> {
        let missing = || NativeError::missing("webhook", written);
        let id: WebhookId = written.parse().map_err(|_| missing())?;
        let webhook = self.directory.webhook(manager.account, id).await?;
        let seen = |webhook: &Webhook| manager.covers_part(webhook.scope.domain.as_ref());
        webhook.filter(seen).ok_or_else(missing)
    }

    /// The webhooks that may receive a domain's events. Those for all domains are not for the eyes of somebody
    /// who manages one.
    async fn webhooks_of(
        &self,
        manager: &Principal,
        domain: &DomainName,
    ) -> Result<Vec<Webhook>, NativeError> {
        match manager.domain.as_ref() {
            Some(_) => self.scope_webhooks(manager, Some(domain)).await,
            None => Ok(self.intake.subscribers(manager.account, Some(domain)).await?.to_vec()),
        }
    }

    async fn every_webhook(
        &self,
        manager: &Principal,
        page: &Page<DomainName>,
    ) -> Result<Listing<Webhook, DomainName>, NativeError> {
        let mut domains: Vec<DomainName> =
            self.directory.domains(manager.account).await?.into_iter().map(|d| d.name).collect();
        domains.sort_unstable();
        let mut items = Vec::new();
        let begun = match &page.after {
            None => {
                items = self.scope_webhooks(manager, None).await?;
                0
            }
            // By order, not by place: the domain that the last page ended with may be gone.
            Some(after) => domains.partition_point(|domain| domain <= after),
        };
        for (index, domain) in domains.iter().enumerate().skip(begun) {
            items.extend(self.scope_webhooks(manager, Some(domain)).await?);
            if items.len() >= page.limit && index + 1 < domains.len() {
                return Ok(Listing { items, next: Some(domain.clone()) });
            }
        }
        Ok(Listing { items, next: None })
    }

    async fn scope_webhooks(
        &self,
        manager: &Principal,
        domain: Option<&DomainName>,
    ) -> Result<Vec<Webhook>, NativeError> {
        let mut found = Vec::new();
        for dialect in Dialect::ALL {
            let (account, domain) = (manager.account, domain.cloned());
            let scope = WebhookScope { account, domain, dialect };
            found.extend(self.directory.webhooks(&scope).await?.iter().cloned());
        }
        Ok(found)
    }
}

/// A webhook as it is listed. Its secret is shown by its own dialect's API, as often as the
/// provider shows it.
pub(super) fn shown(webhook: &Webhook) -> api::Webhook {
    api::Webhook {
        id: webhook.id,
        domain: webhook.scope.domain.clone(),
        dialect: webhook.scope.dialect.into(),
        url: webhook.url.clone(),
        events: webhook.events.clone(),
        kinds: webhook.kinds.iter().map(|kind| (*kind).into()).collect(),
        state: webhook.state.into(),
        signature: signature(webhook).to_owned(),
        description: webhook.description.clone(),
        created_at: webhook.created_at.into(),
        updated_at: webhook.updated_at.into(),
    }
}

/// The way it is signed, by name.
fn signature(webhook: &Webhook) -> &'static str {
    let scheme = webhook.signature();
    let named = webhook.scope.dialect.schemes().iter().find(|(_, other)| *other == scheme);
    named.map_or("unknown", |(name, _)| name)
}
