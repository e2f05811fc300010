//! The coverage by a target's rows that are there already, so that no receiver is called more often
//! than one of the two sides called it.

use std::collections::BTreeSet;

use super::names::EVERY_EVENT;
use super::{End, RowFields, Step};
use crate::migrate::state::same_set;
use crate::migrate::{Row, RowState};

/// The rows of a target as they will be, and which of their names stand for a webhook of the
/// source: each name of a row stands for one.
pub(super) struct Coverage {
    rows: Vec<Row>,
    used: BTreeSet<(String, String)>,
}

impl Coverage {
    pub(super) const fn of(rows: Vec<Row>) -> Self {
        Self { rows, used: BTreeSet::new() }
    }

    /// Uses a row that is just so, and says whether there is one.
    pub(super) fn use_same(&mut self, url: &str, events: &[String], state: RowState) -> bool {
        let is_on = state == RowState::Active;
        let same = self.rows.iter().find(|row| {
            row.url == url
                && (row.state == RowState::Active) == is_on
                && same_set(&row.events, events)
                && row.events.iter().all(|name| self.is_free(row, name))
        });
        let Some(row) = same else { return false };
        self.used.extend(row.events.iter().map(|name| (row.id.clone(), name.clone())));
        true
    }

    /// Uses the names that active rows of a URL bring, and returns those that none brings.
    pub(super) fn use_names(&mut self, url: &str, events: &[String]) -> Vec<String> {
        let mut missing = Vec::new();
        for name in events {
            let mut rows = self.rows.iter().filter(|row| is_on(row, url));
            match rows.find(|row| brings(row, name) && self.is_free(row, name)) {
                Some(row) => {
                    self.used.insert((row.id.clone(), name.clone()));
                }
                None => missing.push(name.clone()),
            }
        }
        missing
    }

    /// Adds names to an active row of a URL that has none of them; `None` where there is no such
    /// row.
    pub(super) fn grow(&mut self, url: &str, names: &[String]) -> Option<Step> {
        let has_none = |row: &&mut Row| names.iter().all(|name| !brings(row, name));
        let mut rows = self.rows.iter_mut().filter(|row| is_on(row, url));
        let row = rows.find(has_none)?;
        let was = RowFields::of(row);
        // Beside "every event" no other name may stand.
        let all = names.iter().any(|name| name == EVERY_EVENT);
        let kept = was.events.iter().filter(|_| !all).cloned();
        row.events = kept.chain(names.iter().cloned()).collect();
        self.used.extend(names.iter().map(|name| (row.id.clone(), name.clone())));
        let becomes = RowFields::of(row);
        Some(Step::ChangeRow { at: End::To, id: row.id.clone(), was, becomes })
    }

    /// The URLs of the rows that bring a name.
    pub(super) fn urls(&self, name: &str) -> BTreeSet<&str> {
        let bring = self.rows.iter().filter(|row| brings(row, name));
        bring.map(|row| &*row.url).collect()
    }

    fn is_free(&self, row: &Row, name: &str) -> bool {
        !self.used.contains(&(row.id.clone(), name.to_owned()))
    }
}

fn is_on(row: &Row, url: &str) -> bool {
    row.url == url && row.state == RowState::Active
}

fn brings(row: &Row, name: &str) -> bool {
    row.events == [EVERY_EVENT] || row.events.iter().any(|known| known == name)
}
