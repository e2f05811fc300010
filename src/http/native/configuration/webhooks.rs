//! The webhooks of a plan: matched with those that are there, changed, added, put in order.

use std::collections::{BTreeMap, BTreeSet};

use warp::http::StatusCode;
use waypost_compat::Secret;

use super::entries::{File, WebhookEntry};
use super::file::signature;
use super::plan::{Missing, Plan};
use crate::api::{Change, ChangeKind, ChangedField};
use crate::http::native::register::unfit;
use crate::http::native_error::NativeError;
use crate::http::row_webhooks::WEBHOOKS_MAX;
use crate::model::{Timestamp, Webhook, WebhookId, WebhookScope, WebhookState};

/// Plans the webhooks of every scope that the file has any for or, if what is missing goes, of
/// every scope.
pub(super) fn plan(
    plan: &mut Plan,
    file: &File,
    missing: Missing,
    urls_max: usize,
) -> Result<(), NativeError> {
    let Some(entries) = &file.webhooks else { return Ok(()) };
    let mut scopes: BTreeMap<WebhookScope, Vec<&WebhookEntry>> = BTreeMap::new();
    for entry in entries {
        plan.check_domain(entry.scope.domain.as_ref()).map_err(|e| e.within(&entry.place))?;
        scopes.entry(entry.scope.clone()).or_default().push(entry);
    }
    let home: BTreeMap<WebhookId, WebhookScope> = plan
        .next
        .webhooks
        .values()
        .flatten()
        .map(|webhook| (webhook.id, webhook.scope.clone()))
        .collect();
    for entry in entries {
        let there = entry.id.and_then(|id| home.get(&id));
        if let Some(there) = there.filter(|there| **there != entry.scope) {
            let message =
                format!("expected an id that is free here, found one of {}", words(there));
            return Err(NativeError::invalid("id", message).within(&entry.place));
        }
    }
    if missing == Missing::Removed {
        for scope in plan.next.webhooks.keys() {
            scopes.entry(scope.clone()).or_default();
        }
    }
    let order = Order { now: file.now, missing, urls_max };
    for (scope, entries) in scopes {
        order.apply(plan, &scope, &entries)?;
    }
    Ok(())
}

/// The way from the webhooks of a scope to what the file says.
struct Order {
    now: Timestamp,
    missing: Missing,
    urls_max: usize,
}

impl Order {
    fn apply(
        &self,
        plan: &mut Plan,
        scope: &WebhookScope,
        entries: &[&WebhookEntry],
    ) -> Result<(), NativeError> {
        // Sooner than by counting one after the other: the file may be long.
        if let Some(beyond) = entries.get(WEBHOOKS_MAX) {
            let message = format!("expected at most {WEBHOOKS_MAX} webhooks of {}", words(scope));
            let error = NativeError::new(StatusCode::CONFLICT, "limit_reached", message);
            return Err(error.within(&beyond.place));
        }
        let before = plan.next.webhooks.remove(scope).unwrap_or_default();
        let wanted = matched(&before, entries);
        let known: BTreeSet<WebhookId> = wanted.iter().filter_map(|(_, id)| *id).collect();
        let mut list: Vec<Webhook> = Vec::new();
        for webhook in before {
            if known.contains(&webhook.id) || self.missing == Missing::Left {
                list.push(webhook);
            } else {
                plan.changes.push(removed(&webhook));
            }
        }
        let mut differs = false;
        let mut written = Vec::new();
        for (entry, id) in wanted {
            let found = list.iter_mut().find(|webhook| Some(webhook.id) == id);
            let webhook = match found {
                Some(found) => {
                    let (old_url, old_events) = (found.url.clone(), found.events.clone());
                    let fields = changed(found, entry, self.now)
                        .map_err(|error| error.within(&entry.place))?;
                    differs |= found.url != old_url || found.events != old_events;
                    let change = Change::changed(ChangeKind::Webhook, found.id.to_string(), fields);
                    plan.changed(change.about(words(scope)));
                    found.clone()
                }
                None => {
                    differs = true;
                    added(plan, entry).map_err(|error| error.within(&entry.place))?
                }
            };
            written.push((entry, webhook));
        }
        let list = self.in_order(plan, scope, list, &written);
        if differs {
            self.check(&list, &written)?;
        }
        if !list.is_empty() {
            plan.next.webhooks.insert(scope.clone(), list);
        }
        Ok(())
    }

    /// The webhooks that are there in the order of the file; what the file does not have keeps its place, what is
    /// new stands behind its neighbour in the file.
    fn in_order(
        &self,
        plan: &mut Plan,
        scope: &WebhookScope,
        list: Vec<Webhook>,
        written: &[(&WebhookEntry, Webhook)],
    ) -> Vec<Webhook> {
        let is_there: BTreeSet<WebhookId> = list.iter().map(|webhook| webhook.id).collect();
        let in_file: BTreeSet<WebhookId> = written.iter().map(|(_, webhook)| webhook.id).collect();
        let mut next =
            written.iter().map(|(_, webhook)| webhook).filter(|w| is_there.contains(&w.id));
        let (mut from, mut to) = (Vec::new(), Vec::new());
        let mut ordered: Vec<Webhook> = Vec::with_capacity(list.len());
        for webhook in list {
            let fills = if in_file.contains(&webhook.id) { next.next() } else { None };
            if let Some(fills) = fills.filter(|fills| fills.id != webhook.id) {
                from.push(webhook.url.clone());
                to.push(fills.url.clone());
            }
            ordered.push(fills.cloned().unwrap_or(webhook));
        }
        if !to.is_empty() {
            let fields = vec![ChangedField::between("urls", &from, &to)];
            plan.changes.push(Change::changed(ChangeKind::Order, words(scope), fields));
        }
        let mut at = 0;
        for (_, webhook) in written {
            match ordered.iter().position(|there| there.id == webhook.id) {
                Some(there) => at = there + 1,
                None => {
                    ordered.insert(at, webhook.clone());
                    at += 1;
                }
            }
        }
        ordered
    }

    /// Every webhook of the file must fit beside those that stay, as if they had come one by one.
    fn check(
        &self,
        list: &[Webhook],
        written: &[(&WebhookEntry, Webhook)],
    ) -> Result<(), NativeError> {
        let in_file: BTreeSet<WebhookId> = written.iter().map(|(_, webhook)| webhook.id).collect();
        let stay = list.iter().filter(|webhook| !in_file.contains(&webhook.id));
        let mut beside: Vec<Webhook> = stay.cloned().collect();
        for (entry, webhook) in written {
            unfit(&beside, webhook, self.urls_max).map_err(|error| error.within(&entry.place))?;
            beside.push(webhook.clone());
        }
        Ok(())
    }
}

/// The webhook that each entry is about: the one with its id or, where it has none, one with the same
/// URL and events that no other entry is about.
fn matched<'e>(
    before: &[Webhook],
    entries: &[&'e WebhookEntry],
) -> Vec<(&'e WebhookEntry, Option<WebhookId>)> {
    let mut spoken_for: BTreeSet<WebhookId> = entries.iter().filter_map(|entry| entry.id).collect();
    let mut pairs = Vec::new();
    for &entry in entries {
        let same = |webhook: &&Webhook| {
            webhook.url.as_str() == entry.url
                && webhook.events == entry.events
                && !spoken_for.contains(&webhook.id)
        };
        let id = entry.id.or_else(|| before.iter().find(same).map(|webhook| webhook.id));
        spoken_for.extend(id);
        pairs.push((entry, id));
    }
    pairs
}

/// Changes a webhook into what its entry says; the fields that differ.
fn changed(
    webhook: &mut Webhook,
    entry: &WebhookEntry,
    now: Timestamp,
) -> Result<Vec<ChangedField>, NativeError> {
    let mut fields = Vec::new();
    let as_written = webhook.url.as_str() == entry.url
        && webhook.events == entry.events
        && webhook.description == entry.description;
    match &entry.drafted {
        // What is there may stay, though it would not be taken today.
        Err(_) if as_written => {}
        Err(error) => return Err(error.clone()),
        Ok(new) => {
            if webhook.url != new.url {
                fields.push(ChangedField::between("url", &webhook.url, &new.url));
                webhook.url.clone_from(&new.url);
            }
            if webhook.events != new.events {
                fields.push(ChangedField::between("events", &webhook.events, &new.events));
                webhook.events.clone_from(&new.events);
                webhook.kinds.clone_from(&new.kinds);
            }
            if webhook.description != new.description {
                let (old, new) = (&webhook.description, &new.description);
                fields.push(ChangedField::between("description", old, new));
                webhook.description.clone_from(new);
            }
        }
    }
    if let Some(state) = entry.state.filter(|state| *state != webhook.state) {
        fields.push(ChangedField::between("state", &webhook.state, &state));
        webhook.state = state;
    }
    if let Some(scheme) = entry.scheme.filter(|scheme| *scheme != webhook.signature()) {
        let before = signature(webhook);
        webhook.scheme = Some(scheme);
        fields.push(ChangedField::between("signature", &before, &signature(webhook)));
    }
    fields.extend(resecreted(webhook, entry));
    if !fields.is_empty() {
        webhook.updated_at = now;
    }
    Ok(fields)
}

/// Gives a webhook the secrets that the file has for it; those that it lacks stay.
fn resecreted(webhook: &mut Webhook, entry: &WebhookEntry) -> Vec<ChangedField> {
    let plain = |secret: &Option<Secret>| secret.as_ref().map(|s| s.expose().to_owned());
    let dated = |previous: &Option<(Secret, Timestamp)>| {
        previous.as_ref().map(|(secret, until)| (secret.expose().to_owned(), *until))
    };
    let before = (plain(&webhook.secret), dated(&webhook.previous_secret));
    if entry.secret.is_some() && plain(&entry.secret) != before.0 {
        webhook.secret.clone_from(&entry.secret);
        // The one before belonged to the one that was replaced.
        webhook.previous_secret = None;
    }
    if entry.previous.is_some() {
        webhook.previous_secret.clone_from(&entry.previous);
    }
    let secret = (plain(&webhook.secret) != before.0).then(|| ChangedField::secret("secret"));
    let previous = (dated(&webhook.previous_secret) != before.1)
        .then(|| ChangedField::secret("previous_secret"));
    secret.into_iter().chain(previous).collect()
}

/// A new webhook as its entry says.
fn added(plan: &mut Plan, entry: &WebhookEntry) -> Result<Webhook, NativeError> {
    let mut webhook = entry.drafted.clone()?;
    webhook.id = entry.id.unwrap_or(webhook.id);
    webhook.state = entry.state.unwrap_or(WebhookState::Active);
    webhook.scheme = entry.scheme.filter(|scheme| *scheme != webhook.scope.dialect.scheme());
    webhook.previous_secret.clone_from(&entry.previous);
    let about = format!("{}, {}: {}", words(&webhook.scope), webhook.events.join(" "), webhook.url);
    plan.changes.push(Change::added(ChangeKind::Webhook, webhook.id.to_string(), about));
    if webhook.secret.is_some() && entry.secret.is_none() {
        plan.generated.push(webhook.clone());
    }
    Ok(webhook)
}

/// A webhook that goes.
pub(super) fn removed(webhook: &Webhook) -> Change {
    let about = format!("{}, {}: {}", words(&webhook.scope), webhook.events.join(" "), webhook.url);
    Change::removed(ChangeKind::Webhook, webhook.id.to_string(), about)
}

fn words(scope: &WebhookScope) -> String {
    match &scope.domain {
        Some(domain) => format!("{}, {domain}", scope.dialect),
        None => format!("{}, all domains", scope.dialect),
    }
}
