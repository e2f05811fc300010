//! Mailgun's API as a migration uses it: domains, their lists, the account's entries, the signing
//! key (`spec/mailgun-api.md` §1, §3).

use std::collections::HashSet;

use http::Method;
use serde_json::{Map, Value, json};
use waypost_compat::{Secret, mailgun};

use super::{Created, Repeat, Server};
use crate::client::api::{Payload, path};
use crate::migrate::error::{Error, ErrorKind};
use crate::migrate::plan::{NewRow, RowFields};
use crate::migrate::progress::Progress;
use crate::migrate::{Entries, List, Row, RowState, State};

/// The number of domains that are asked for at a time.
const PAGE: usize = 100;

/// The most names that a message lists.
const NAMES_SHOWN: usize = 20;

/// The fields of a domain that can be set when it is made.
const SETTINGS: [&str; 9] = [
    "encrypt_incoming_message",
    "message_ttl",
    "require_tls",
    "skip_verification",
    "spam_action",
    "use_automatic_sender_security",
    "web_prefix",
    "web_scheme",
    "wildcard",
];

/// The two lists of DNS records that a domain reports.
const RECORDS: [&str; 2] = ["receiving_dns_records", "sending_dns_records"];

/// A whole Mailgun account, as far as it can be taken over.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The domains.
    pub domains: Vec<MailgunDomain>,
    /// The webhooks, of both levels.
    pub state: State,
}

/// One of its domains.
#[derive(Debug, Clone)]
pub struct MailgunDomain {
    /// The name.
    pub name: String,
    /// Settings that it can be given when it is made elsewhere.
    pub settings: Map<String, Value>,
    /// The DNS records, as reported.
    pub records: Map<String, Value>,
}

/// The names of all domains, a page at a time.
pub(in crate::migrate) async fn domains(
    server: &Server,
    progress: &mut dyn Progress,
) -> Result<Vec<String>, Error> {
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    loop {
        let page = format!("/v4/domains?limit={PAGE}&skip={}", names.len());
        let answer = server.get(&page, progress).await?;
        let items = answer.get("items").and_then(Value::as_array);
        let items = items.ok_or_else(|| server.unexpected("a list of domains"))?;
        let found = items.iter().filter_map(|item| item.get("name")?.as_str());
        let new: Vec<_> = found.filter(|name| !seen.contains(*name)).map(str::to_owned).collect();
        seen.extend(new.iter().cloned());
        // A server that knows no pages would send the same one for ever.
        let is_last = items.len() < PAGE || new.is_empty();
        names.extend(new);
        if is_last {
            return Ok(names);
        }
    }
}

/// The lists of some domains and the entries of the account.
pub(super) async fn read(
    server: &Server,
    wanted: &[String],
    progress: &mut dyn Progress,
) -> Result<State, Error> {
    let (rows, entries) = entries(server, progress).await?;
    let mut state = State { rows, entries, ..State::default() };
    for domain in wanted {
        match lists(server, domain, progress).await {
            Ok(lists) => state.lists.extend(lists),
            Err(error) if error.kind == ErrorKind::NotFound => {
                let known = domains(server, progress).await?;
                return Err(no_such_domain(server.flag, domain, &known));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(state)
}

/// A domain that the account does not have, and those it has: the nearest name first.
fn no_such_domain(flag: &str, domain: &str, known: &[String]) -> Error {
    let near = known
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, domain).total_cmp(&strsim::jaro_winkler(b, domain)));
    let text = match near {
        None => format!(
            "the Mailgun account has no domain {domain}, nor any other; check --{flag}-key, and \
             --{flag}-url for its region"
        ),
        Some(near) => format!(
            "the Mailgun account has no domain {domain}; did you mean {near}? Say which with \
             --{flag}-domain (or --domain); it has {}",
            some_of(known)
        ),
    };
    Error::new(ErrorKind::NotFound, text)
}

/// The first of some names, and how many more there are.
#[must_use]
pub fn some_of(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

async fn lists(
    server: &Server,
    domain: &str,
    progress: &mut dyn Progress,
) -> Result<Vec<List>, Error> {
    let answer = server.get(&path(&["v3", "domains", domain, "webhooks"]), progress).await?;
    let all = answer.get("webhooks").and_then(Value::as_object);
    let all = all.ok_or_else(|| server.unexpected("the webhooks of a domain"))?;
    let mut lists: Vec<List> = Vec::new();
    for (name, value) in all {
        // Lists from before 2018 have one `url`; both shapes have stood side by side.
        let one = value.get("url").and_then(Value::as_str);
        let several = value.get("urls").and_then(Value::as_array);
        let several = several.into_iter().flatten().filter_map(Value::as_str);
        let mut urls: Vec<String> = Vec::new();
        for url in one.into_iter().chain(several) {
            if urls.iter().all(|known| known != url) {
                urls.push(url.to_owned());
            }
        }
        if !urls.is_empty() {
            lists.push(List { domain: domain.to_owned(), event: name.clone(), urls });
        }
    }
    let order = |list: &List| {
        let name = mailgun::canonical(&list.event).unwrap_or(&list.event);
        waypost_compat::Dialect::Mailgun.names().iter().position(|known| *known == name)
    };
    lists.sort_by_key(|list| order(list).unwrap_or(usize::MAX));
    Ok(lists)
}

/// The account's entries. A key that is bound to a domain does not open them, and another server
/// than Mailgun's may know nothing of them: the plan says which, and what follows.
async fn entries(
    server: &Server,
    progress: &mut dyn Progress,
) -> Result<(Vec<Row>, Entries), Error> {
    let answer = match server.get("/v1/webhooks", progress).await {
        Ok(answer) => answer,
        Err(error) if error.kind == ErrorKind::NotFound => {
            return Ok((Vec::new(), Entries::NoSuchApi));
        }
        Err(error) if error.to_string().contains("(403)") => {
            return Ok((Vec::new(), Entries::Closed));
        }
        Err(error) => return Err(error),
    };
    let items = answer.get("webhooks").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut rows: Vec<(Option<String>, Row)> = Vec::new();
    for item in &items {
        let text = |field: &str| item.get(field)?.as_str().map(str::to_owned);
        let events = item.get("event_types").and_then(Value::as_array);
        let events = events.map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned));
        let (Some(id), Some(url), Some(events)) = (text("webhook_id"), text("url"), events) else {
            return Err(server.unexpected("an id, a URL and event types of each account webhook"));
        };
        let row = Row {
            id,
            url,
            events: events.collect(),
            state: RowState::Active,
            description: text("description"),
            has_history: false,
            secret: None,
        };
        rows.push((text("created_at"), row));
    }
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok((rows.into_iter().map(|(_, row)| row).collect(), Entries::Read))
}

/// A whole account, or one domain of it without the account's entries.
pub(super) async fn read_account(
    server: &Server,
    only: Option<&str>,
    progress: &mut dyn Progress,
) -> Result<Account, Error> {
    let known = domains(server, progress).await?;
    let names = match only {
        None => known,
        Some(name) if known.iter().any(|other| other == name) => vec![name.to_owned()],
        Some(name) => return Err(no_such_domain(server.flag, name, &known)),
    };
    let mut account = Account::default();
    for name in &names {
        account.domains.push(domain(server, name, progress).await?);
    }
    // Entries are read for one domain too: a URL on both levels is called through the entry.
    account.state = read(server, &names, progress).await?;
    Ok(account)
}

async fn domain(
    server: &Server,
    name: &str,
    progress: &mut dyn Progress,
) -> Result<MailgunDomain, Error> {
    let answer = server.get(&path(&["v4", "domains", name]), progress).await?;
    let shown = answer.get("domain").and_then(Value::as_object);
    let shown = shown.ok_or_else(|| server.unexpected("a domain"))?;
    let picked = |from: &Map<String, Value>, names: &[&str]| {
        let found = names.iter().filter_map(|name| Some(((*name).to_owned(), from.get(*name)?)));
        let set = found.filter(|(_, value)| !value.is_null());
        set.map(|(name, value)| (name, value.clone())).collect()
    };
    let records = answer.as_object().map(|all| picked(all, &RECORDS)).unwrap_or_default();
    Ok(MailgunDomain { name: name.to_owned(), settings: picked(shown, &SETTINGS), records })
}

/// The key that signs the account's webhooks; `None` where its API does not say.
pub(super) async fn signing_key(
    server: &Server,
    progress: &mut dyn Progress,
) -> Result<Option<Secret>, Error> {
    match server.get("/v5/accounts/http_signing_key", progress).await {
        Ok(answer) => {
            let key = answer.get("http_signing_key").and_then(Value::as_str);
            Ok(key.filter(|key| !key.is_empty()).map(Secret::new))
        }
        // 400 `could not get HSK for account`, 403 and 404 for keys and accounts without it.
        Err(error) if matches!(error.kind, ErrorKind::Refused | ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a list in one call, so that at no moment both or neither of two URLs get an event.
pub(super) async fn set_list(
    server: &Server,
    (domain, event): (&str, &str),
    (was, urls): (&[String], &[String]),
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let all = path(&["v3", "domains", domain, "webhooks"]);
    let one = path(&["v3", "domains", domain, "webhooks", event]);
    let mut form: Vec<(&str, &str)> = urls.iter().map(|url| ("url", url.as_str())).collect();
    let put = |form: &[(&str, &str)]| serde_urlencoded::to_string(form).unwrap_or_default();
    if urls.is_empty() {
        let call = (Method::DELETE, &*one, Payload::None);
        return match server.call(call, Repeat::Always, progress).await {
            // A try whose answer got lost has done it.
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map(|_| ()),
        };
    }
    let typed = "application/x-www-form-urlencoded";
    let body = Payload::Typed(typed, put(&form).into());
    if was.is_empty() {
        form.push(("id", event));
        let body = Payload::Typed(typed, put(&form).into());
        let made = server.call((Method::POST, &all, body), Repeat::Always, progress).await;
        match made {
            // A try whose answer got lost has made it: it is there with other words than ours.
            Err(error) if error.to_string().contains("already exists") => {}
            other => return other.map(|_| ()),
        }
    }
    server.call((Method::PUT, &one, body), Repeat::Always, progress).await.map(|_| ())
}

/// Makes an entry of the account.
pub(super) async fn create_entry(
    server: &Server,
    row: &NewRow,
    progress: &mut dyn Progress,
) -> Result<Created, Error> {
    let form = entry(&row.url, &row.events, row.description.as_deref());
    let body = Payload::Form(&form);
    let call = (Method::POST, "/v1/webhooks", body);
    let answer = server.call(call, Repeat::OnlyIfNotDone, progress).await?;
    let id = answer.get("webhook_id").and_then(Value::as_str);
    let id = id.ok_or_else(|| server.unexpected("the id of the webhook that it made"))?;
    Ok(Created { id: id.to_owned(), secret: None })
}

/// Replaces all of an entry but its id.
pub(super) async fn change_entry(
    server: &Server,
    id: &str,
    becomes: &RowFields,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let form = entry(&becomes.url, &becomes.events, becomes.description.as_deref());
    let path = path(&["v1", "webhooks", id]);
    let call = (Method::PUT, &*path, Payload::Form(&form));
    server.call(call, Repeat::Always, progress).await.map(|_| ())
}

fn entry<'a>(
    url: &'a str,
    events: &'a [String],
    description: Option<&'a str>,
) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![("url", url)];
    form.extend(events.iter().map(|name| ("event_types", name.as_str())));
    form.extend(description.filter(|text| !text.is_empty()).map(|text| ("description", text)));
    form
}

/// The form that makes a domain elsewhere as this one is.
#[must_use]
pub(in crate::migrate) fn domain_form(
    name: &str,
    settings: &Map<String, Value>,
) -> Vec<(String, String)> {
    let mut form = vec![("name".to_owned(), name.to_owned())];
    form.extend(settings.iter().map(|(name, value)| {
        (name.clone(), value.as_str().map_or_else(|| json!(value).to_string(), str::to_owned))
    }));
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_in_a_domain_is_told_with_the_name_that_was_meant() {
        let known = ["mg.example.com".to_owned(), "other.org".to_owned()];
        let told = no_such_domain("from", "mg.exmaple.com", &known).to_string();
        assert!(told.contains("did you mean mg.example.com?"), "{told}");
        assert!(told.contains("other.org"), "{told}");
    }
}
