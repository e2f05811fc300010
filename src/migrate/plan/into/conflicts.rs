//! Conflicts: what a gateway has in the places that are taken over, beside what stands there. It
//! would be called too, or keep others from being called, or leave no room.

use std::collections::BTreeSet;

use waypost_compat::Dialect;

use super::Draft;
use crate::migrate::error::Error;
use crate::migrate::gateway::KnownWebhook;
use crate::migrate::plan::URLS_MAX;
use crate::migrate::state::same_set;
use crate::migrate::{List, Row, RowState, State};

impl Draft<'_> {
    /// Refuses where the gateway's webhooks are not what the account's places say.
    pub(super) fn check_conflicts(&mut self) -> Result<(), Error> {
        let state = &self.account.state;
        self.check_paused(state)?;
        let mut conflicts = Vec::new();
        for known in self.gateway.webhooks.iter().filter(|known| known.state == RowState::Active) {
            let why = match &known.domain {
                Some(domain) => self.conflict_in_domain(known, domain, state),
                None => self.conflict_in_account(known, state),
            };
            conflicts.extend(why.map(|why| describe(known, why)));
        }
        if conflicts.is_empty() {
            return self.check_room(state);
        }
        Err(Error::refused(format!(
            "the gateway has Mailgun webhooks that the account does not have in these places; \
             remove each there (DELETE /waypost/v1/webhooks/ID), or add it at Mailgun, then plan \
             again:\n  {}",
            conflicts.join("\n  ")
        )))
    }

    /// A subscription that is switched off here would swallow what its place brings.
    fn check_paused(&self, state: &State) -> Result<(), Error> {
        let off = self.gateway.webhooks.iter().find(|known| {
            known.state != RowState::Active
                && match &known.domain {
                    Some(_) => state.lists.iter().any(|list| is_on(list, known)),
                    None => state.rows.iter().any(|row| self.takes(row) && is_same(known, row)),
                }
        });
        let Some(known) = off else { return Ok(()) };
        Err(Error::refused(format!(
            "the gateway has a webhook that the account calls switched off: {}; remove it there \
             (DELETE /waypost/v1/webhooks/{}) so that it is made anew, or take it off at Mailgun, \
             then plan again",
            describe(known, "paused"),
            known.id
        )))
    }

    /// The reason for which a domain's webhook must not be fed by what is taken over.
    fn conflict_in_domain(
        &mut self,
        known: &KnownWebhook,
        domain: &str,
        state: &State,
    ) -> Option<&'static str> {
        if self.wanted.from.domain.as_deref().is_some_and(|only| only != domain) {
            return None;
        }
        let event = known.events.first()?;
        let of_event = |list: &&List| list.domain == domain && list.event == *event;
        let Some(list) = state.lists.iter().find(of_event) else {
            if self.account.domains.iter().any(|known| known.name == domain) {
                self.remarks.push(format!(
                    "nothing feeds a webhook of the gateway: {}",
                    describe(known, "Mailgun has no list for it")
                ));
            }
            return None;
        };
        let owner = state.rows.iter().find(|row| brings(row, event, &known.url));
        match owner {
            // What stood on a list that is led already is known here only.
            _ if list.urls.iter().any(|url| self.is_ours(url)) => None,
            _ if !list.urls.contains(&known.url) => Some("on no list there: it would be called"),
            Some(row) if !self.takes(row) => Some("called through an entry that stays: twice"),
            _ => None,
        }
    }

    /// The reason for which a webhook of the whole account must not stand beside what is taken
    /// over.
    fn conflict_in_account(&mut self, known: &KnownWebhook, state: &State) -> Option<&'static str> {
        if self.is_live() {
            return None;
        }
        let is_fed = |row: &Row| {
            let mut sources = self.gateway.sources.iter();
            sources.any(|source| source.ingest_url == row.url && source.serves == known.id)
        };
        let stands = |row: &Row| (self.takes(row) && is_same(known, row)) || is_fed(row);
        if state.rows.iter().any(stands) {
            return None;
        }
        // An entry here that nothing feeds keeps a list's URL uncalled.
        let mut lists = state.lists.iter();
        let hides = |list: &List| {
            list.urls.contains(&known.url)
                && known.events.contains(&list.event)
                && !state.rows.iter().any(|row| brings(row, &list.event, &known.url))
        };
        if lists.any(hides) {
            return Some("no entry there: a list's URL would not be called");
        }
        if self.wanted.from.domain.is_none() {
            self.is_beside_others = true;
            self.remarks.push(format!(
                "the gateway has a webhook for all domains that the account does not have: {}; \
                 each source of an entry goes on serving that entry alone, so this one is not \
                 called",
                describe(known, "no entry there")
            ));
        }
        None
    }

    /// Refuses a URL more than an event name takes, which would be refused halfway through.
    fn check_room<'s>(&'s self, state: &'s State) -> Result<(), Error> {
        for list in &state.lists {
            let (domain, event) = (Some(&list.domain), &list.event);
            let urls = list.urls.iter().filter(|url| !self.is_ours(url));
            self.check_fits((domain, event), urls.collect(), list.urls.len())?;
        }
        for event in Dialect::Mailgun.names().map(str::to_owned) {
            let rows = state.rows.iter().filter(|row| self.takes(row));
            let rows: Vec<&Row> = rows.filter(|row| row.events.contains(&event)).collect();
            let urls = rows.iter().map(|row| &row.url).filter(|url| !self.is_ours(url));
            self.check_fits((None, &event), urls.collect(), rows.len())?;
        }
        Ok(())
    }

    fn check_fits<'s>(
        &'s self,
        (domain, event): (Option<&String>, &String),
        mut urls: BTreeSet<&'s String>,
        allowed_there: usize,
    ) -> Result<(), Error> {
        if urls.is_empty() {
            return Ok(());
        }
        let here = self.gateway.webhooks.iter();
        let here = here.filter(|k| k.domain.as_ref() == domain && k.events.contains(event));
        urls.extend(here.map(|known| &known.url));
        // A source that took more than Mailgun does is a Waypost that was told to.
        if urls.len() <= URLS_MAX.max(allowed_there) {
            return Ok(());
        }
        let urls: Vec<&str> = urls.into_iter().map(String::as_str).collect();
        Err(Error::refused(format!(
            "{} would have {} URLs for {event} at the gateway, which takes {URLS_MAX}: {}; take \
             one away there or at Mailgun, then plan again",
            domain.map_or("the account", |name| name),
            urls.len(),
            urls.join(", ")
        )))
    }
}

fn describe(known: &KnownWebhook, why: &str) -> String {
    let of = known.domain.as_deref().unwrap_or("all domains");
    format!("{} {} for {} of {of} ({why})", known.id, known.url, known.events.join(","))
}

fn is_on(list: &List, known: &KnownWebhook) -> bool {
    known.domain.as_ref() == Some(&list.domain)
        && known.events.contains(&list.event)
        && list.urls.contains(&known.url)
}

fn is_same(known: &KnownWebhook, row: &Row) -> bool {
    known.domain.is_none() && known.url == row.url && same_set(&known.events, &row.events)
}

fn brings(row: &Row, event: &str, url: &str) -> bool {
    row.url == url && row.events.iter().any(|name| name == event)
}
