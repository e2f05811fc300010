//! An account's configuration, read and written whole.

use std::collections::BTreeSet;

use super::Embedded;
use super::Group;
use super::key;
use super::memory::Memory;
use super::{endpoints, stats};
use crate::model::{AccountId, Source, Webhook, WebhookScope};
use crate::store::record;
use crate::store::{Configuration, ConfigurationChange, Configured, Decision, Error, Holding};

impl Embedded {
    pub(super) fn configuration_of(&self, account: AccountId) -> Option<Configuration> {
        let memory = self.memory();
        let account = memory.accounts.get(&account)?.clone();
        let own = |source: &&Source| source.account == account.id;
        let domains = memory.domains.values().filter(|domain| domain.account == account.id);
        let sources = memory.sources.values().filter(own);
        Some(Configuration {
            domains: domains.map(|domain| (domain.name.clone(), domain.clone())).collect(),
            sources: sources.map(|source| (source.id, source.clone())).collect(),
            webhooks: memory
                .webhooks_of(account.id)
                .map(|(scope, list)| (scope.clone(), list.to_vec()))
                .collect(),
            account,
        })
    }

    pub(super) async fn commit_configuration(
        &self,
        account: AccountId,
        mut change: ConfigurationChange<'_>,
    ) -> Result<Configured, Error> {
        let _one_after_the_other = self.changes.lock().await;
        let before = self
            .configuration_of(account)
            .ok_or_else(|| Error::new(format!("there is no account {account}")))?;
        let mut after = before.clone();
        let decision = change(&mut after);
        if !after.is_of(account) {
            return Err(Error::new("a configuration holds what is not its account's"));
        }
        after.webhooks.retain(|_, list| !list.is_empty());
        if let Some(holding) = taken(&self.memory(), &after) {
            return Ok(Configured::Taken(holding));
        }
        if decision == Decision::Discard {
            return Ok(Configured::Discarded);
        }
        self.engine.commit(move |group| put(group, &before, after)).await
    }
}

/// The first thing in a configuration that another account has.
fn taken(memory: &Memory, wanted: &Configuration) -> Option<Holding> {
    let account = wanted.account.id;
    for name in wanted.domains.keys() {
        if memory.domains.get(name).is_some_and(|there| there.account != account) {
            return Some(Holding::Domain(name.clone()));
        }
    }
    for id in wanted.sources.keys() {
        if memory.sources.get(id).is_some_and(|there| there.account != account) {
            return Some(Holding::Source(*id));
        }
    }
    for webhook in wanted.webhooks.values().flatten() {
        if memory.scope_of(webhook.id).is_some_and(|scope| scope.account != account) {
            return Some(Holding::Webhook(webhook.id));
        }
    }
    None
}

/// Writes what differs. Memory changes last, with the batch or not at all.
fn put(
    group: &mut Group<'_>,
    before: &Configuration,
    after: Configuration,
) -> Result<Configured, Error> {
    let mut memory = group.shared.contents.memory_mut();
    // Somebody may have taken it since it was looked at.
    if let Some(holding) = taken(&memory, &after) {
        return Ok(Configured::Taken(holding));
    }
    put_account(group, before, &after)?;
    put_domains(group, before, &after)?;
    put_sources(group, before, &after)?;
    let scopes = put_webhooks(group, before, &after)?;

    let Configuration { account, domains, sources, mut webhooks } = after;
    for name in before.domains.keys().filter(|name| !domains.contains_key(*name)) {
        memory.domains.remove(name);
    }
    for id in before.sources.keys().filter(|id| !sources.contains_key(id)) {
        memory.sources.remove(id);
    }
    memory.domains.extend(domains);
    memory.sources.extend(sources);
    memory.accounts.insert(account.id, account);
    // A webhook that changes its scope must be gone from the old one before it is in the new one.
    for scope in &scopes {
        memory.set_webhooks(scope.clone(), [].into());
    }
    for scope in scopes {
        if let Some(list) = webhooks.remove(&scope) {
            memory.set_webhooks(scope, list.into());
        }
    }
    memory.endpoints_mut().forget_unreached();
    Ok(Configured::Kept)
}

fn put_account(
    group: &mut Group<'_>,
    before: &Configuration,
    after: &Configuration,
) -> Result<(), Error> {
    let record = record::encode_account(&after.account);
    if record != record::encode_account(&before.account) {
        group.batch.put_record(key::account(after.account.id), &record)?;
    }
    Ok(())
}

fn put_domains(
    group: &mut Group<'_>,
    before: &Configuration,
    after: &Configuration,
) -> Result<(), Error> {
    for (name, domain) in &after.domains {
        if before.domains.get(name) != Some(domain) {
            group.batch.put_record(key::domain(name), &record::encode_domain(domain))?;
        }
    }
    for name in before.domains.keys().filter(|name| !after.domains.contains_key(*name)) {
        group.batch.delete_record(key::domain(name))?;
    }
    Ok(())
}

fn put_sources(
    group: &mut Group<'_>,
    before: &Configuration,
    after: &Configuration,
) -> Result<(), Error> {
    for (id, source) in &after.sources {
        let record = record::encode_source(source);
        if before.sources.get(id).map(record::encode_source) != Some(record.clone()) {
            group.batch.put_record(key::source(*id), &record)?;
        }
    }
    for id in before.sources.keys().filter(|id| !after.sources.contains_key(id)) {
        group.batch.delete_record(key::source(*id))?;
    }
    Ok(())
}

/// Writes the lists that differ, and says which these are.
fn put_webhooks(
    group: &mut Group<'_>,
    before: &Configuration,
    after: &Configuration,
) -> Result<Vec<WebhookScope>, Error> {
    let scopes: BTreeSet<&WebhookScope> =
        before.webhooks.keys().chain(after.webhooks.keys()).collect();
    let list = |of: &Configuration, scope: &WebhookScope| -> Vec<Webhook> {
        of.webhooks.get(scope).cloned().unwrap_or_default()
    };
    let (mut changed, mut left, mut entered) = (Vec::new(), Vec::new(), Vec::new());
    for scope in scopes {
        let (old, new) = (list(before, scope), list(after, scope));
        let record = record::encode_webhooks(&new);
        if record == record::encode_webhooks(&old) {
            continue;
        }
        stats::forget(group, &old, &new);
        if new.is_empty() {
            group.batch.delete_record(key::webhooks(scope))?;
        } else {
            group.batch.put_record(key::webhooks(scope), &record)?;
        }
        changed.push(scope.clone());
        left.extend(old);
        entered.extend(new);
    }
    endpoints::follow(group, &left, &entered)?;
    Ok(changed)
}
