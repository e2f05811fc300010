//! The lists of a Mailgun domain: their URLs make way for the one of a source, which serves the
//! domain's subscriptions.

use waypost_compat::{Dialect, kind};

use super::Draft;
use crate::migrate::gateway::KnownSource;
use crate::migrate::plan::names::{RETIRED, carried, impossible, is_retired};
use crate::migrate::plan::{Action, End, INGEST, Item, NewWebhook, Step};
use crate::migrate::{List, Row, State};

impl Draft<'_> {
    /// Leads the lists of a domain through the gateway.
    pub(super) fn domain(&mut self, name: &str, state: &State) {
        let ingest = self.domain_source(name);
        let lists = state.lists.iter().filter(|list| list.domain == name);
        let mut is_led = false;
        for list in lists {
            is_led |= self.list(list, &ingest, state);
        }
        if let Some(key) = ingest.strip_prefix(INGEST).filter(|_| is_led) {
            self.steps.sources.push(Step::AddSource {
                key: key.to_owned(),
                dialect: Dialect::Mailgun,
                domain: Some(name.to_owned()),
                serves: "domain".to_owned(),
                secret_of: None,
            });
        }
    }

    /// Leads one list through the gateway, if any of its URLs is to be, and says whether it did.
    fn list(&mut self, list: &List, ingest: &str, state: &State) -> bool {
        if is_retired(&list.event) {
            self.unled(list);
            return false;
        }
        let whole_account = self.wish.from.domain.is_none();
        let (mut kept, mut is_led, mut is_shared) = (Vec::new(), false, false);
        for url in &list.urls {
            let entry = owner(state, &list.event, url);
            is_shared |= entry.is_some();
            if self.is_ours(url) {
                self.list_item(list, url, Action::Keep);
                // A source for something else goes on being fed.
                kept.extend((url != ingest).then(|| url.clone()));
            } else if let Some(entry) = entry.filter(|_| !whole_account) {
                self.list_item(list, url, Action::Keep);
                self.owned(list, url, entry);
                kept.push(url.clone());
            } else {
                self.list_item(list, url, Action::Create);
                self.domain_webhook(list, url);
                is_led = true;
            }
        }
        if is_led {
            kept.push(ingest.to_owned());
            let step = Step::SetList {
                at: End::From,
                domain: list.domain.clone(),
                event: list.event.clone(),
                was: list.urls.clone(),
                becomes: kept,
            };
            match is_shared && whole_account {
                true => self.steps.shared.push(step),
                false => self.steps.lists.push(step),
            }
        }
        is_led
    }

    /// The ingest URL of the source that the gateway has for a domain's lists, or of one to be made.
    fn domain_source(&self, name: &str) -> String {
        let fits = |source: &&KnownSource| {
            source.domain.as_deref() == Some(name) && source.serves == "domain"
        };
        let known = self.gateway.sources.iter().find(fits);
        known.map_or_else(|| format!("{INGEST}{name}"), |source| source.ingest_url.clone())
    }

    /// Tells of a URL that is called through the account's entry, whatever the list says.
    fn owned(&mut self, list: &List, url: &str, entry: &Row) {
        self.remarks.push(format!(
            "{url} is called for {} through the account's entry {}, and stays as it is",
            list.event, entry.id
        ));
    }

    /// The subscription that stands for a URL, once: two of Mailgun's old names may mean the same.
    fn domain_webhook(&mut self, list: &List, url: &str) {
        let event = kind::canonical_mailgun(&list.event).unwrap_or(&list.event);
        let webhook = NewWebhook {
            dialect: Dialect::Mailgun,
            domain: Some(list.domain.clone()),
            url: url.to_owned(),
            events: vec![event.to_owned()],
            description: None,
            secret_of: None,
        };
        let there = self.gateway.webhooks.iter().any(|known| {
            known.domain == webhook.domain && known.url == url && known.events == webhook.events
        });
        let is_same = |step: &Step| matches!(step, Step::AddWebhook { webhook: other, .. } if *other == webhook);
        if !there && !self.steps.webhooks.iter().any(is_same) {
            let key = format!("{}/{event}/{}", list.domain, self.steps.webhooks.len());
            self.steps.webhooks.push(Step::AddWebhook { key, webhook });
        }
    }

    /// A list under a name that no gateway takes and that Mailgun does not call any more.
    fn unled(&mut self, list: &List) {
        for url in &list.urls {
            self.list_item(list, url, Action::Skip);
        }
    }

    fn list_item(&mut self, list: &List, url: &str, action: Action) {
        let line = match action {
            Action::Skip => impossible(&list.event, RETIRED.to_owned()),
            Action::Create | Action::Change | Action::Keep => carried(&list.event),
        };
        self.items.push(Item {
            action,
            url: url.to_owned(),
            source: format!("{} {}", list.domain, list.event),
            paused: false,
            events: vec![line],
            notes: Vec::new(),
        });
    }
}

/// The account's entry through which a URL is called for an event that a domain's list has too.
fn owner<'s>(state: &'s State, event: &str, url: &str) -> Option<&'s Row> {
    state.rows.iter().find(|row| row.url == url && row.events.iter().any(|name| name == event))
}
