//! The lists of a Mailgun domain: their URLs make way for the one of a source, which serves the
//! domain's subscriptions.

use waypost_compat::Dialect;

use super::guard::is_of_domain;
use super::{Draft, twice};
use crate::migrate::gateway::KnownSource;
use crate::migrate::plan::names::{impossible, unchanged, why_unled};
use crate::migrate::plan::{Action, End, INGEST, Item, NewWebhook, Step};
use crate::migrate::{List, Row, State};

impl Draft<'_> {
    /// Leads the lists of a domain through the gateway.
    pub(super) fn domain(&mut self, name: &str) {
        let ingest = self.domain_source(name);
        let lists = self.account.state.lists.iter().filter(|list| list.domain == name);
        let mut is_led = false;
        for list in lists {
            is_led |= self.list(list, &ingest);
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

    /// Leads one list through the gateway, if any of its URLs is to be, and says whether it leads
    /// to this source now.
    fn list(&mut self, list: &List, ingest: &str) -> bool {
        if let Some(why) = why_unled(Dialect::Mailgun, &list.event) {
            self.unled(list, &why);
            return false;
        }
        let (mut kept, mut made) = (Vec::new(), Vec::new());
        let (mut is_live, mut is_led, mut is_shared) = (false, false, false);
        for url in &list.urls {
            let entry = owner(&self.account.state, &list.event, url);
            if self.is_ours(url) {
                self.list_item(list, url, Action::Keep);
                kept.push(url.clone());
                is_live = true;
            } else if let Some(entry) = entry.filter(|row| !self.takes(row)) {
                self.list_item(list, url, Action::Keep);
                self.owned(list, url, entry);
                kept.push(url.clone());
            } else {
                is_shared |= entry.is_some();
                self.list_item(list, url, Action::Create);
                made.extend(self.domain_webhook(list, url));
                is_led = true;
            }
        }
        if !is_led {
            return false;
        }
        kept.extend((!is_live).then(|| ingest.to_owned()));
        if is_live && !made.is_empty() {
            self.remarks.push(twice(&format!("{}'s list for {}", list.domain, list.event)));
        } else {
            self.steps.webhooks.append(&mut made);
        }
        made.push(Step::SetList {
            at: End::From,
            domain: list.domain.clone(),
            event: list.event.clone(),
            was: list.urls.clone(),
            becomes: kept,
        });
        match is_shared {
            true => self.steps.shared.extend(made),
            false => self.steps.lists.extend(made),
        }
        !is_live
    }

    /// The ingest URL of the source that the gateway has for a domain's lists, or of one to be made.
    fn domain_source(&self, name: &str) -> String {
        let fits = |source: &&KnownSource| source.enabled && is_of_domain(source, name);
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

    /// The step that makes the subscription that stands for a URL, unless that is there.
    fn domain_webhook(&mut self, list: &List, url: &str) -> Option<Step> {
        let event = list.event.clone();
        let webhook = NewWebhook {
            dialect: Dialect::Mailgun,
            domain: Some(list.domain.clone()),
            url: url.to_owned(),
            events: vec![event.clone()],
            description: None,
            secret_of: None,
        };
        let there = self.gateway.webhooks.iter().any(|known| {
            known.domain == webhook.domain && known.url == url && known.events == webhook.events
        });
        if there {
            return None;
        }
        let key = format!("{}/{event}/{}", list.domain, self.made);
        self.made += 1;
        Some(Step::AddWebhook { key, webhook })
    }

    /// A list under a name that no gateway takes.
    fn unled(&mut self, list: &List, why: &str) {
        for url in &list.urls {
            self.list_item(list, url, Action::Skip);
            let lines = self.items.last_mut().map(|item| &mut item.events);
            for line in lines.into_iter().flatten() {
                *line = impossible(&list.event, why.to_owned());
            }
        }
    }

    fn list_item(&mut self, list: &List, url: &str, action: Action) {
        self.items.push(Item {
            action,
            url: url.to_owned(),
            source: format!("{} {}", list.domain, list.event),
            paused: false,
            events: vec![unchanged(&list.event)],
            notes: Vec::new(),
        });
    }
}

/// The account's entry through which a URL is called for an event that a domain's list has too.
fn owner<'s>(state: &'s State, event: &str, url: &str) -> Option<&'s Row> {
    state.rows.iter().find(|row| row.url == url && row.events.iter().any(|name| name == event))
}
