//! Accounts, keys, domains, sources and webhooks: reads from memory, writes through the commit
//! thread.

use std::sync::Arc;

use async_trait::async_trait;

use super::Embedded;
use super::Group;
use super::key;
use super::{endpoints, stats};
use crate::model::{
    Account, AccountId, Domain, DomainName, Endpoint, EndpointId, EndpointLimits, Key, KeyHash,
    KeyId, Source, SourceId, Webhook, WebhookId, WebhookScope,
};
use crate::store::record;
use crate::store::{
    Added, Change, Configuration, ConfigurationChange, Configured, Decision, Directory, Error,
    Listing, Page,
};

/// The decision of a job. An error in it is for the caller alone; the job wrote nothing.
type Decided<T> = Result<T, Error>;

#[async_trait]
impl Directory for Embedded {
    async fn create_account(&self, account: Account, key: Option<Key>) -> Result<(), Error> {
        let work = move |group: &mut Group<'_>| -> Result<Decided<()>, Error> {
            let mut memory = group.shared.contents.memory_mut();
            if memory.accounts.contains_key(&account.id) {
                return Ok(Err(Error::new(format!("account {} exists already", account.id))));
            }
            if key.as_ref().is_some_and(|key| memory.keys.contains_key(&key.hash)) {
                return Ok(Err(Error::new("the key is in use already")));
            }
            let row = key::account(account.id);
            group.batch.put_record(row, &record::encode_account(&account))?;
            if let Some(key) = key {
                group.batch.put_record(key::key(&key.hash), &record::encode_key(&key))?;
                memory.keys.insert(key.hash, key);
            }
            memory.accounts.insert(account.id, account);
            Ok(Ok(()))
        };
        self.engine.commit(work).await?
    }

    async fn accounts(&self) -> Result<Vec<Account>, Error> {
        let mut accounts: Vec<_> = self.memory().accounts.values().cloned().collect();
        accounts.sort_by_key(|account| (account.created_at, account.id));
        Ok(accounts)
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>, Error> {
        Ok(self.memory().accounts.get(&id).cloned())
    }

    async fn change_account(
        &self,
        id: AccountId,
        mut change: Change<'_, Account>,
    ) -> Result<Option<Account>, Error> {
        let _one_after_the_other = self.changes.lock().await;
        let Some(mut account) = self.memory().accounts.get(&id).cloned() else {
            return Ok(None);
        };
        if change(&mut account) == Decision::Keep {
            let account = account.clone();
            self.engine
                .commit(move |group| {
                    let row = key::account(account.id);
                    group.batch.put_record(row, &record::encode_account(&account))?;
                    group.shared.contents.memory_mut().accounts.insert(account.id, account);
                    Ok(())
                })
                .await?;
        }
        Ok(Some(account))
    }

    async fn add_key(&self, key: Key) -> Result<Added, Error> {
        self.engine
            .commit(move |group| {
                let mut memory = group.shared.contents.memory_mut();
                if memory.keys.contains_key(&key.hash) {
                    return Ok(Added::Taken);
                }
                group.batch.put_record(key::key(&key.hash), &record::encode_key(&key))?;
                memory.keys.insert(key.hash, key);
                Ok(Added::Added)
            })
            .await
    }

    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<Key>, Error> {
        Ok(self.memory().keys.get(hash).cloned())
    }

    async fn keys(&self, account: AccountId) -> Result<Vec<Key>, Error> {
        let memory = self.memory();
        let own = memory.keys.values().filter(|key| key.account == account);
        let mut keys: Vec<_> = own.cloned().collect();
        keys.sort_by_key(|key| (key.created_at, key.id));
        Ok(keys)
    }

    async fn remove_key(&self, account: AccountId, id: KeyId) -> Result<bool, Error> {
        self.engine
            .commit(move |group| {
                let mut memory = group.shared.contents.memory_mut();
                let mut keys = memory.keys.values();
                let hash =
                    keys.find(|key| key.account == account && key.id == id).map(|key| key.hash);
                let Some(hash) = hash else { return Ok(false) };
                group.batch.delete_record(key::key(&hash))?;
                memory.keys.remove(&hash);
                Ok(true)
            })
            .await
    }

    async fn create_domain(&self, domain: Domain) -> Result<Added, Error> {
        let _one_after_the_other = self.changes.lock().await;
        self.engine
            .commit(move |group| {
                let mut memory = group.shared.contents.memory_mut();
                if memory.domains.contains_key(&domain.name) {
                    return Ok(Added::Taken);
                }
                let row = key::domain(&domain.name);
                group.batch.put_record(row, &record::encode_domain(&domain))?;
                memory.domains.insert(domain.name.clone(), domain);
                Ok(Added::Added)
            })
            .await
    }

    async fn domain(&self, account: AccountId, name: &DomainName) -> Result<Option<Domain>, Error> {
        let memory = self.memory();
        Ok(memory.domains.get(name).filter(|domain| domain.account == account).cloned())
    }

    async fn domains(&self, account: AccountId) -> Result<Vec<Domain>, Error> {
        let memory = self.memory();
        let own = memory.domains.values().filter(|domain| domain.account == account);
        let mut domains: Vec<_> = own.cloned().collect();
        domains.sort_by(|a, b| (b.created_at, &b.name).cmp(&(a.created_at, &a.name)));
        Ok(domains)
    }

    async fn change_domain(
        &self,
        account: AccountId,
        name: &DomainName,
        mut change: Change<'_, Domain>,
    ) -> Result<Option<Domain>, Error> {
        let _one_after_the_other = self.changes.lock().await;
        let Some(mut domain) = self.domain(account, name).await? else { return Ok(None) };
        if change(&mut domain) == Decision::Keep {
            let domain = domain.clone();
            self.engine
                .commit(move |group| {
                    let row = key::domain(&domain.name);
                    group.batch.put_record(row, &record::encode_domain(&domain))?;
                    group.shared.contents.memory_mut().domains.insert(domain.name.clone(), domain);
                    Ok(())
                })
                .await?;
        }
        Ok(Some(domain))
    }

    async fn remove_domain(&self, account: AccountId, name: &DomainName) -> Result<bool, Error> {
        let name = name.clone();
        // A change of its webhooks that is under way would bring them back.
        let _one_after_the_other = self.changes.lock().await;
        self.engine.commit(move |group| remove_domain(group, account, &name)).await
    }

    async fn add_source(&self, source: Source) -> Result<(), Error> {
        let _one_after_the_other = self.changes.lock().await;
        let work = move |group: &mut Group<'_>| -> Result<Decided<()>, Error> {
            let mut memory = group.shared.contents.memory_mut();
            if memory.sources.contains_key(&source.id) {
                return Ok(Err(Error::new(format!("source {} exists already", source.id))));
            }
            group.batch.put_record(key::source(source.id), &record::encode_source(&source))?;
            memory.sources.insert(source.id, source);
            Ok(Ok(()))
        };
        self.engine.commit(work).await?
    }

    async fn source(&self, account: AccountId, id: SourceId) -> Result<Option<Source>, Error> {
        let memory = self.memory();
        Ok(memory.sources.get(&id).filter(|source| source.account == account).cloned())
    }

    async fn sources(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Result<Vec<Source>, Error> {
        Ok(self.sources_of(account, domain))
    }

    async fn change_source(
        &self,
        account: AccountId,
        id: SourceId,
        mut change: Change<'_, Source>,
    ) -> Result<Option<Source>, Error> {
        let _one_after_the_other = self.changes.lock().await;
        let Some(mut source) = self.source(account, id).await? else { return Ok(None) };
        if change(&mut source) == Decision::Keep {
            let source = source.clone();
            self.engine
                .commit(move |group| {
                    group
                        .batch
                        .put_record(key::source(source.id), &record::encode_source(&source))?;
                    group.shared.contents.memory_mut().sources.insert(source.id, source);
                    Ok(())
                })
                .await?;
        }
        Ok(Some(source))
    }

    async fn remove_source(&self, account: AccountId, id: SourceId) -> Result<bool, Error> {
        let _one_after_the_other = self.changes.lock().await;
        self.engine
            .commit(move |group| {
                let mut memory = group.shared.contents.memory_mut();
                if memory.sources.get(&id).is_none_or(|source| source.account != account) {
                    return Ok(false);
                }
                group.batch.delete_record(key::source(id))?;
                memory.sources.remove(&id);
                Ok(true)
            })
            .await
    }

    async fn configuration(&self, account: AccountId) -> Result<Option<Configuration>, Error> {
        Ok(self.configuration_of(account))
    }

    async fn change_configuration(
        &self,
        account: AccountId,
        change: ConfigurationChange<'_>,
    ) -> Result<Configured, Error> {
        self.commit_configuration(account, change).await
    }

    async fn webhooks(&self, scope: &WebhookScope) -> Result<Arc<[Webhook]>, Error> {
        Ok(self.memory().webhooks(scope))
    }

    async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Option<Webhook>, Error> {
        Ok(self.memory().webhook(account, id).cloned())
    }

    async fn change_webhooks(
        &self,
        scope: &WebhookScope,
        mut change: Change<'_, Vec<Webhook>>,
    ) -> Result<Decision, Error> {
        let _one_after_the_other = self.changes.lock().await;
        let mut webhooks = self.memory().webhooks(scope).to_vec();
        if change(&mut webhooks) == Decision::Discard {
            return Ok(Decision::Discard);
        }
        if let Some(foreign) = webhooks.iter().find(|webhook| webhook.scope != *scope) {
            return Err(Error::new(format!("webhook {} is of another scope", foreign.id)));
        }
        let scope = scope.clone();
        self.engine.commit(move |group| put_webhooks(group, scope, webhooks)).await?
    }

    async fn endpoints(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
        page: &Page<EndpointId>,
    ) -> Result<Listing<Endpoint, EndpointId>, Error> {
        Ok(self.endpoints_of(account, domain, page))
    }

    async fn endpoint(
        &self,
        account: AccountId,
        id: EndpointId,
    ) -> Result<Option<Endpoint>, Error> {
        Ok(self.endpoint_of(account, id))
    }

    async fn change_endpoint(
        &self,
        account: AccountId,
        id: EndpointId,
        change: Change<'_, EndpointLimits>,
    ) -> Result<Option<Endpoint>, Error> {
        self.commit_limits(account, id, change).await
    }
}

impl Embedded {
    /// The sources that feed a domain alone or, without one, all of an account's.
    fn sources_of(&self, account: AccountId, domain: Option<&DomainName>) -> Vec<Source> {
        let memory = self.memory();
        let asked = |source: &&Source| {
            source.account == account && (domain.is_none() || source.domain.as_ref() == domain)
        };
        let mut sources: Vec<_> = memory.sources.values().filter(asked).cloned().collect();
        sources.sort_by_key(|source| (source.created_at, source.id));
        sources
    }

    /// The domain's own webhooks, if one is given, and its account's.
    pub(super) fn subscribers_of(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Arc<[Webhook]> {
        let known = self.memory().known_subscribers(account, domain);
        known.unwrap_or_else(|| {
            self.engine.shared.contents.memory_mut().make_subscribers(account, domain)
        })
    }
}

fn put_webhooks(
    group: &mut Group<'_>,
    scope: WebhookScope,
    webhooks: Vec<Webhook>,
) -> Result<Decided<Decision>, Error> {
    let mut memory = group.shared.contents.memory_mut();
    let elsewhere =
        |webhook: &&Webhook| memory.scope_of(webhook.id).is_some_and(|holder| *holder != scope);
    if let Some(foreign) = webhooks.iter().find(elsewhere) {
        let message = format!("webhook {} is of another scope", foreign.id);
        return Ok(Err(Error { taken: true, ..Error::new(message) }));
    }
    let before = memory.webhooks(&scope);
    stats::forget(group, &before, &webhooks);
    endpoints::follow(group, &before, &webhooks)?;
    let row = key::webhooks(&scope);
    if webhooks.is_empty() {
        group.batch.delete_record(row)?;
    } else {
        group.batch.put_record(row, &record::encode_webhooks(&webhooks))?;
    }
    memory.set_webhooks(scope, webhooks.into());
    memory.endpoints_mut().forget_unreached();
    Ok(Ok(Decision::Keep))
}

fn remove_domain(
    group: &mut Group<'_>,
    account: AccountId,
    name: &DomainName,
) -> Result<bool, Error> {
    let mut memory = group.shared.contents.memory_mut();
    if memory.domains.get(name).is_none_or(|domain| domain.account != account) {
        return Ok(false);
    }
    let feeds =
        |source: &&Source| source.account == account && source.domain.as_ref() == Some(name);
    let sources: Vec<_> = memory.sources.values().filter(feeds).map(|s| s.id).collect();
    let scopes = memory.scopes(account, Some(name));
    group.batch.delete_record(key::domain(name))?;
    for id in &sources {
        group.batch.delete_record(key::source(*id))?;
    }
    for scope in &scopes {
        stats::forget(group, &memory.webhooks(scope), &[]);
        endpoints::follow(group, &memory.webhooks(scope), &[])?;
        group.batch.delete_record(key::webhooks(scope))?;
    }
    // Nothing can fail from here on: memory changes with the batch or not at all.
    memory.domains.remove(name);
    for id in sources {
        memory.sources.remove(&id);
    }
    for scope in scopes {
        memory.set_webhooks(scope, [].into());
    }
    memory.endpoints_mut().forget_unreached();
    Ok(true)
}
