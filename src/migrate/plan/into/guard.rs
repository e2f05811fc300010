//! Take-overs that are refused: each would miss an event, bring one twice, or fail halfway.

use waypost_compat::Dialect;

use super::{Reach, TakeOver};
use crate::behaviour::{Behaviour, Webhooks};
use crate::client::is_public_url;
use crate::migrate::error::Error;
use crate::migrate::gateway::{Inventory, KnownSource};
use crate::migrate::provider::Account;
use crate::migrate::{Entries, Row, State};

/// The least number of characters that two ids of one webhook have in common: Mailgun's API shows
/// the beginning of a gateway's own.
const ID_MIN: usize = 24;

/// Refuses what cannot be planned, whatever the plan would say.
pub(super) fn check(
    wanted: &TakeOver,
    account: &Account,
    gateway: &Inventory,
) -> Result<(), Error> {
    check_reach(wanted, gateway)?;
    check_itself(wanted, &account.state, gateway)?;
    check_entries(account.state.entries)?;
    check_led(wanted, &account.state, gateway)
}

fn check_reach(wanted: &TakeOver, gateway: &Inventory) -> Result<(), Error> {
    if wanted.reach == Reach::Anywhere || is_public_url(&gateway.public_url) {
        return Ok(());
    }
    Err(Error::refused(format!(
        "the gateway's public URL is {}, which {} cannot reach; start it with --public-url \
         https://…, or give --allow-private for a laptop or a private network",
        gateway.public_url, wanted.dialect
    )))
}

/// A gateway whose own webhooks were led through it would call itself for ever.
fn check_itself(wanted: &TakeOver, state: &State, gateway: &Inventory) -> Result<(), Error> {
    let own = state.rows.iter().find(|row| gateway.webhooks.iter().any(|k| is_one(&k.id, &row.id)));
    let at = ingest_of(&wanted.from.url);
    let urls = places(state).find(|(_, url)| url.starts_with(&at));
    let found = match (own, urls) {
        (Some(row), _) => format!("{} is a webhook of both", row.id),
        (None, Some((place, url))) => format!("{place} of the source leads to itself: {url}"),
        (None, None) => return Ok(()),
    };
    Err(Error::refused(format!(
        "expected an account and a gateway to put in between, found one and the same ({found}); \
         --from-url and --into must be two"
    )))
}

fn is_one(of_gateway: &str, of_source: &str) -> bool {
    let bare = |id: &str| id.rsplit('_').next().unwrap_or(id).replace('-', "");
    let (one, other) = (bare(of_gateway), bare(of_source));
    one.len().min(other.len()) >= ID_MIN && (one.starts_with(&other) || other.starts_with(&one))
}

/// A URL on both of Mailgun's levels is called once, through the entry: whoever cannot see the
/// entries cannot tell which lists bring what.
fn check_entries(entries: Entries) -> Result<(), Error> {
    // Where there is no such API there is nothing that could stand there.
    if entries != Entries::Closed {
        return Ok(());
    }
    Err(Error::refused(
        "the account's own webhooks cannot be read (403 at /v1/webhooks): --from-key does not open \
         them, and a URL that stands there and on a domain's list would be called twice; give a \
         key of the whole account that may read and change its webhooks (at Mailgun the role Admin \
         or Developer, no domain sending key)",
    ))
}

/// Every place that leads to this gateway already leads to a source that stands for it.
fn check_led(wanted: &TakeOver, state: &State, gateway: &Inventory) -> Result<(), Error> {
    for list in &state.lists {
        for url in &list.urls {
            let fits = |source: &KnownSource| is_of_domain(source, &list.domain);
            let place = format!("{}'s list for {}", list.domain, list.event);
            check_place(wanted, gateway, (&place, url), &fits)?;
        }
    }
    for row in &state.rows {
        let fits = |source: &KnownSource| is_of_row(source, wanted.dialect, gateway);
        check_place(wanted, gateway, (&row.id, &row.url), &fits)?;
    }
    Ok(())
}

fn check_place(
    wanted: &TakeOver,
    gateway: &Inventory,
    (place, url): (&str, &str),
    fits: &dyn Fn(&KnownSource) -> bool,
) -> Result<(), Error> {
    let source = gateway.sources.iter().find(|source| source.ingest_url == url);
    let is_here = [&gateway.public_url, &wanted.into.url]
        .into_iter()
        .any(|base| url.starts_with(&ingest_of(base)));
    let told = match source {
        None if !is_here => return Ok(()),
        None => "which this account of it does not have for this provider; take the URL away there"
            .to_owned(),
        Some(source) if fits(source) && source.enabled => return Ok(()),
        Some(source) if fits(source) => {
            let domain = source.domain.as_ref().map(|name| format!("{name} ")).unwrap_or_default();
            let id = &source.id;
            format!(
                "which is switched off; switch it on (`waypost source set {domain}{id} --enabled \
                 true`) or take the URL away there"
            )
        }
        Some(source) => format!(
            "which serves {} of {}, not what stands there; take the URL away there",
            source.serves,
            source.domain.as_deref().unwrap_or("all domains")
        ),
    };
    Err(Error::refused(format!(
        "{place} leads to a source of the gateway, {url}, {told}, then plan again"
    )))
}

/// Tells whether a source feeds a Mailgun domain's own webhooks.
pub(super) fn is_of_domain(source: &KnownSource, name: &str) -> bool {
    source.domain.as_deref() == Some(name) && source.serves == "domain"
}

/// Tells whether a source feeds what stood at one entry or row.
fn is_of_row(source: &KnownSource, dialect: Dialect, gateway: &Inventory) -> bool {
    let serves_one = gateway.webhooks.iter().any(|known| known.id == source.serves);
    match Behaviour::of(dialect).webhooks {
        Webhooks::Lists => source.domain.is_none() && (serves_one || source.serves == "account"),
        Webhooks::Rows => serves_one,
    }
}

/// Every place of an account, and a URL that stands there.
fn places(state: &State) -> impl Iterator<Item = (String, &String)> {
    let of_list = |url| (url, "a list".to_owned());
    let lists = state.lists.iter().flat_map(|list| &list.urls).map(of_list);
    let of_row = |row: &Row| row.id.clone();
    let rows = state.rows.iter().map(move |row| (&row.url, of_row(row)));
    lists.chain(rows).map(|(url, place)| (place, url))
}

fn ingest_of(base: &str) -> String {
    format!("{}/ingest/", base.trim_end_matches('/'))
}
