//! The story of a request: authorise, parse, ask the store, tell.

use std::sync::Arc;

use warp::Reply;
use warp::http::StatusCode;
use warp::reply::Response;
use waypost_compat::{Dialect, Kind, Secret, kind};

use super::fields::shorten;
use super::{Api, Done, Draft, Fields, LogLine, Operation, Patch, Problem};
use crate::http::call::Call;
use crate::http::route::Segment;
use crate::http::{App, Body, BodyError, Principal};
use crate::model::{
    DeliveryId, InvalidUrl, Scope, Webhook, WebhookId, WebhookScope, WebhookState, WebhookStats,
    WebhookUrl,
};
use crate::store::{DeliveryFilter, Page, Verdict};

/// How many webhooks one scope may hold.
const WEBHOOKS_MAX: usize = 1000;

/// How long a rotated secret goes on signing beside its successor.
const ROTATION_OVERLAP: std::time::Duration = std::time::Duration::from_hours(24);

/// Answers a request in a dialect, whatever becomes of it. `below` is the path below the
/// collection, `key` the credential that may authenticate.
pub(in crate::http) async fn answer(
    api: &dyn Api,
    below: &[Segment],
    call: Call,
    key: Option<String>,
    app: App,
) -> Response {
    match perform(api, below, call, key, &app).await {
        Ok((status, body)) => json(status, body.as_ref()),
        Err(problem) => api.refuse(&problem),
    }
}

/// An answer with a JSON body, or none.
pub(in crate::http) fn json(status: u16, body: Option<&serde_json::Value>) -> Response {
    let status = StatusCode::from_u16(status).expect("dialects name statuses that exist");
    match body {
        Some(body) => warp::reply::with_status(warp::reply::json(body), status).into_response(),
        None => status.into_response(),
    }
}

type Told = (u16, Option<serde_json::Value>);

async fn perform(
    api: &dyn Api,
    below: &[Segment],
    call: Call,
    key: Option<String>,
    app: &App,
) -> Result<Told, Problem> {
    let principal = authorise(api, &call, key, app).await?;
    let below: Vec<&str> = below.iter().map(|part| &**part).collect();
    let operation = api.operation(&call.method, &below)?;
    let scope = WebhookScope {
        account: principal.account,
        domain: principal.domain,
        dialect: api.dialect(),
    };
    let rows = Rows { app, scope, api };
    match operation {
        Operation::List => {
            let list = rows.list().await?;
            Ok(api.tell(&Done::Listed(&list)))
        }
        Operation::Show(id) => {
            let webhook = rows.find(id).await?;
            Ok(api.tell(&Done::Shown(&webhook, &rows.stats(id).await?)))
        }
        Operation::Create => {
            let draft = api.draft(&Fields::read(&read(call.body)?)?)?;
            Ok(api.tell(&Done::Created(&rows.create(draft).await?)))
        }
        Operation::Update(id) => {
            rows.find(id).await?;
            let patch = api.patch(&Fields::read(&read(call.body)?)?)?;
            let webhook = rows.update(id, patch).await?;
            Ok(api.tell(&Done::Updated(&webhook, &rows.stats(id).await?)))
        }
        Operation::Remove(id) => {
            rows.remove(id).await?;
            Ok(api.tell(&Done::Removed))
        }
        Operation::Test(id) => {
            let webhook = rows.find(id).await?;
            let tester = app.tester.as_ref().ok_or(Problem::NoTester)?;
            Ok(api.tell(&Done::Tested(&tester.test(&webhook).await)))
        }
        Operation::RotateSecret(id) => {
            let webhook = rows.rotate_secret(id).await?;
            Ok(api.tell(&Done::Rotated(&webhook)))
        }
        Operation::Deliveries(id) => {
            let log = rows.log(id, log_limit(&call.query)?).await?;
            Ok(api.tell(&Done::Deliveries(&log)))
        }
        Operation::Replay(id) => {
            rows.replay(&id).await?;
            Ok(api.tell(&Done::Replayed))
        }
    }
}

async fn authorise(
    api: &dyn Api,
    call: &Call,
    key: Option<String>,
    app: &App,
) -> Result<Principal, Problem> {
    let key = key.ok_or(Problem::NoCredential { expected: api.credential() })?;
    if !key.starts_with(api.key_prefix()) {
        return Err(Problem::CredentialForm { prefix: api.key_prefix() });
    }
    let principal = app.principal(&key).await?.ok_or(Problem::WrongCredential)?;
    if principal.dialect != api.dialect() {
        return Err(Problem::WrongCredential);
    }
    api.admit(&principal, &call.credentials)?;
    match principal.scope {
        Scope::Manage => Ok(principal),
        Scope::Read | Scope::Send => Err(Problem::Forbidden),
    }
}

fn read(body: Result<Body, BodyError>) -> Result<Body, Problem> {
    body.map_err(|error| match error {
        BodyError::TooLarge { limit } => Problem::TooLarge { limit },
        error => Problem::MalformedBody { detail: error.to_string() },
    })
}

/// `limit` of a delivery log: 50 unless said otherwise, held to 1–200 (`spec/providers.md` §7).
fn log_limit(query: &str) -> Result<usize, Problem> {
    let limit = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "limit");
    let Some((_, written)) = limit else { return Ok(50) };
    match written.parse::<i64>() {
        Ok(limit) => Ok(usize::try_from(limit.clamp(1, 200)).expect("it is between 1 and 200")),
        Err(_) => Err(Problem::InvalidField {
            field: "limit",
            expected: "a number from 1 to 200",
            found: shorten(&written),
        }),
    }
}

/// The webhooks of one scope.
struct Rows<'a> {
    app: &'a App,
    scope: WebhookScope,
    api: &'a dyn Api,
}

impl Rows<'_> {
    async fn list(&self) -> Result<Vec<(Webhook, WebhookStats)>, Problem> {
        let webhooks = self.app.store.webhooks(&self.scope).await?;
        let mut list = Vec::with_capacity(webhooks.len());
        for webhook in webhooks.iter() {
            list.push((webhook.clone(), self.stats(webhook.id).await?));
        }
        Ok(list)
    }

    async fn find(&self, id: WebhookId) -> Result<Webhook, Problem> {
        let webhooks: Arc<[Webhook]> = self.app.store.webhooks(&self.scope).await?;
        webhooks.iter().find(|webhook| webhook.id == id).cloned().ok_or_else(|| not_found(id))
    }

    async fn stats(&self, id: WebhookId) -> Result<WebhookStats, Problem> {
        Ok(self.app.store.webhook_stats(self.scope.account, id).await?)
    }

    async fn create(&self, draft: Draft) -> Result<Webhook, Problem> {
        let url = self.url(&draft.url)?;
        let (events, kinds) = subscription(self.scope.dialect, draft.events)?;
        let ambient = &self.app.ambient;
        let now = ambient.now();
        let webhook = Webhook {
            id: WebhookId::random(ambient.random()),
            scope: self.scope.clone(),
            url,
            events,
            kinds,
            state: state(draft.enabled),
            secret: Some(draft.secret.unwrap_or_else(|| self.new_secret())),
            previous_secret: None,
            scheme: None,
            description: draft.description,
            created_at: now,
            updated_at: now,
        };
        let mut full = false;
        let change = |list: &mut Vec<Webhook>| {
            full = list.len() >= WEBHOOKS_MAX;
            if full {
                return Verdict::Discard;
            }
            list.push(webhook.clone());
            Verdict::Keep
        };
        self.app.store.change_webhooks(&self.scope, Box::new(change)).await?;
        if full { Err(Problem::TooMany { limit: WEBHOOKS_MAX }) } else { Ok(webhook) }
    }

    async fn update(&self, id: WebhookId, patch: Patch) -> Result<Webhook, Problem> {
        let url = patch.url.as_deref().map(|url| self.url(url)).transpose()?;
        let subscribed =
            patch.events.map(|events| subscription(self.scope.dialect, events)).transpose()?;
        let now = self.app.ambient.now();
        let revives = self.api.revives();
        self.change(id, |webhook| {
            if webhook.state == WebhookState::Disabled && !revives {
                return Err(Problem::Disabled);
            }
            if let Some(url) = &url {
                webhook.url = url.clone();
            }
            if let Some((events, kinds)) = &subscribed {
                webhook.events = events.clone();
                webhook.kinds = kinds.clone();
            }
            if let Some(description) = &patch.description {
                webhook.description = description.clone();
            }
            if let Some(enabled) = patch.enabled {
                webhook.state = state(enabled);
            }
            webhook.updated_at = now;
            Ok(())
        })
        .await
    }

    async fn rotate_secret(&self, id: WebhookId) -> Result<Webhook, Problem> {
        let now = self.app.ambient.now();
        let secret = self.new_secret();
        self.change(id, |webhook| {
            let previous = webhook.secret.replace(secret.clone());
            webhook.previous_secret = previous.map(|old| (old, now.plus(ROTATION_OVERLAP)));
            webhook.updated_at = now;
            Ok(())
        })
        .await
    }

    async fn remove(&self, id: WebhookId) -> Result<(), Problem> {
        let mut found = false;
        let change = |list: &mut Vec<Webhook>| {
            let before = list.len();
            list.retain(|webhook| webhook.id != id);
            found = list.len() < before;
            if found { Verdict::Keep } else { Verdict::Discard }
        };
        self.app.store.change_webhooks(&self.scope, Box::new(change)).await?;
        if found { Ok(()) } else { Err(not_found(id)) }
    }

    /// Changes one webhook in one commit, or none if `edit` refuses.
    async fn change(
        &self,
        id: WebhookId,
        mut edit: impl FnMut(&mut Webhook) -> Result<(), Problem> + Send,
    ) -> Result<Webhook, Problem> {
        let mut result = Err(not_found(id));
        let change = |list: &mut Vec<Webhook>| {
            let Some(webhook) = list.iter_mut().find(|webhook| webhook.id == id) else {
                return Verdict::Discard;
            };
            result = edit(webhook).map(|()| webhook.clone());
            if result.is_ok() { Verdict::Keep } else { Verdict::Discard }
        };
        self.app.store.change_webhooks(&self.scope, Box::new(change)).await?;
        result
    }

    async fn log(&self, id: WebhookId, limit: usize) -> Result<Vec<LogLine>, Problem> {
        self.find(id).await?;
        let filter = DeliveryFilter { webhook: Some(id), ..DeliveryFilter::default() };
        let mut page = Page { after: None, limit };
        let mut log = Vec::new();
        while log.len() < limit {
            let listing = self.app.store.deliveries(self.scope.account, &filter, &page).await?;
            for delivery in listing.items {
                let made = delivery.attempt_count;
                let kept = delivery.attempts.clone();
                for (number, attempt) in (1..=made).rev().zip(kept.into_iter().rev()) {
                    log.push(LogLine { delivery: delivery.clone(), attempt, number });
                }
            }
            page.after = listing.next;
            if page.after.is_none() {
                break;
            }
        }
        log.sort_by_key(|line| std::cmp::Reverse(line.attempt.at));
        log.truncate(limit);
        Ok(log)
    }

    async fn replay(&self, written: &str) -> Result<(), Problem> {
        let missing = || Problem::NoSuchDelivery { id: shorten(written) };
        let id = DeliveryId::from_uuid(written).ok_or_else(missing)?;
        let store = &self.app.store;
        let delivery = store.delivery(self.scope.account, id).await?.ok_or_else(missing)?;
        self.find(delivery.webhook).await.map_err(|_| missing())?;
        let new = DeliveryId::timed(self.app.ambient.now(), self.app.ambient.random());
        store.replay(self.scope.account, id, new).await?.ok_or_else(missing)?;
        Ok(())
    }

    fn url(&self, written: &str) -> Result<WebhookUrl, Problem> {
        let refused = |expected| Problem::InvalidUrl { expected, found: shorten(written) };
        let https_only = self.api.https_only() && !self.app.settings.allow_http;
        let url: WebhookUrl = written.parse().map_err(|error| match error {
            InvalidUrl::TooLong => refused("at most 2048 bytes"),
            InvalidUrl::Malformed | InvalidUrl::Scheme if https_only => refused("an https URL"),
            InvalidUrl::Malformed | InvalidUrl::Scheme => refused("an http or https URL"),
        })?;
        if https_only && !url.is_https() {
            return Err(refused("an https URL"));
        }
        Ok(url)
    }

    /// `whsec_` and 48 hex digits: Wistfare's own form, and valid base64 for Standard Webhooks
    /// libraries (`spec/providers.md` §3.3).
    fn new_secret(&self) -> Secret {
        Secret::new(format!("whsec_{}", self.app.ambient.random_hex::<24>()))
    }
}

fn state(enabled: bool) -> WebhookState {
    if enabled { WebhookState::Active } else { WebhookState::Paused }
}

fn not_found(id: WebhookId) -> Problem {
    Problem::NoSuchWebhook { id: id.to_string() }
}

/// Event names with repeats collapsed, in the order written, and what they mean.
fn subscription(
    dialect: Dialect,
    written: Vec<String>,
) -> Result<(Vec<String>, Vec<Kind>), Problem> {
    let field = if dialect == Dialect::MailStack { "eventTypes" } else { "events" };
    let mut names: Vec<String> = Vec::new();
    let mut kinds: Vec<Kind> = Vec::new();
    for name in written {
        let wildcard = name == "*" && dialect == Dialect::MailStack;
        let covered: Vec<Kind> = if wildcard {
            kind::names(dialect)
                .iter()
                .flat_map(|name| kind::covered(dialect, name))
                .copied()
                .collect()
        } else {
            kind::covered(dialect, &name).to_vec()
        };
        if covered.is_empty() {
            let expected = kind::names(dialect).join(", ");
            return Err(Problem::UnknownEvent { field, name: shorten(&name), expected });
        }
        if !names.contains(&name) {
            names.push(name);
        }
        kinds.extend(covered);
    }
    if names.is_empty() {
        return Err(Problem::NoEvents { field });
    }
    kinds.sort_unstable();
    kinds.dedup();
    Ok((names, kinds))
}
