//! The state of an account, as far as a migration is concerned: read from its API, kept in the
//! plan, compared when the plan is carried out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use waypost_compat::Secret;

use super::plan::RowFields;

/// The webhooks of one side.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Mailgun's domain webhooks: for each event name of a domain its URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<List>,
    /// Webhooks with an id: the four other providers', and the entries of a Mailgun account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    /// The reading of a Mailgun account's entries, which are among the rows.
    #[serde(default, skip_serializing_if = "Entries::are_read")]
    pub entries: Entries,
}

/// The result of reading the entries of a Mailgun account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entries {
    /// All of them.
    #[default]
    Read,
    /// The key does not open them.
    Closed,
    /// The server has no such API.
    NoSuchApi,
}

impl Entries {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "it is what serde calls")]
    const fn are_read(&self) -> bool {
        matches!(self, Self::Read)
    }
}

/// The URLs of one event name of one Mailgun domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// The domain.
    pub domain: String,
    /// The event name.
    pub event: String,
    /// The URLs, in order.
    pub urls: Vec<String>,
}

/// A webhook with an id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The provider's id of it.
    pub id: String,
    /// The URL that it posts to.
    pub url: String,
    /// Event names as the provider shows them.
    pub events: Vec<String>,
    /// The state.
    pub state: RowState,
    /// The label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// True for one with counters or a log, which cannot be taken along.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_history: bool,
    /// The secret, where the API shows it. Never written down.
    #[serde(skip)]
    pub secret: Option<Secret>,
}

/// The state of a row, in the words that all providers have between them (`spec/providers.md` §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowState {
    /// Receiving; a failing one too.
    Active,
    /// Switched off by its owner.
    Paused,
    /// Switched off for good by its provider.
    Disabled,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "it is what serde calls")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl State {
    /// The URLs of an event name; none where there is no such list.
    #[must_use]
    pub fn urls(&self, domain: &str, event: &str) -> &[String] {
        let mut lists = self.lists.iter();
        lists.find(|list| list.domain == domain && list.event == event).map_or(&[], |l| &l.urls)
    }

    /// Replaces the URLs of an event name.
    pub fn set_urls(&mut self, domain: &str, event: &str, urls: Vec<String>) {
        self.lists.retain(|list| list.domain != domain || list.event != event);
        if !urls.is_empty() {
            let (domain, event) = (domain.to_owned(), event.to_owned());
            self.lists.push(List { domain, event, urls });
        }
    }

    /// Changes the row with this id, if it is there.
    pub(super) fn set_row(&mut self, id: &str, fields: &RowFields) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.id == id) {
            row.url.clone_from(&fields.url);
            row.events.clone_from(&fields.events);
            row.state = if fields.enabled { RowState::Active } else { RowState::Paused };
        }
    }

    /// The row with this id.
    #[must_use]
    pub fn row(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// Lists what is otherwise in `found`, a line each, as `-` what was expected and `+` what is
    /// there. Labels that an API leaves out, counters and secrets are not compared.
    #[must_use]
    pub fn differences(&self, found: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut say = |sign: char, text: Option<String>| {
            lines.extend(text.map(|text| format!("{sign} {text}")));
        };
        let names = self.lists.iter().chain(&found.lists);
        let names: BTreeSet<_> = names.map(|list| (&*list.domain, &*list.event)).collect();
        for (domain, event) in names {
            let (was, is) = (self.urls(domain, event), found.urls(domain, event));
            if was != is {
                let list = |urls: &[String]| {
                    (!urls.is_empty()).then(|| format!("{domain} {event}: {}", urls.join(" ")))
                };
                say('-', list(was));
                say('+', list(is));
            }
        }
        let ids: BTreeSet<_> = self.rows.iter().chain(&found.rows).map(|row| &*row.id).collect();
        for id in ids {
            let (was, is) = (self.row(id), found.row(id));
            if was.zip(is).is_none_or(|(was, is)| !was.equals(is)) {
                say('-', was.map(Row::describe));
                say('+', is.map(Row::describe));
            }
        }
        lines
    }
}

impl Row {
    /// Tells whether this very row is among others: two keys that open one account both list it.
    #[must_use]
    pub fn is_among(&self, others: &[Self]) -> bool {
        others.iter().any(|other| other.id == self.id && other.url == self.url)
    }

    /// Tells whether two readings of a row say the same, the order of its events aside.
    fn equals(&self, other: &Self) -> bool {
        self.url == other.url && self.state == other.state && same_set(&self.events, &other.events)
    }

    fn describe(&self) -> String {
        let state = match self.state {
            RowState::Active => "",
            RowState::Paused => " (paused)",
            RowState::Disabled => " (disabled)",
        };
        format!("{} {} for {}{state}", self.id, self.url, self.events.join(","))
    }
}

/// Tells whether two lists of names hold the same names.
pub(super) fn same_set(a: &[String], b: &[String]) -> bool {
    a.iter().collect::<BTreeSet<_>>() == b.iter().collect::<BTreeSet<_>>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, url: &str, events: &[&str]) -> Row {
        Row {
            id: id.to_owned(),
            url: url.to_owned(),
            events: events.iter().map(|&name| name.to_owned()).collect(),
            state: RowState::Active,
            description: None,
            has_history: false,
            secret: Some(Secret::new("whsec_hidden")),
        }
    }

    #[test]
    fn differences_are_told_as_a_diff_and_never_with_a_secret() {
        let mut was =
            State { rows: vec![row("a", "https://x/", &["open", "click"])], ..State::default() };
        was.set_urls("d.io", "opened", vec!["https://x/".to_owned()]);
        let mut is = was.clone();
        assert!(was.differences(&is).is_empty());
        is.rows[0].events.reverse();
        assert!(was.differences(&is).is_empty(), "the order of events says nothing");
        is.rows[0].state = RowState::Paused;
        is.set_urls("d.io", "opened", vec!["https://y/".to_owned()]);
        is.rows.push(row("b", "https://z/", &["open"]));
        let told = was.differences(&is).join("\n");
        let expected = "- d.io opened: https://x/\n+ d.io opened: https://y/\n\
                        - a https://x/ for open,click\n+ a https://x/ for click,open (paused)\n\
                        + b https://z/ for open";
        assert_eq!(told, expected);
        assert!(!serde_json::to_string(&is).unwrap().contains("hidden"));
    }
}
