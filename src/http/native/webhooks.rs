//! Webhooks of every dialect side by side. Each dialect's own API makes and changes them; here is
//! only what no provider's API has a word for: the way one is signed. `register` makes them for
//! those who bring many along.

use warp::Filter;
use warp::http::StatusCode;
use warp::reply::Response;
use waypost_compat::Dialect;
use waypost_compat::signature::Scheme;

use super::auth::Manager;
use super::error::ApiError;
use super::json::{Fields, answer};
use super::query::{Query, listing, query};
use crate::api;
use crate::http::auth::credentials;
use crate::http::body::body;
use crate::http::route::{Segment, route, with};
use crate::http::{App, Body, BodyError, Credentials, Route};
use crate::model::{DomainName, Webhook, WebhookId, WebhookScope};
use crate::store::{Decision, Listing, Page};

pub(super) fn routes(app: &App) -> Vec<Route> {
    let all = warp::path!("webhooks");
    let one = warp::path!("webhooks" / Segment);
    vec![
        route(all.and(warp::get()).and(query()).and(credentials()).and(with(app)).then(list)),
        route(one.and(warp::get()).and(credentials()).and(with(app)).then(show)),
        route(one.and(warp::patch()).and(body(app)).and(credentials()).and(with(app)).then(sign)),
    ]
}

async fn show(id: Segment, credentials: Credentials, app: App) -> Result<Response, ApiError> {
    let manager = app.manager(&credentials).await?;
    let webhook = app.webhook_of(&manager, &id).await?;
    Ok(answer(StatusCode::OK, &shown(&webhook)))
}

/// Chooses how a webhook's deliveries are signed from the next attempt on.
async fn sign(
    id: Segment,
    body: Result<Body, BodyError>,
    credentials: Credentials,
    app: App,
) -> Result<Response, ApiError> {
    let manager = app.manager(&credentials).await?;
    let webhook = app.webhook_of(&manager, &id).await?;
    let wanted: String =
        Fields::read(body, &["signature"])?.required("signature", "the name of a signature")?;
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
    let changed = changed.ok_or_else(|| ApiError::missing("webhook", &id))?;
    Ok(answer(StatusCode::OK, &shown(&changed)))
}

/// The way of signing that a dialect has under this name.
pub(super) fn scheme_named(dialect: Dialect, wanted: &str) -> Result<Scheme, ApiError> {
    let schemes = dialect.schemes();
    let scheme = schemes.iter().find(|(name, _)| *name == wanted).map(|(_, scheme)| *scheme);
    scheme.ok_or_else(|| unknown_signature(dialect, wanted))
}

fn unknown_signature(dialect: Dialect, found: &str) -> ApiError {
    let names: Vec<_> = dialect.schemes().iter().map(|(name, _)| format!("`{name}`")).collect();
    let found: String = found.chars().take(64).collect();
    let expected = names.join(" or ");
    ApiError::invalid("signature", format!("expected {expected} for {dialect}, found {found:?}"))
}

/// Everything that may receive a domain's events or, without one, every webhook of the account:
/// those for all of its domains first, then domain by domain. A page ends with a domain, so it may
/// hold a few more than asked for.
async fn list(raw: String, credentials: Credentials, app: App) -> Result<Response, ApiError> {
    let manager = app.manager(&credentials).await?;
    let query = Query::read(&raw, &["domain", "limit", "cursor"])?;
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
        manager: &Manager,
        written: &str,
    ) -> Result<Webhook, ApiError> {
        let missing = || ApiError::missing("webhook", written);
        let id: WebhookId = written.parse().map_err(|_| missing())?;
        let webhook = self.directory.webhook(manager.account(), id).await?;
        let seen = |webhook: &Webhook| manager.sees_of(webhook.scope.domain.as_ref());
        webhook.filter(seen).ok_or_else(missing)
    }

    /// What may receive a domain's events. Those for all domains are not for the eyes of somebody
    /// who manages one.
    async fn webhooks_of(
        &self,
        manager: &Manager,
        domain: &DomainName,
    ) -> Result<Vec<Webhook>, ApiError> {
        match manager.bound_to() {
            Some(_) => self.scope_webhooks(manager, Some(domain)).await,
            None => Ok(self.intake.subscribers(manager.account(), Some(domain)).await?.to_vec()),
        }
    }

    async fn every_webhook(
        &self,
        manager: &Manager,
        page: &Page<DomainName>,
    ) -> Result<Listing<Webhook, DomainName>, ApiError> {
        let mut domains: Vec<DomainName> =
            self.directory.domains(manager.account()).await?.into_iter().map(|d| d.name).collect();
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
        manager: &Manager,
        domain: Option<&DomainName>,
    ) -> Result<Vec<Webhook>, ApiError> {
        let mut found = Vec::new();
        for dialect in Dialect::ALL {
            let (account, domain) = (manager.account(), domain.cloned());
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
