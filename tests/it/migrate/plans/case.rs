//! A case on file: a sentence, what both sides have, and below that the plan as it was reviewed.
//!
//! ```text
//! # Two webhooks become the lists of two event names.
//! from posthawk https://api.posthawk.dev
//! row ph-1 https://a.example/ delivery,open
//! row ph-2 https://b.example/ open paused "Who it is for"
//! to mailgun https://api.mailgun.net mg.example.com
//! list mg.example.com delivered https://there.example/
//! ```
//!
//! `secret` and `counters` after a row say that its secret is at hand and that it has a history;
//! `lenient` on a line of its own, that the nearest name will do. Into a gateway, `into` with its
//! public URL stands in the place of `to`, followed by what it has: `domain`, `webhook`, `source`
//! (`off` where it takes no events). `entries closed` and `entries missing` say that a Mailgun
//! account's own webhooks could not be read.

use serde_json::{Map, json};
use waypost::migrate::gateway::{Inventory, KnownSource, KnownWebhook};
use waypost::migrate::plan::into::{Keys, Reach};
use waypost::migrate::plan::{Plan, Side, between, into};
use waypost::migrate::provider::{Account, MailgunDomain};
use waypost::migrate::{Entries, Error, List, Row, RowState, State};
use waypost_compat::matrix::Mode;
use waypost_compat::{Dialect, Secret};

/// What every secret of these cases holds.
pub(super) const HIDDEN: &str = "whsec_never_to_be_seen";

/// What is planned.
pub(super) struct Case {
    pub(super) from: Side,
    pub(super) account: Account,
    pub(super) to: Target,
}

/// Where it goes.
pub(super) enum Target {
    Provider { side: Side, state: State, mode: Mode },
    Gateway { side: Side, inventory: Inventory, reach: Reach, keys: Keys },
}

impl Case {
    pub(super) fn parse(text: &str) -> Self {
        let mut case = Self {
            from: side("gateway", "", None),
            account: Account::default(),
            to: Target::provider(side("gateway", "", None)),
        };
        let mut in_target = false;
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (line, label) = line.split_once(" \"").map_or((line, None), |(line, label)| {
                (line, Some(label.trim_end_matches('"').to_owned()))
            });
            let words: Vec<&str> = line.split(' ').collect();
            in_target |= matches!(words[0], "to" | "into");
            match (words.as_slice(), in_target) {
                (["from", dialect, url, domain @ ..], _) => {
                    case.from = side(dialect, url, domain.first());
                }
                (["domain", name], false) => case.account.domains.push(MailgunDomain {
                    name: (*name).to_owned(),
                    settings: Map::from_iter([("wildcard".to_owned(), json!(true))]),
                    records: Map::new(),
                }),
                (words, false) => put(&mut case.account.state, words, label),
                (words, true) => case.to.line(words, label),
            }
        }
        case
    }

    pub(super) fn plan(&self) -> Result<Plan, Error> {
        let from_dialect = self.from.dialect.unwrap();
        match &self.to {
            Target::Provider { side, state, mode } => {
                let wanted = between::Move {
                    from: self.from.clone(),
                    from_dialect,
                    to: side.clone(),
                    to_dialect: side.dialect.unwrap(),
                    mode: *mode,
                };
                Ok(between::plan(&wanted, &self.account.state, state))
            }
            Target::Gateway { side, inventory, reach, keys } => {
                let rows = self.account.state.rows.iter().filter(|row| row.secret.is_some());
                let wanted = into::TakeOver {
                    from: self.from.clone(),
                    dialect: from_dialect,
                    into: side.clone(),
                    reach: *reach,
                    keys: *keys,
                    secrets_of: rows.map(|row| row.id.clone()).collect(),
                };
                into::plan(&wanted, &self.account, inventory)
            }
        }
    }
}

impl Target {
    pub(super) fn provider(side: Side) -> Self {
        Self::Provider { side, state: State::default(), mode: Mode::Strict }
    }

    fn line(&mut self, words: &[&str], label: Option<String>) {
        match (self, words) {
            (to, ["to", dialect, url, domain @ ..]) => {
                *to = Self::provider(side(dialect, url, domain.first()));
            }
            (to, ["into", url]) => {
                let inventory = Inventory { public_url: (*url).to_owned(), ..Inventory::default() };
                let (reach, keys) = (Reach::Public, Keys::Same);
                *to = Self::Gateway { side: side("gateway", url, None), inventory, reach, keys };
            }
            (Self::Provider { mode, .. }, ["lenient"]) => *mode = Mode::Lenient,
            (Self::Provider { state, .. }, words) => put(state, words, label),
            (Self::Gateway { reach, .. }, ["allow-private"]) => *reach = Reach::Anywhere,
            (Self::Gateway { keys, .. }, ["keys", known]) => {
                *keys = match *known {
                    "differ" => Keys::Differ,
                    "unknown" => Keys::Unknown,
                    other => panic!("{other:?} is nothing that is known of keys"),
                };
            }
            (Self::Gateway { inventory, .. }, ["domain", name]) => {
                inventory.domains.push((*name).to_owned());
            }
            (Self::Gateway { inventory, .. }, ["webhook", id, scope, url, events, flags @ ..]) => {
                let (id, url, events) = ((*id).to_owned(), (*url).to_owned(), names(events));
                let domain = domain(scope);
                inventory.webhooks.push(KnownWebhook {
                    id,
                    domain,
                    url,
                    events,
                    state: flagged(flags),
                });
            }
            (
                Self::Gateway { inventory, .. },
                ["source", id, scope, serves, ingest_url, flags @ ..],
            ) => {
                inventory.sources.push(KnownSource {
                    id: (*id).to_owned(),
                    domain: domain(scope),
                    serves: (*serves).to_owned(),
                    ingest_url: (*ingest_url).to_owned(),
                    enabled: flags != ["off"],
                });
            }
            (_, other) => panic!("{other:?} is no line of a case"),
        }
    }
}

fn put(state: &mut State, words: &[&str], description: Option<String>) {
    match words {
        ["list", domain, event, urls @ ..] => state.lists.push(List {
            domain: (*domain).to_owned(),
            event: (*event).to_owned(),
            urls: urls.iter().map(|&url| url.to_owned()).collect(),
        }),
        ["row", id, url, events, flags @ ..] => state.rows.push(Row {
            id: (*id).to_owned(),
            url: (*url).to_owned(),
            events: names(events),
            state: flagged(flags),
            description,
            has_history: flags.contains(&"counters"),
            secret: flags.contains(&"secret").then(|| Secret::new(HIDDEN)),
        }),
        ["entries", "closed"] => state.entries = Entries::Closed,
        ["entries", "missing"] => state.entries = Entries::NoSuchApi,
        other => panic!("{other:?} is no line of a case"),
    }
}

pub(super) fn side(dialect: &str, url: &str, domain: Option<&&str>) -> Side {
    let domain = domain.map(|&name| name.to_owned());
    Side { dialect: dialect.parse::<Dialect>().ok(), url: url.to_owned(), domain, org: None }
}

fn flagged(flags: &[&str]) -> RowState {
    match flags {
        [.., "paused"] | ["paused", ..] => RowState::Paused,
        [.., "disabled"] | ["disabled", ..] => RowState::Disabled,
        _ => RowState::Active,
    }
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

/// A domain, or all of the account's.
fn domain(scope: &str) -> Option<String> {
    (scope != "account").then(|| scope.to_owned())
}
