//! The directory: accounts, keys, domains, sources, webhooks and endpoints.
//!
//! Small, asked for by nearly every request, and changed through `change_…` calls alone: each
//! reads, changes and writes in one commit, one after the other, so that nobody above holds a lock.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Configuration, ConfigurationChange, Configured, Error, Listing, Page};
use crate::model::{
    Account, AccountId, Domain, DomainName, Endpoint, EndpointId, EndpointLimits, Key, KeyHash,
    KeyId, Source, SourceId, Webhook, WebhookId, WebhookScope,
};

/// A change to one stored value: gets it as it stands and leaves it as it shall be. It may run more
/// than once, so it must depend on nothing but its argument.
pub type Change<'a, T> = Box<dyn FnMut(&mut T) -> Decision + Send + 'a>;

/// The decision of a [`Change`] about what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Store it as it was left.
    Keep,
    /// Leave everything as it was.
    Discard,
}

/// The result of adding something that must be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// Added, and durable.
    Added,
    /// Something else stands there.
    Taken,
}

/// Everything that an account's owner configures.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// Creates an account, and its first key with it if one is given.
    async fn create_account(&self, account: Account, key: Option<Key>) -> Result<(), Error>;
    /// Every account, oldest first.
    async fn accounts(&self) -> Result<Vec<Account>, Error>;
    /// One account.
    async fn account(&self, id: AccountId) -> Result<Option<Account>, Error>;
    /// Changes an account, its signing key for one: every attempt made from now on is signed with
    /// the key that it leaves. `None` if there is no such account, and what came of it if there is.
    async fn change_account(
        &self,
        id: AccountId,
        change: Change<'_, Account>,
    ) -> Result<Option<Account>, Error>;
    /// Adds a key; `Taken` if another key has this hash.
    async fn add_key(&self, key: Key) -> Result<Added, Error>;
    /// The key with this hash, whoever's it is: this is how a request finds its account.
    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<Key>, Error>;
    /// An account's keys, oldest first.
    async fn keys(&self, account: AccountId) -> Result<Vec<Key>, Error>;
    /// Removes a key; it opens nothing from now on. `false` if there is none.
    async fn remove_key(&self, account: AccountId, id: KeyId) -> Result<bool, Error>;
    /// Creates a domain; `Taken` if any account has it.
    async fn create_domain(&self, domain: Domain) -> Result<Added, Error>;
    /// One domain.
    async fn domain(&self, account: AccountId, name: &DomainName) -> Result<Option<Domain>, Error>;
    /// An account's domains, newest first.
    async fn domains(&self, account: AccountId) -> Result<Vec<Domain>, Error>;
    /// Changes a domain. `None` if the account has no such domain, and what came of it if it has.
    async fn change_domain(
        &self,
        account: AccountId,
        name: &DomainName,
        change: Change<'_, Domain>,
    ) -> Result<Option<Domain>, Error>;
    /// Removes a domain with its webhooks and the sources that feed it alone, in one commit.
    /// Deliveries that still wait are cancelled when they come due. `false` if there is no such
    /// domain.
    async fn remove_domain(&self, account: AccountId, name: &DomainName) -> Result<bool, Error>;
    /// Adds a source; an error if there is one with its id, whoever's that is.
    async fn add_source(&self, source: Source) -> Result<(), Error>;
    /// One source of an account's.
    async fn source(&self, account: AccountId, id: SourceId) -> Result<Option<Source>, Error>;
    /// The sources that feed one domain alone or, without one, every source of the account; oldest
    /// first.
    async fn sources(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
    ) -> Result<Vec<Source>, Error>;
    /// Changes a source. `None` if the account has none with this id, and what came of it if it
    /// has.
    async fn change_source(
        &self,
        account: AccountId,
        id: SourceId,
        change: Change<'_, Source>,
    ) -> Result<Option<Source>, Error>;
    /// Removes a source; `false` if the account has none with this id.
    async fn remove_source(&self, account: AccountId, id: SourceId) -> Result<bool, Error>;
    /// An account's configuration as it stood at one moment; `None` if there is no such account.
    async fn configuration(&self, account: AccountId) -> Result<Option<Configuration>, Error>;
    /// Runs `change` on an account's configuration and stores what it leaves, in one commit; reads
    /// that begin after this returns see all of it, and no other change comes in between. A domain
    /// or an id that another account has is told whatever the decision is, and nothing changes.
    async fn change_configuration(
        &self,
        account: AccountId,
        change: ConfigurationChange<'_>,
    ) -> Result<Configured, Error>;
    /// The webhooks of a scope, in order.
    async fn webhooks(&self, scope: &WebhookScope) -> Result<Arc<[Webhook]>, Error>;
    /// One webhook, whatever its scope.
    async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Option<Webhook>, Error>;
    /// Runs `change` on the webhooks of a scope and stores what it leaves, in one commit. Changes
    /// of one scope run one after the other. Every read that begins after this returns sees it. An
    /// id that a webhook of another scope has, whoever's that is, is an error that
    /// [says so](Error::is_taken), and nothing changes.
    async fn change_webhooks(
        &self,
        scope: &WebhookScope,
        change: Change<'_, Vec<Webhook>>,
    ) -> Result<Decision, Error>;
    /// An account's endpoints, or those that a domain's webhooks lead to, by id.
    async fn endpoints(
        &self,
        account: AccountId,
        domain: Option<&DomainName>,
        page: &Page<EndpointId>,
    ) -> Result<Listing<Endpoint, EndpointId>, Error>;
    /// One endpoint of an account's.
    async fn endpoint(&self, account: AccountId, id: EndpointId)
    -> Result<Option<Endpoint>, Error>;
    /// Changes an endpoint's limits. From the moment this returns no claim is made beyond them, and
    /// the worker has been told. `None` if the account has no such endpoint, and what came of it if
    /// it has.
    async fn change_endpoint(
        &self,
        account: AccountId,
        id: EndpointId,
        change: Change<'_, EndpointLimits>,
    ) -> Result<Option<Endpoint>, Error>;
}
