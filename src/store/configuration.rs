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
    /// The domains.
    pub domains: BTreeMap<DomainName, Domain>,
    /// The sources.
    pub sources: BTreeMap<SourceId, Source>,
    /// The webhooks, by scope, in order; no scope without any.
    pub webhooks: BTreeMap<WebhookScope, Vec<Webhook>>,
}

impl Configuration {
    /// Says whether all of it belongs to one account, and every webhook stands in its own scope.
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

/// The result of changing a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Configured {
    /// Durable as the change left it.
    Kept,
    /// As it was, since the change decided so; nobody else has anything that the change left in it.
    Discarded,
    /// As it was, since another account has this.
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
