//! Into a gateway that is put in between: a pure function of what the account and the gateway have.
//!
//! Each *place* that named receivers (a domain's list for an event name, an account's entry, a row)
//! gets the URL of a source, and the source serves the subscriptions that stood there. A URL on
//! both of Mailgun's levels is called once, through the account's entry: lists that share a URL
//! with an entry are switched first and given back last.

mod conflicts;
mod guard;
mod lists;

use std::collections::BTreeSet;

use waypost_compat::Dialect;

use super::names::{EVERY_EVENT, unchanged, why_unled};
use super::{
    Action, Before, Class, End, INGEST, Item, NewWebhook, Plan, RowFields, SOURCE, Side, Step,
    Summary, VERSION, WEBHOOK,
};
use crate::behaviour::{Behaviour, Webhooks};
use crate::migrate::error::Error;
use crate::migrate::gateway::{Inventory, KnownWebhook};
use crate::migrate::provider::Account;
use crate::migrate::state::same_set;
use crate::migrate::{Entries, Row, RowState, State};

/// A take-over of an account by a gateway, to be planned.
#[derive(Debug, Clone)]
pub struct TakeOver {
    /// The account that is taken over.
    pub from: Side,
    /// The account's provider.
    pub dialect: Dialect,
    /// The gateway.
    pub into: Side,
    /// The addresses at which the gateway may be.
    pub reach: Reach,
    /// The two signing keys, compared; of no concern to the four other providers.
    pub keys: Keys,
    /// The rows whose secrets are at hand.
    pub secrets_of: BTreeSet<String>,
}

/// The addresses at which a gateway may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// At a public address.
    Public,
    /// Anywhere: a laptop, a private network.
    Anywhere,
}

/// A comparison of the signing keys of a Mailgun account and of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// One key for both.
    Same,
    /// Two keys.
    Differ,
    /// The account's is not known.
    Unknown,
}

/// Plans a take-over, or says why there can be none.
pub fn plan(wanted: &TakeOver, account: &Account, gateway: &Inventory) -> Result<Plan, Error> {
    guard::check(wanted, account, gateway)?;
    let mut draft = Draft {
        wanted,
        account,
        gateway,
        made: 0,
        is_beside_others: false,
        items: Vec::new(),
        remarks: Vec::new(),
        steps: Steps::default(),
    };
    match Behaviour::of(wanted.dialect).webhooks {
        Webhooks::Lists => draft.mailgun()?,
        Webhooks::Rows => draft.rows(&account.state.rows),
    }
    let plan = Plan {
        waypost_plan: VERSION,
        from: wanted.from.clone(),
        to: wanted.into.clone(),
        summary: Summary::default(),
        webhooks: draft.items,
        remarks: draft.remarks,
        steps: draft.steps.in_order(),
        retire: Vec::new(),
        receivers: Vec::new(),
        before: Before {
            from: account.state.clone(),
            to: State::default(),
            sources: gateway.sources.iter().map(|source| source.id.clone()).collect(),
        },
    };
    Ok(plan.summarised())
}

/// The steps, by when they are due.
#[derive(Default)]
struct Steps {
    key: Vec<Step>,
    domains: Vec<Step>,
    webhooks: Vec<Step>,
    sources: Vec<Step>,
    /// Lists that share a URL with an entry that is taken over as well.
    shared: Vec<Step>,
    lists: Vec<Step>,
    rows: Vec<Step>,
    widened: Vec<Step>,
}

impl Steps {
    /// Sources and subscriptions are there before the first place is led through them.
    fn in_order(self) -> Vec<Step> {
        let settle = (!self.shared.is_empty()).then_some(Step::Settle);
        let made = [self.key, self.domains, self.webhooks, self.sources].concat();
        let mut steps = [made, self.shared].concat();
        steps.extend(settle);
        steps.extend([self.lists, self.rows, self.widened].concat());
        steps
    }
}

struct Draft<'w> {
    wanted: &'w TakeOver,
    account: &'w Account,
    gateway: &'w Inventory,
    /// The number of subscriptions of lists that are to be made.
    made: usize,
    /// True if the gateway has webhooks for all domains that stand at no place of the account.
    is_beside_others: bool,
    items: Vec<Item>,
    remarks: Vec<String>,
    steps: Steps,
}

impl Draft<'_> {
    fn mailgun(&mut self) -> Result<(), Error> {
        self.signing_key()?;
        self.check_conflicts()?;
        let account = self.account;
        if account.state.entries == Entries::NoSuchApi {
            let told = "the source has no webhooks of the whole account (404 at /v1/webhooks)";
            self.remarks.push(told.to_owned());
        }
        for domain in &account.domains {
            if !self.gateway.domains.contains(&domain.name) {
                self.steps.domains.push(Step::AddDomain {
                    name: domain.name.clone(),
                    settings: domain.settings.clone(),
                    records: domain.records.clone(),
                });
            }
            self.domain(&domain.name);
        }
        let entries = &account.state.rows;
        if self.wanted.from.domain.is_none() {
            for row in entries {
                self.entry(row);
            }
        } else if !entries.is_empty() {
            let ids: Vec<&str> = entries.iter().map(|row| &*row.id).collect();
            self.remarks.push(format!(
                "what the account has for all its domains stays as it is ({}); leave --domain out \
                 to take over the whole account",
                ids.join(", ")
            ));
        }
        Ok(())
    }

    /// Receivers know one key: the account's. Webhooks that are here already know the gateway's.
    fn signing_key(&mut self) -> Result<(), Error> {
        match self.wanted.keys {
            Keys::Same => Ok(()),
            Keys::Unknown => Err(Error::refused(
                "Mailgun's API does not show the HTTP webhook signing key to this API key; copy it \
                 from Mailgun's dashboard (API security, HTTP webhook signing key) and give it \
                 with --signing-key or --signing-key-file",
            )),
            Keys::Differ if self.gateway.webhooks.is_empty() => {
                self.steps.key.push(Step::AdoptSigningKey);
                Ok(())
            }
            Keys::Differ => Err(Error::refused(format!(
                "this account of the gateway has Mailgun webhooks already ({}) and signs them with \
                 another key than the account that is taken over, whose receivers know only \
                 theirs; make an account of its own for it (`waypost account add`), and give its \
                 key with --into-key",
                self.gateway.webhooks.len()
            ))),
        }
    }

    /// An entry of a Mailgun account.
    fn entry(&mut self, row: &Row) {
        if self.is_led(row) {
            return;
        }
        if let Some(why) = self.unknown_name(row) {
            self.skipped(row, Class::Impossible, &why);
            return;
        }
        let (source, was) = self.place(row, None);
        if self.is_beside_others {
            return;
        }
        // Once every entry is led, each may serve what is added here later.
        self.steps.widened.push(Step::Serve { source, was, becomes: "account".to_owned() });
    }

    /// The rows of one of the four other providers.
    fn rows(&mut self, rows: &[Row]) {
        if let Some(name) = &self.wanted.from.domain
            && !self.gateway.domains.contains(name)
        {
            let (name, settings, records) = (name.clone(), Default::default(), Default::default());
            self.steps.domains.push(Step::AddDomain { name, settings, records });
        }
        for row in rows {
            if self.is_led(row) {
                continue;
            }
            if row.state != RowState::Active {
                let reason = "it is switched off at the provider and stays as it is";
                self.skipped(row, Class::SkippedPaused, reason);
            } else if let Some(why) = self.unknown_name(row) {
                self.skipped(row, Class::Impossible, &why);
            } else if !self.wanted.secrets_of.contains(&row.id) {
                let reason = format!(
                    "its API does not show its secret, which its receiver has: give it with \
                     --secret {}=whsec_… or --secrets-file",
                    row.id
                );
                self.skipped(row, Class::Impossible, &reason);
            } else {
                self.place(row, Some(row.id.clone()));
                if row.events == [EVERY_EVENT] {
                    self.remarks.push(format!(
                        "{} is for every event: one whose name this version does not know is kept \
                         at the gateway and not delivered",
                        row.id
                    ));
                }
            }
        }
    }

    /// The reason for which a row's names cannot be written to a gateway, if they cannot.
    fn unknown_name(&self, row: &Row) -> Option<String> {
        let dialect = self.wanted.dialect;
        if dialect == Dialect::MailStack && row.events == [EVERY_EVENT] {
            return None;
        }
        row.events.iter().find_map(|name| why_unled(dialect, name))
    }

    /// Tells whether an entry of a Mailgun account is taken over.
    fn takes(&self, row: &Row) -> bool {
        self.wanted.from.domain.is_none() && self.unknown_name(row).is_none()
    }

    /// Tells whether an entry leads to a source that serves all of the account's webhooks here:
    /// then what is added here is called at once.
    fn is_live(&self) -> bool {
        let serves_all = |row: &Row| {
            let mut sources = self.gateway.sources.iter();
            sources.any(|source| source.ingest_url == row.url && source.serves == "account")
        };
        Behaviour::of(self.wanted.dialect).has_lists()
            && self.account.state.rows.iter().any(serves_all)
    }

    /// Tells whether a row is led through this gateway already, and notes it in the plan.
    fn is_led(&mut self, row: &Row) -> bool {
        let is_led = self.is_ours(&row.url);
        if is_led {
            self.item(row, Action::Keep);
        }
        is_led
    }

    /// Puts the gateway between a row and its receiver: the source that will feed it, and what that
    /// serves.
    fn place(&mut self, row: &Row, secret_of: Option<String>) -> (String, String) {
        self.item(row, Action::Create);
        let domain = self.wanted.from.domain.clone();
        let there = self.gateway.webhooks.iter().find(|known| self.is_same(known, row));
        let there = there.filter(|_| Behaviour::of(self.wanted.dialect).has_lists());
        let fed = there.and_then(|webhook| {
            let mut sources = self.gateway.sources.iter();
            sources.find(|source| source.enabled && source.serves == webhook.id)
        });
        let key = row.id.clone();
        let (mut webhooks, mut sources) = (Vec::new(), Vec::new());
        if there.is_none() {
            let webhook = NewWebhook {
                dialect: self.wanted.dialect,
                domain: domain.clone(),
                url: row.url.clone(),
                events: row.events.clone(),
                description: row.description.clone().filter(|text| !text.is_empty()),
                secret_of: secret_of.clone(),
            };
            webhooks.push(Step::AddWebhook { key: key.clone(), webhook });
        }
        let serves = there.map_or_else(|| format!("{WEBHOOK}{key}"), |known| known.id.clone());
        let url = fed.map_or_else(|| format!("{INGEST}{key}"), |source| source.ingest_url.clone());
        let source = fed.map_or_else(|| format!("{SOURCE}{key}"), |source| source.id.clone());
        if fed.is_none() {
            let (dialect, serves) = (self.wanted.dialect, serves.clone());
            sources.push(Step::AddSource { key, dialect, domain, serves, secret_of });
        }
        if self.is_live() && !webhooks.is_empty() {
            self.remarks.push(twice(&row.id));
            self.steps.rows.extend(webhooks.into_iter().chain(sources));
        } else {
            self.steps.webhooks.extend(webhooks);
            self.steps.sources.extend(sources);
        }
        let was = RowFields::of(row);
        let becomes = RowFields { url, ..was.clone() };
        self.steps.rows.push(Step::ChangeRow { at: End::From, id: row.id.clone(), was, becomes });
        (source, serves)
    }

    fn is_same(&self, known: &KnownWebhook, row: &Row) -> bool {
        known.domain == self.wanted.from.domain
            && known.url == row.url
            && same_set(&known.events, &row.events)
    }

    fn item(&mut self, row: &Row, action: Action) {
        self.items.push(Item {
            action,
            url: row.url.clone(),
            source: row.id.clone(),
            paused: row.state != RowState::Active,
            events: row.events.iter().map(|name| unchanged(name)).collect(),
            notes: Vec::new(),
        });
    }

    fn skipped(&mut self, row: &Row, class: Class, reason: &str) {
        self.item(row, Action::Skip);
        for line in self.items.iter_mut().next_back().into_iter().flat_map(|item| &mut item.events)
        {
            line.to.clear();
            line.class = class;
            line.reason = Some(reason.to_owned());
        }
    }

    /// Tells whether a URL is one of this gateway's ingest URLs.
    fn is_ours(&self, url: &str) -> bool {
        self.gateway.sources.iter().any(|source| source.ingest_url == url)
    }
}

/// A place beside others that are led already: what is made for it is fed before it is led itself.
fn twice(place: &str) -> String {
    format!(
        "{place} joins what leads to the gateway already: its receivers may get events twice, and \
         miss none, from when their webhooks are made here until the next step leads it"
    )
}
