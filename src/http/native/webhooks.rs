//! Webhooks of every dialect side by side, to be read only: each dialect's own API changes them.

use serde_json::{Value, json};
use warp::Filter;
use warp::http::StatusCode;
use warp::reply::Response;
use waypost_compat::Dialect;

use super::auth::Manager;
use super::error::ApiError;
use super::json::answer;
use super::query::{Query, listing, query};
use crate::http::auth::credentials;
use crate::http::route::{route, with};
use crate::http::{App, Credentials, Route};
use crate::model::{DomainName, Webhook, WebhookScope};
use crate::store::{Listing, Page};

pub(super) fn routes(app: &App) -> Vec<Route> {
    let all = warp::path!("webhooks");
    vec![route(all.and(warp::get()).and(query()).and(credentials()).and(with(app)).then(list))]
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
    /// What may receive a domain's events. Those for all domains are not for the eyes of somebody
    /// who manages one.
    async fn webhooks_of(
        &self,
        manager: &Manager,
        domain: &DomainName,
    ) -> Result<Vec<Webhook>, ApiError> {
        match manager.bound_to() {
            Some(_) => self.scope_webhooks(manager, Some(domain)).await,
            None => Ok(self.store.subscribers(manager.account(), domain).await?.to_vec()),
        }
    }

    async fn every_webhook(
        &self,
        manager: &Manager,
        page: &Page<DomainName>,
    ) -> Result<Listing<Webhook, DomainName>, ApiError> {
        let mut domains: Vec<DomainName> =
            self.store.domains(manager.account()).await?.into_iter().map(|d| d.name).collect();
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
            found.extend(self.store.webhooks(&scope).await?.iter().cloned());
        }
        Ok(found)
    }
}

/// A webhook as it is listed. Its secret is shown by its own dialect's API, as often as the
/// provider shows it.
fn shown(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id,
        "domain": webhook.scope.domain,
        "dialect": webhook.scope.dialect,
        "url": webhook.url,
        "events": webhook.events,
        "kinds": webhook.kinds,
        "state": webhook.state,
        "description": webhook.description,
        "created_at": webhook.created_at.rfc3339(),
        "updated_at": webhook.updated_at.rfc3339(),
    })
}
