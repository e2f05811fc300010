//! Configuration in memory: every account, key, domain, source, webhook and endpoint.
//!
//! All of it is small and all of it is asked for by nearly every request, so it is read once when
//! the store opens (about 1 KB for a domain with a webhook) and changed along with each commit.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::endpoints::Endpoints;
use super::engine::{Db, Read, broken};
use super::key;
use crate::model::{
    Account, AccountId, Domain, DomainName, EndpointId, Key, KeyHash, Source, SourceId, Webhook,
    WebhookId, WebhookScope,
};
use crate::store::Error;
use crate::store::record;

/// Beyond so many domains the lists of subscribers are forgotten and made anew as needed.
const SUBSCRIBER_LISTS_MAX: usize = 10_000;

/// Every account, key, domain, source, webhook and endpoint.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) accounts: HashMap<AccountId, Account>,
    pub(super) keys: HashMap<KeyHash, Key>,
    pub(super) domains: HashMap<DomainName, Domain>,
    pub(super) sources: HashMap<SourceId, Source>,
    /// Ordered, so that the scopes of an account, and of a domain in it, are neighbours.
    webhooks: BTreeMap<WebhookScope, Arc<[Webhook]>>,
    scope_of: HashMap<WebhookId, WebhookScope>,
    subscribers: HashMap<(AccountId, Option<DomainName>), Arc<[Webhook]>>,
    endpoints: Endpoints,
}

impl Memory {
    /// Reads all configuration.
    pub(super) fn load(db: &Db) -> Result<Self, Error> {
        let mut memory = Self::default();
        for row in records(db, key::ACCOUNTS) {
            let account = record::decode_account(&row?.1)?;
            memory.accounts.insert(account.id, account);
        }
        for row in records(db, key::KEYS) {
            let (name, bytes) = row?;
            let hash = key::key_hash(&name).ok_or_else(|| broken("a key row's key"))?;
            memory.keys.insert(hash, record::decode_key(hash, &bytes)?);
        }
        for row in records(db, key::DOMAINS) {
            let domain = record::decode_domain(&row?.1)?;
            memory.domains.insert(domain.name.clone(), domain);
        }
        for row in records(db, key::SOURCES) {
            let source = record::decode_source(&row?.1)?;
            memory.sources.insert(source.id, source);
        }
        for row in records(db, key::WEBHOOKS) {
            let (name, bytes) = row?;
            let scope = key::webhook_scope(&name).ok_or_else(|| broken("a scope row's key"))?;
            let webhooks = record::decode_webhooks(&scope, &bytes)?;
            memory.set_webhooks(scope, webhooks.into());
        }
        for row in records(db, key::ENDPOINTS) {
            let (name, bytes) = row?;
            let id = key::last_id(&name).ok_or_else(|| broken("an endpoint row's key"))?;
            memory.endpoints.remember(EndpointId::from_bytes(id), record::decode_endpoint(&bytes)?);
        }
        Ok(memory)
    }

    /// The webhooks of a scope, in order.
    pub(super) fn webhooks(&self, scope: &WebhookScope) -> Arc<[Webhook]> {
        self.webhooks.get(scope).map_or_else(|| [].into(), Arc::clone)
    }

    /// Every scope of an account that has webhooks, with them.
    pub(super) fn webhooks_of(
        &self,
        account: AccountId,
    ) -> impl Iterator<Item = (&WebhookScope, &Arc<[Webhook]>)> {
        self.webhooks.iter().filter(move |(scope, _)| scope.account == account)
    }

    /// One webhook, whatever its scope.
    pub(super) fn webhook(&self, account: AccountId, id: WebhookId) -> Option<&Webhook> {
        let scope = self.scope_of.get(&id).filter(|scope| scope.account == account)?;
        self.webhooks.get(scope)?.iter().find(|webhook| webhook.id == id)
    }

    /// The scope of the webhook with this id.
    pub(super) fn scope_of(&self, id: WebhookId) -> Option<&WebhookScope> {
        self.scope_of.get(&id)
    }

    /// Every scope that belongs to a domain or, without one, to the whole account.
    pub(super) fn scopes(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Vec<WebhookScope> {
        use waypost_compat::Dialect;
        let scope = |dialect| WebhookScope { account, domain: domain.cloned(), dialect };
        let all = Dialect::ALL.into_iter().map(scope);
        all.filter(|scope| self.webhooks.contains_key(scope)).collect()
    }

    /// Replaces the webhooks of a scope.
    pub(super) fn set_webhooks(&mut self, scope: WebhookScope, webhooks: Arc<[Webhook]>) {
        match &scope.domain {
            Some(domain) => {
                self.subscribers.remove(&(scope.account, Some(domain.clone())));
            }
            None => self.subscribers.retain(|(account, _), _| *account != scope.account),
        }
        for gone in self.webhooks.get(&scope).into_iter().flat_map(|old| old.iter()) {
            self.scope_of.remove(&gone.id);
        }
        for webhook in webhooks.iter() {
            self.scope_of.insert(webhook.id, scope.clone());
        }
        let before = self.webhooks.get(&scope).map_or(&[][..], |before| before);
        self.endpoints.follow(before, &webhooks);
        if webhooks.is_empty() {
            self.webhooks.remove(&scope);
        } else {
            self.webhooks.insert(scope, webhooks);
        }
    }

    /// Every endpoint.
    pub(super) const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Every endpoint, to be changed.
    pub(super) const fn endpoints_mut(&mut self) -> &mut Endpoints {
        &mut self.endpoints
    }

    /// The list of a domain's subscribers, if it was made since it last changed.
    pub(super) fn known_subscribers(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Option<Arc<[Webhook]>> {
        self.subscribers.get(&(account, domain.cloned())).map(Arc::clone)
    }

    /// Makes the list of a domain's subscribers: its own, then its account's; without a domain,
    /// its account's alone.
    pub(super) fn make_subscribers(
        &mut self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Arc<[Webhook]> {
        let own = domain.map_or_else(Vec::new, |_| self.scopes(account, domain));
        let shared = self.scopes(account, None);
        let lists = own.iter().chain(&shared).filter_map(|scope| self.webhooks.get(scope));
        let list: Arc<[Webhook]> = lists.flat_map(|list| list.iter().cloned()).collect();
        if self.subscribers.len() >= SUBSCRIBER_LISTS_MAX {
            self.subscribers.clear();
        }
        self.subscribers.insert((account, domain.cloned()), Arc::clone(&list));
        list
    }
}

/// The records whose keys begin with `prefix`, whole.
fn records(db: &Db, prefix: &[u8]) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), Error>> {
    db.all(prefix).map(|row| {
        let (name, first) = row?;
        let record = db.record_of(&name, first)?;
        Ok((name, record))
    })
}
