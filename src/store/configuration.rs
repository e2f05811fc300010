//! An account's configuration as one value: read whole, changed whole.

use std::collections::BTreeMap;

use super::Decision;
use crate::model::{
    Account, AccountId, Domain, DomainName, Source, SourceId, Webhook, WebhookId, WebhookScope,
};

/// All that an account's owner configures, its keys aside.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// The account itself.
    pub account: Account,
    /// Its domains.
    pub domains: BTreeMap<DomainName, Domain>,
    /// Its sources.
    pub sources: BTreeMap<SourceId, Source>,
    /// Its webhooks, by scope, in order; no scope without any.
    pub webhooks: BTreeMap<WebhookScope, Vec<Webhook>>,
}

impl Configuration {
    /// Whether all of it belongs to one account, and every webhook stands in its own scope.
    pub(super) fn is_of(&self, account: AccountId) -> bool {
        let webhooks = self.webhooks.iter();
        self.account.id == account
            && self.domains.iter().all(|(name, d)| d.account == account && d.name == *name)
            && self.sources.iter().all(|(id, s)| s.account == account && s.id == *id)
            && webhooks.clone().all(|(scope, _)| scope.account == account)
            && webhooks.clone().all(|(scope, list)| list.iter().all(|w| w.scope == *scope))
    }
}

/// A change to an account's configuration: gets it as it stands and leaves it as it shall be. It
/// may run more than once, so it must depend on nothing but its argument.
pub type ConfigurationChange<'a> = Box<dyn FnMut(&mut Configuration) -> Decision + Send + 'a>;

/// What came of changing a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Configured {
    /// It is durable as it was left.
    Kept,
    /// It is as it was, as the change wished; nobody else has anything of what it was left with.
    Discarded,
    /// It is as it was, since another account has this.
    Taken(Holding),
}

/// Something that only one account can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// A domain.
    Domain(DomainName),
    /// A source's id.
    Source(SourceId),
    /// A webhook's id.
    Webhook(WebhookId),
}
