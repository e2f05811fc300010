//! The webhooks of a source, whichever way its provider keeps them.

use super::Move;
use crate::behaviour::Behaviour;
use crate::migrate::{Row, RowState, State};

/// A webhook of the source, whichever way its provider keeps it.
#[derive(Debug, Clone)]
pub(super) struct SourceWebhook {
    /// The name it has there: an id, or Mailgun's level.
    pub(super) source: String,
    pub(super) url: String,
    pub(super) names: Vec<String>,
    pub(super) state: RowState,
    pub(super) description: Option<String>,
    pub(super) has_history: bool,
    /// The row whose secret it has, where the secret is at hand.
    pub(super) secret_of: Option<String>,
}

/// The webhooks of the source. Mailgun's are turned from event name → URLs to URL → event names;
/// a URL on both of its levels is called once, so it is one webhook, unless it goes to Mailgun
/// again, which has both levels too.
pub(super) fn of(wanted: &Move, from: &State) -> Vec<SourceWebhook> {
    let mut webhooks: Vec<SourceWebhook> = Vec::new();
    let mut add =
        |source: &str, url: &str, name: &str| match webhooks.iter_mut().find(|h| h.url == url) {
            Some(webhook) if webhook.names.iter().any(|known| known == name) => {}
            Some(webhook) => webhook.names.push(name.to_owned()),
            None => webhooks.push(SourceWebhook {
                source: source.to_owned(),
                url: url.to_owned(),
                names: vec![name.to_owned()],
                state: RowState::Active,
                description: None,
                has_history: false,
                secret_of: None,
            }),
        };
    for list in &from.lists {
        for url in &list.urls {
            add("domain", url, &list.event);
        }
    }
    let has_lists = |dialect| Behaviour::of(dialect).has_lists();
    let leaves_lists = has_lists(wanted.from_dialect) && !has_lists(wanted.to_dialect);
    if leaves_lists {
        for row in from.rows.iter().filter(|row| row.state == RowState::Active) {
            for name in &row.events {
                add("account", &row.url, name);
            }
        }
        for webhook in &mut webhooks {
            let is_its = |row: &&Row| row.url == webhook.url && row.state == RowState::Active;
            let labels = from.rows.iter().filter(is_its);
            let labels: Vec<&str> = labels.filter_map(|row| row.description.as_deref()).collect();
            webhook.description = Some(labels.join("; ")).filter(|text| !text.is_empty());
        }
    }
    // What a file says to be switched off goes by itself, and stays so.
    let is_pivoted = |row: &&Row| leaves_lists && row.state == RowState::Active;
    webhooks.extend(from.rows.iter().filter(|row| !is_pivoted(row)).map(|row| SourceWebhook {
        source: row.id.clone(),
        url: row.url.clone(),
        names: row.events.clone(),
        state: row.state,
        description: row.description.clone().filter(|text| !text.is_empty()),
        has_history: row.has_history,
        secret_of: row.secret.is_some().then(|| row.id.clone()),
    }));
    webhooks
}
