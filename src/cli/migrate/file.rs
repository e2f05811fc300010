//! A source that is read from what `waypost export` wrote.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;
use waypost_compat::{Dialect, Secret};

use crate::behaviour::{Behaviour, Webhooks};
use crate::cli::Misuse;
use crate::migrate::{Error, List, Row, RowState, State};

/// The webhooks of a dialect in an exported file; Mailgun's of one domain. Those of a domain that
/// are switched off are rows: Mailgun's lists have no such state.
pub(super) fn read(file: &Path, dialect: Dialect, domain: Option<&str>) -> anyhow::Result<State> {
    let mut state = State::default();
    for item in &webhooks(file)? {
        let text = |field: &str| item.get(field).and_then(Value::as_str);
        let (of, own_domain) = (text("dialect"), text("domain"));
        let elsewhere = domain.is_some() && own_domain.is_some() && own_domain != domain;
        if of != Some(dialect.as_str()) || elsewhere {
            continue;
        }
        let row =
            row(item).ok_or_else(|| strange(file, "a webhook lacks an id, a URL or events"))?;
        match (Behaviour::of(dialect).webhooks, own_domain) {
            (Webhooks::Lists, Some(own)) if row.state == RowState::Active => {
                add(&mut state, own, row);
            }
            (Webhooks::Lists | Webhooks::Rows, _) => state.rows.push(row),
        }
    }
    Ok(state)
}

/// The domain that a file is read for: the one that was named, or the only one that has Mailgun
/// webhooks in it.
pub(super) fn domain(file: &Path, named: Option<String>) -> anyhow::Result<Option<String>> {
    if named.is_some() {
        return Ok(named);
    }
    let items = webhooks(file)?;
    let text = |item: &Value, field: &str| item.get(field)?.as_str().map(str::to_owned);
    let mailgun = Some(Dialect::Mailgun.as_str());
    let of_mailgun = items.iter().filter(|item| text(item, "dialect").as_deref() == mailgun);
    let domains: BTreeSet<String> = of_mailgun.filter_map(|item| text(item, "domain")).collect();
    if domains.len() < 2 {
        return Ok(domains.into_iter().next());
    }
    let several: Vec<String> = domains.into_iter().take(20).collect();
    Err(Misuse(format!(
        "expected --domain (or --from-domain): {} has Mailgun webhooks of several domains: {}",
        file.display(),
        several.join(", ")
    ))
    .into())
}

fn webhooks(file: &Path) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut whole: Value =
        serde_json::from_slice(&text).map_err(|error| strange(file, &error.to_string()))?;
    match whole.get_mut("webhooks").map(Value::take) {
        Some(Value::Array(webhooks)) => Ok(webhooks),
        _ => Err(strange(file, "it has no `webhooks`").into()),
    }
}

fn row(item: &Value) -> Option<Row> {
    let text = |field: &str| item.get(field).and_then(Value::as_str).map(str::to_owned);
    let events = item.get("events")?.as_array()?.iter();
    Some(Row {
        id: text("id")?,
        url: text("url")?,
        events: events.map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?,
        state: match text("state").as_deref() {
            Some("paused") => RowState::Paused,
            Some("disabled") => RowState::Disabled,
            _ => RowState::Active,
        },
        description: text("description"),
        has_history: false,
        secret: text("secret").map(Secret::new),
    })
}

/// Mailgun's rows of a domain are one for each name and URL; its API has lists.
fn add(state: &mut State, domain: &str, row: Row) {
    for event in row.events {
        match state.lists.iter_mut().find(|list| list.domain == domain && list.event == event) {
            Some(list) => list.urls.push(row.url.clone()),
            None => {
                let (domain, urls) = (domain.to_owned(), vec![row.url.clone()]);
                state.lists.push(List { domain, event, urls });
            }
        }
    }
}

fn strange(file: &Path, found: &str) -> Error {
    Error::misuse(format!(
        "{}: expected a file as `waypost export` writes it: {found}",
        file.display()
    ))
}
