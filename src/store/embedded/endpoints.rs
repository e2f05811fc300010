//! Endpoints: derived from the webhooks that lead to them; what is known of them beside is stored.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use super::Embedded;
use super::Group;
use super::key;
use crate::model::{
    AccountId, DomainName, Endpoint, EndpointHealth, EndpointId, EndpointLimits, Webhook,
    WebhookId, WebhookScope, WebhookState, WebhookUrl,
};
use crate::store::record::{self, EndpointState};
use crate::store::{Change, Decision, Error, Listing, Page};

/// Every endpoint in memory.
#[derive(Default)]
pub(super) struct Endpoints {
    /// The endpoints that a webhook leads to.
    reached: BTreeMap<EndpointId, Reached>,
    /// The state of those that have one: limits, or something remembered.
    states: HashMap<EndpointId, EndpointState>,
}

struct Reached {
    scope: WebhookScope,
    url: WebhookUrl,
    webhooks: Vec<WebhookId>,
}

impl Endpoints {
    /// Follows a change of the webhooks of one scope.
    pub(super) fn follow(&mut self, before: &[Webhook], after: &[Webhook]) {
        for webhook in before {
            if let Entry::Occupied(mut reached) = self.reached.entry(webhook.endpoint()) {
                reached.get_mut().webhooks.retain(|id| *id != webhook.id);
                if reached.get().webhooks.is_empty() {
                    reached.remove();
                }
            }
        }
        for webhook in after {
            let reached = self.reached.entry(webhook.endpoint()).or_insert_with(|| Reached {
                scope: webhook.scope.clone(),
                url: webhook.url.clone(),
                webhooks: Vec::new(),
            });
            reached.webhooks.push(webhook.id);
        }
    }

    /// Forgets the state of endpoints that no webhook leads to any more. Called once a change is
    /// whole: in between, a webhook that changes its scope is in none.
    pub(super) fn forget_unreached(&mut self) {
        let reached = &self.reached;
        self.states.retain(|id, _| reached.contains_key(id));
    }

    /// Takes over what was stored of an endpoint, if it is still one.
    pub(super) fn remember(&mut self, id: EndpointId, state: EndpointState) {
        if self.reached.contains_key(&id) {
            self.states.insert(id, state);
        }
    }

    /// The limits of an endpoint.
    pub(super) fn limits(&self, id: EndpointId) -> EndpointLimits {
        self.states.get(&id).map_or_else(EndpointLimits::default, |state| state.limits)
    }

    /// The limits and the health of an endpoint.
    pub(super) fn state(&self, id: EndpointId) -> (EndpointLimits, EndpointHealth) {
        let state = self.states.get(&id).cloned().unwrap_or_default();
        (state.limits, state.health)
    }

    /// Sets the health of an endpoint; `false` if no webhook leads to it any more.
    pub(super) fn set_health(&mut self, id: EndpointId, health: EndpointHealth) -> bool {
        let there = self.reached.contains_key(&id);
        if there {
            self.states.entry(id).or_default().health = health;
        }
        there
    }

    fn set_limits(&mut self, id: EndpointId, limits: EndpointLimits) {
        if self.reached.contains_key(&id) {
            self.states.entry(id).or_default().limits = limits;
        }
    }

    fn get(&self, account: AccountId, id: EndpointId) -> Option<Endpoint> {
        let reached = self.reached.get(&id).filter(|found| found.scope.account == account)?;
        Some(self.whole(id, reached))
    }

    /// The endpoints of an account's behind `after`, by id.
    fn of_account(
        &self,
        account: AccountId,
        after: Option<EndpointId>,
    ) -> impl Iterator<Item = Endpoint> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let all = self.reached.range((from, Bound::Unbounded));
        let own = all.filter(move |(_, reached)| reached.scope.account == account);
        own.map(|(id, reached)| self.whole(*id, reached))
    }

    fn whole(&self, id: EndpointId, reached: &Reached) -> Endpoint {
        let (limits, health) = self.state(id);
        let Reached { scope, url, webhooks } = reached;
        let (scope, url, webhooks) = (scope.clone(), url.clone(), webhooks.clone());
        Endpoint { id, scope, url, webhooks, limits, health }
    }
}

/// Writes what follows for the endpoints from a change of webhooks, of all the scopes that it
/// concerns: the state of those that are gone goes too, and what was passed over while a webhook was
/// paused, or held while they were, is looked at.
pub(super) fn follow(
    group: &mut Group<'_>,
    before: &[Webhook],
    after: &[Webhook],
) -> Result<(), Error> {
    let reached: HashSet<EndpointId> = after.iter().map(Webhook::endpoint).collect();
    let gone: HashSet<EndpointId> =
        before.iter().map(Webhook::endpoint).filter(|id| !reached.contains(id)).collect();
    for id in gone {
        group.batch.delete_record(key::endpoint(id))?;
        // The worker may know it as paused; what waits for it is to be cancelled.
        group.changes.queues.limited.push(id);
    }
    for webhook in before.iter().filter(|webhook| webhook.state == WebhookState::Paused) {
        let still = |new: &&Webhook| new.id == webhook.id && new.state == WebhookState::Paused;
        if after.iter().find(still).is_none() {
            group.changes.queues.resumed.push((webhook.endpoint(), webhook.id));
        }
    }
    Ok(())
}

/// Writes the state of an endpoint as memory has it.
pub(super) fn write(group: &mut Group<'_>, id: EndpointId) -> Result<(), Error> {
    let (limits, health) = group.shared.contents.memory().endpoints().state(id);
    put(group, id, &EndpointState { limits, health })
}

fn put(group: &mut Group<'_>, id: EndpointId, state: &EndpointState) -> Result<(), Error> {
    if *state == EndpointState::default() {
        group.batch.delete_record(key::endpoint(id))
    } else {
        group.batch.put_record(key::endpoint(id), &record::encode_endpoint(state))
    }
}

impl Embedded {
    pub(super) fn endpoint_of(&self, account: AccountId, id: EndpointId) -> Option<Endpoint> {
        self.memory().endpoints().get(account, id)
    }

    pub(super) fn endpoints_of(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
        page: &Page<EndpointId>,
    ) -> Listing<Endpoint, EndpointId> {
        let memory = self.memory();
        let all = memory.endpoints().of_account(account, page.after);
        let mut asked =
            all.filter(|found| domain.is_none() || found.scope.domain.as_ref() == domain);
        let items: Vec<Endpoint> = asked.by_ref().take(page.limit).collect();
        let next = asked.next().and_then(|_| items.last()).map(|last| last.id);
        Listing { items, next }
    }

    pub(super) async fn commit_limits(
        &self,
        account: AccountId,
        id: EndpointId,
        mut change: Change<'_, EndpointLimits>,
    ) -> Result<Option<Endpoint>, Error> {
        let _one_after_the_other = self.changes.lock().await;
        let Some(mut endpoint) = self.endpoint_of(account, id) else { return Ok(None) };
        if change(&mut endpoint.limits) == Decision::Discard {
            return Ok(Some(endpoint));
        }
        let limits = endpoint.limits;
        self.engine
            .commit(move |group| {
                let health = group.shared.contents.memory().endpoints().state(id).1;
                put(group, id, &EndpointState { limits, health })?;
                group.shared.contents.memory_mut().endpoints_mut().set_limits(id, limits);
                group.changes.queues.limited.push(id);
                Ok(())
            })
            .await?;
        Ok(Some(endpoint))
    }
}
