//! Accounts, keys, domains, sources and webhooks: reads from memory, writes through the commit
//! thread.

use std::sync::Arc;

use serde_json::{Map, Value};
use waypost_compat::Secret;

use super::Embedded;
use super::commit::Group;
use super::key;
use super::shared::Shared;
use super::stats;
use crate::model::{
    Account, AccountId, Domain, DomainName, Key, KeyId, Source, SourceId, Webhook, WebhookScope,
};
use crate::store::record;
use crate::store::{Added, Change, Error, Verdict};

/// What a job decided that the caller must be told as an error. It wrote nothing.
type Decided<T> = Result<T, Error>;

impl Embedded {
    pub(super) async fn commit_account(
        &self,
        account: Account,
        key: Option<Key>,
    ) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let work = move |group: &mut Group<'_>| -> Result<Decided<()>, Error> {
            let mut directory = shared.directory_mut();
            if directory.accounts.contains_key(&account.id) {
                return Ok(Err(Error::new(format!("account {} exists already", account.id))));
            }
            if key.as_ref().is_some_and(|key| directory.keys.contains_key(&key.hash)) {
                return Ok(Err(Error::new("the key is in use already")));
            }
            let row = key::account(account.id);
            group.batch.put_record(row, &record::encode_account(&account))?;
            if let Some(key) = key {
                group.batch.put_record(key::key(&key.hash), &record::encode_key(&key))?;
                directory.keys.insert(key.hash, key);
            }
            directory.accounts.insert(account.id, account);
            Ok(Ok(()))
        };
        self.commit(work).await?
    }

    pub(super) async fn commit_signing_key(
        &self,
        id: AccountId,
        signing_key: Secret,
    ) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let work = move |group: &mut Group<'_>| -> Result<Decided<()>, Error> {
            let mut directory = shared.directory_mut();
            let Some(account) = directory.accounts.get_mut(&id) else {
                return Ok(Err(Error::new(format!("there is no account {id}"))));
            };
            let changed = Account { signing_key, ..account.clone() };
            group.batch.put_record(key::account(id), &record::encode_account(&changed))?;
            *account = changed;
            Ok(Ok(()))
        };
        self.commit(work).await?
    }

    pub(super) async fn commit_key(&self, key: Key) -> Result<Added, Error> {
        let shared = Arc::clone(&self.shared);
        self.commit(move |group| {
            let mut directory = shared.directory_mut();
            if directory.keys.contains_key(&key.hash) {
                return Ok(Added::Taken);
            }
            group.batch.put_record(key::key(&key.hash), &record::encode_key(&key))?;
            directory.keys.insert(key.hash, key);
            Ok(Added::Added)
        })
        .await
    }

    pub(super) async fn commit_key_removal(
        &self,
        account: AccountId,
        id: KeyId,
    ) -> Result<bool, Error> {
        let shared = Arc::clone(&self.shared);
        self.commit(move |group| {
            let mut directory = shared.directory_mut();
            let mut keys = directory.keys.values();
            let hash = keys.find(|key| key.account == account && key.id == id).map(|key| key.hash);
            let Some(hash) = hash else { return Ok(false) };
            group.batch.delete_record(key::key(&hash))?;
            directory.keys.remove(&hash);
            Ok(true)
        })
        .await
    }

    pub(super) async fn commit_domain(&self, domain: Domain) -> Result<Added, Error> {
        let shared = Arc::clone(&self.shared);
        self.commit(move |group| {
            let mut directory = shared.directory_mut();
            if directory.domains.contains_key(&domain.name) {
                return Ok(Added::Taken);
            }
            let row = key::domain(&domain.name);
            group.batch.put_record(row, &record::encode_domain(&domain))?;
            directory.domains.insert(domain.name.clone(), domain);
            Ok(Added::Added)
        })
        .await
    }

    pub(super) async fn commit_domain_settings(
        &self,
        account: AccountId,
        name: DomainName,
        settings: Map<String, Value>,
    ) -> Result<bool, Error> {
        let shared = Arc::clone(&self.shared);
        self.commit(move |group| {
            let mut directory = shared.directory_mut();
            let domain = directory.domains.get_mut(&name).filter(|d| d.account == account);
            let Some(domain) = domain else { return Ok(false) };
            let changed = Domain { settings, ..domain.clone() };
            group.batch.put_record(key::domain(&name), &record::encode_domain(&changed))?;
            *domain = changed;
            Ok(true)
        })
        .await
    }

    pub(super) async fn commit_domain_removal(
        &self,
        account: AccountId,
        name: DomainName,
    ) -> Result<bool, Error> {
        // A change of its webhooks that is under way would bring them back.
        let _no_change = self.changes.lock().await;
        let shared = Arc::clone(&self.shared);
        self.commit(move |group| remove_domain(&shared, group, account, &name)).await
    }

    pub(super) async fn commit_source(&self, source: Source) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let work = move |group: &mut Group<'_>| -> Result<Decided<()>, Error> {
            let mut directory = shared.directory_mut();
            let there = directory.sources.get(&source.id);
            if there.is_some_and(|there| there.account != source.account) {
                return Ok(Err(Error::new(format!("source {} is another account's", source.id))));
            }
            group.batch.put_record(key::source(source.id), &record::encode_source(&source))?;
            directory.sources.insert(source.id, source);
            Ok(Ok(()))
        };
        self.commit(work).await?
    }

    /// The sources that feed a domain alone or, without one, all of an account's.
    pub(super) fn sources_of(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Vec<Source> {
        let directory = self.shared.directory();
        let asked = |source: &&Source| {
            source.account == account && (domain.is_none() || source.domain.as_ref() == domain)
        };
        let mut sources: Vec<_> = directory.sources.values().filter(asked).cloned().collect();
        sources.sort_by_key(|source| (source.created_at, source.id));
        sources
    }

    pub(super) async fn commit_source_removal(
        &self,
        account: AccountId,
        id: SourceId,
    ) -> Result<bool, Error> {
        let shared = Arc::clone(&self.shared);
        self.commit(move |group| {
            let mut directory = shared.directory_mut();
            if directory.sources.get(&id).is_none_or(|source| source.account != account) {
                return Ok(false);
            }
            group.batch.delete_record(key::source(id))?;
            directory.sources.remove(&id);
            Ok(true)
        })
        .await
    }

    pub(super) async fn commit_webhooks(
        &self,
        scope: &WebhookScope,
        mut change: Change<'_>,
    ) -> Result<Verdict, Error> {
        let _one_after_the_other = self.changes.lock().await;
        let mut webhooks = self.shared.directory().webhooks(scope).to_vec();
        if change(&mut webhooks) == Verdict::Discard {
            return Ok(Verdict::Discard);
        }
        if let Some(stray) = webhooks.iter().find(|webhook| webhook.scope != *scope) {
            return Err(Error::new(format!("webhook {} is of another scope", stray.id)));
        }
        let shared = Arc::clone(&self.shared);
        let scope = scope.clone();
        self.commit(move |group| put_webhooks(&shared, group, scope, webhooks)).await?
    }

    /// The domain's own webhooks, if one is given, and its account's.
    pub(super) fn subscribers_of(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Arc<[Webhook]> {
        let known = self.shared.directory().known_subscribers(account, domain);
        known.unwrap_or_else(|| self.shared.directory_mut().make_subscribers(account, domain))
    }
}

fn put_webhooks(
    shared: &Shared,
    group: &mut Group<'_>,
    scope: WebhookScope,
    webhooks: Vec<Webhook>,
) -> Result<Decided<Verdict>, Error> {
    let mut directory = shared.directory_mut();
    let elsewhere =
        |webhook: &&Webhook| directory.scope_of(webhook.id).is_some_and(|holder| *holder != scope);
    if let Some(stray) = webhooks.iter().find(elsewhere) {
        let message = format!("webhook {} is of another scope", stray.id);
        return Ok(Err(Error { taken: true, ..Error::new(message) }));
    }
    stats::forget(group, &directory.webhooks(&scope), &webhooks);
    let row = key::webhooks(&scope);
    if webhooks.is_empty() {
        group.batch.delete_record(row)?;
    } else {
        group.batch.put_record(row, &record::encode_webhooks(&webhooks))?;
    }
    directory.set_webhooks(scope, webhooks.into());
    Ok(Ok(Verdict::Keep))
}

fn remove_domain(
    shared: &Shared,
    group: &mut Group<'_>,
    account: AccountId,
    name: &DomainName,
) -> Result<bool, Error> {
    let mut directory = shared.directory_mut();
    if directory.domains.get(name).is_none_or(|domain| domain.account != account) {
        return Ok(false);
    }
    let feeds =
        |source: &&Source| source.account == account && source.domain.as_ref() == Some(name);
    let sources: Vec<_> = directory.sources.values().filter(feeds).map(|s| s.id).collect();
    let scopes = directory.scopes(account, Some(name));
    group.batch.delete_record(key::domain(name))?;
    for id in &sources {
        group.batch.delete_record(key::source(*id))?;
    }
    for scope in &scopes {
        stats::forget(group, &directory.webhooks(scope), &[]);
        group.batch.delete_record(key::webhooks(scope))?;
    }
    // Nothing can fail from here on: memory changes with the batch or not at all.
    directory.domains.remove(name);
    for id in sources {
        directory.sources.remove(&id);
    }
    for scope in scopes {
        directory.set_webhooks(scope, [].into());
    }
    Ok(true)
}
