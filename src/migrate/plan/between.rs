//! From one provider to another: a pure function of what both sides have.

use std::collections::BTreeSet;

use waypost_compat::kind::matrix::{self, Fit, Mode};
use waypost_compat::{Dialect, kind};

use super::{
    Action, Before, Class, End, Item, Line, NewRow, Note, Plan, RowFields, Side, Step, Summary,
    VERSION, receivers,
};
use crate::migrate::state::same_set;
use crate::migrate::{Row, RowState, State};

/// How many URLs an event name of a Mailgun domain takes.
const URLS_MAX: usize = 3;

/// The event name that means every event, where a dialect has one.
const EVERY_EVENT: &str = "*";

/// What is to be planned.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The account that is read.
    pub from: Side,
    /// Its provider.
    pub from_dialect: Dialect,
    /// The account that gets the webhooks.
    pub to: Side,
    /// Its provider.
    pub to_dialect: Dialect,
    /// Whether the nearest name will do where none means the same.
    pub mode: Mode,
}

/// A webhook of the source, whichever way its provider keeps it.
#[derive(Debug, Clone)]
struct Hook {
    /// What it is there: an id, or Mailgun's level.
    source: String,
    url: String,
    names: Vec<String>,
    enabled: bool,
    description: Option<String>,
    has_history: bool,
    /// The row whose secret it has, where the secret is at hand.
    secret_of: Option<String>,
}

/// What becomes of a hook's names.
struct Mapped {
    lines: Vec<Line>,
    notes: Vec<Note>,
}

/// Plans a move.
#[must_use]
pub fn plan(wish: &Wish, from: &State, to: &State) -> Plan {
    let mut draft = Draft {
        wish,
        to: to.clone(),
        taken: BTreeSet::new(),
        items: Vec::new(),
        steps: Vec::new(),
    };
    for hook in hooks(wish, from) {
        draft.carry(hook);
    }
    let receivers = receivers::of(wish.from_dialect, wish.to_dialect, &draft.items);
    Plan {
        waypost_plan: VERSION,
        from: wish.from.clone(),
        to: wish.to.clone(),
        summary: Summary::default(),
        webhooks: draft.items,
        remarks: remarks(wish, from),
        steps: draft.steps,
        retire: retire(wish.from_dialect, from),
        receivers,
        before: Before { from: from.clone(), to: to.clone(), sources: Vec::new() },
    }
    .summarised()
}

/// What stays on at the source whatever is retired, told beforehand.
fn remarks(wish: &Wish, from: &State) -> Vec<String> {
    let entries = from.rows.len();
    if wish.from_dialect != Dialect::Mailgun || entries == 0 {
        return Vec::new();
    }
    vec![format!(
        "{entries} of the account's own webhooks fire for this domain too and are carried along; \
         they serve its other domains as well and cannot be switched off, so --retire leaves them on"
    )]
}

/// The webhooks of the source. Mailgun's are turned from event name → URLs to URL → event names;
/// a URL on both of its levels is called once, so it is one webhook, unless it goes to Mailgun
/// again, which has both levels too.
fn hooks(wish: &Wish, from: &State) -> Vec<Hook> {
    let mut hooks: Vec<Hook> = Vec::new();
    let mut add =
        |source: &str, url: &str, name: &str| match hooks.iter_mut().find(|h| h.url == url) {
            Some(hook) if hook.names.iter().any(|known| known == name) => {}
            Some(hook) => hook.names.push(name.to_owned()),
            None => hooks.push(Hook {
                source: source.to_owned(),
                url: url.to_owned(),
                names: vec![name.to_owned()],
                enabled: true,
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
    let is_mailgun = wish.from_dialect == Dialect::Mailgun;
    if is_mailgun && wish.to_dialect != Dialect::Mailgun {
        for row in &from.rows {
            for name in &row.events {
                add("account", &row.url, name);
            }
        }
        return hooks;
    }
    hooks.extend(from.rows.iter().map(|row| Hook {
        source: row.id.clone(),
        url: row.url.clone(),
        names: row.events.clone(),
        enabled: row.state == RowState::Active,
        description: row.description.clone().filter(|text| !text.is_empty()),
        has_history: row.has_history,
        secret_of: row.secret.is_some().then(|| row.id.clone()),
    }));
    hooks
}

/// A plan in the making, and the target as it will be.
struct Draft<'w> {
    wish: &'w Wish,
    to: State,
    /// The rows of the target that stand for a hook already.
    taken: BTreeSet<String>,
    items: Vec<Item>,
    steps: Vec<Step>,
}

impl Draft<'_> {
    fn carry(&mut self, hook: Hook) {
        let mut mapped = self.mapped(&hook);
        let action = if self.goes_to_lists(&hook) {
            self.add_to_lists(&hook, &mut mapped)
        } else {
            self.add_row(&hook, &mut mapped)
        };
        let Mapped { lines, notes } = mapped;
        let Hook { source, url, .. } = hook;
        self.items.push(Item { action, url, source, events: lines, notes });
    }

    /// Mailgun's entries go to the account's level there, everything else to the domain's.
    fn goes_to_lists(&self, hook: &Hook) -> bool {
        let from_lists = self.wish.from_dialect != Dialect::Mailgun || hook.source == "domain";
        self.wish.to_dialect == Dialect::Mailgun && from_lists
    }

    fn mapped(&self, hook: &Hook) -> Mapped {
        let (from, to) = (self.wish.from_dialect, self.wish.to_dialect);
        let mut notes = Vec::new();
        let is_wildcard = hook.names == [EVERY_EVENT];
        let names = match is_wildcard && from != to {
            true => {
                let reason =
                    "`*` becomes the events there are today; names added later are not in it";
                notes.push(Note { class: Class::WildcardFrozen, reason: reason.to_owned() });
                kind::names(from).into_iter().map(str::to_owned).collect()
            }
            false => hook.names.clone(),
        };
        let https_only = matches!(to, Dialect::Wistfare | Dialect::MailingApi)
            && self.wish.to.url.starts_with("https:")
            && !hook.url.starts_with("https:");
        let line = |name: &String| match https_only {
            true => impossible(name, format!("{to} takes https URLs only")),
            false => line(from, name, to, self.wish.mode),
        };
        Mapped { lines: names.iter().map(line).collect(), notes }
    }

    /// Adds the URL to the list of each name: those that are there stay first.
    fn add_to_lists(&mut self, hook: &Hook, mapped: &mut Mapped) -> Action {
        if !hook.enabled {
            skip_paused(
                mapped,
                "Mailgun has no paused webhooks, and a paused one is never made active",
            );
            return Action::Skip;
        }
        let domain = self.wish.to.domain.clone().unwrap_or_default();
        let mut action = Action::Skip;
        for line in &mut mapped.lines {
            for name in std::mem::take(&mut line.to) {
                let was = self.to.urls(&domain, &name).to_vec();
                if was.contains(&hook.url) {
                    action = if action == Action::Skip { Action::Keep } else { action };
                    line.to.push(name);
                } else if was.len() < URLS_MAX {
                    let becomes = [was.clone(), vec![hook.url.clone()]].concat();
                    self.set_list(&domain, &name, was, becomes);
                    action = Action::Create;
                    line.to.push(name);
                } else {
                    line.class = Class::Overflow;
                    line.reason =
                        Some(format!("{name} has {URLS_MAX} URLs already: {}", was.join(", ")));
                }
            }
        }
        if action != Action::Skip {
            self.note_losses(hook, mapped);
        }
        if action == Action::Create && self.wish.from_dialect != Dialect::Mailgun {
            let reason = "deliveries are signed with the account's HTTP signing key";
            mapped.notes.push(Note { class: Class::SecretRegenerated, reason: reason.to_owned() });
        }
        action
    }

    /// One call for each name, whatever the number of hooks that add to it.
    fn set_list(&mut self, domain: &str, event: &str, was: Vec<String>, becomes: Vec<String>) {
        self.to.set_urls(domain, event, becomes.clone());
        let same = |step: &&mut Step| matches!(step, Step::SetList { domain: d, event: e, .. } if d == domain && e == event);
        if let Some(Step::SetList { becomes: planned, .. }) = self.steps.iter_mut().find(same) {
            *planned = becomes;
            return;
        }
        let (domain, event) = (domain.to_owned(), event.to_owned());
        self.steps.push(Step::SetList { at: End::To, domain, event, was, becomes });
    }

    fn add_row(&mut self, hook: &Hook, mapped: &mut Mapped) -> Action {
        let mut events: Vec<String> = Vec::new();
        for name in mapped.lines.iter().flat_map(|line| &line.to) {
            if !events.contains(name) {
                events.push(name.clone());
            }
        }
        if events.is_empty() {
            return Action::Skip;
        }
        self.note_losses(hook, mapped);
        if let Some(row) = self.standing(hook, &events) {
            let (id, was) = (row.id.clone(), fields(row));
            self.taken.insert(id.clone());
            if is_covered(&events, &was.events) {
                return Action::Keep;
            }
            let more = events.into_iter().filter(|name| !was.events.contains(name));
            let becomes = RowFields {
                events: was.events.iter().cloned().chain(more).collect(),
                ..was.clone()
            };
            self.steps.push(Step::ChangeRow { at: End::To, id, was, becomes });
            return Action::Change;
        }
        let secret_of =
            hook.secret_of.clone().filter(|_| self.wish.to_dialect == Dialect::MailingApi);
        let secret = match (&secret_of, self.wish.to_dialect) {
            (Some(_), _) => None,
            (None, Dialect::Mailgun) => None,
            (None, to) => Some(format!("{to} makes a secret of its own; the receiver needs it")),
        };
        let noted = |reason| Note { class: Class::SecretRegenerated, reason };
        mapped.notes.extend(secret.map(noted));
        let takes_label = matches!(
            self.wish.to_dialect,
            Dialect::Mailgun | Dialect::Posthawk | Dialect::MailingApi
        );
        let row = NewRow {
            url: hook.url.clone(),
            events,
            enabled: hook.enabled,
            description: hook.description.clone().filter(|_| takes_label),
            secret_of,
        };
        self.steps.push(Step::CreateRow { at: End::To, row });
        Action::Create
    }

    /// The row of the target that stands for a hook: the same one, or an active one on its URL,
    /// since two active ones would have the receiver called twice.
    fn standing(&self, hook: &Hook, events: &[String]) -> Option<&Row> {
        let free = || {
            self.to.rows.iter().filter(|row| row.url == hook.url && !self.taken.contains(&row.id))
        };
        let alike = |row: &&Row| (row.state == RowState::Active) == hook.enabled;
        let same = free().find(|row| alike(row) && same_set(&row.events, events));
        same.or_else(|| free().find(|row| hook.enabled && alike(row)))
    }

    fn note_losses(&self, hook: &Hook, mapped: &mut Mapped) {
        let to = self.wish.to_dialect;
        let keeps_label = match to {
            Dialect::Mailgun => !self.goes_to_lists(hook),
            Dialect::Posthawk | Dialect::MailingApi => true,
            Dialect::MailStack | Dialect::Wistfare => false,
        };
        let mut note = |class, reason: String| mapped.notes.push(Note { class, reason });
        if let Some(label) = hook.description.as_ref().filter(|_| !keeps_label) {
            note(Class::DescriptionLost, format!("{to} has no place for {label:?}"));
        }
        if hook.has_history {
            let reason = "its counters and its log stay at the source";
            note(Class::StatsLost, reason.to_owned());
        }
    }
}

fn skip_paused(mapped: &mut Mapped, reason: &str) {
    for line in &mut mapped.lines {
        line.to.clear();
        line.class = Class::SkippedPaused;
        line.reason = Some(reason.to_owned());
    }
}

fn is_covered(wanted: &[String], there: &[String]) -> bool {
    there == [EVERY_EVENT] || wanted.iter().all(|name| there.contains(name))
}

fn fields(row: &Row) -> RowFields {
    RowFields {
        url: row.url.clone(),
        events: row.events.clone(),
        enabled: row.state == RowState::Active,
        description: row.description.clone(),
    }
}

fn impossible(name: &str, reason: String) -> Line {
    Line { from: name.to_owned(), to: Vec::new(), class: Class::Impossible, reason: Some(reason) }
}

/// What becomes of one name. Mailgun's names from before 2018 stand for today's.
fn line(from: Dialect, name: &str, to: Dialect, mode: Mode) -> Line {
    if from == to {
        let same = name.to_owned();
        return Line { from: same.clone(), to: vec![same], class: Class::Exact, reason: None };
    }
    let known = match from {
        Dialect::Mailgun => kind::canonical_mailgun(name).unwrap_or(name),
        Dialect::Posthawk | Dialect::MailStack | Dialect::Wistfare | Dialect::MailingApi => name,
    };
    let Some(cell) = matrix::map(from, known, to, mode) else {
        return impossible(name, format!("{from} is not known to have an event of this name"));
    };
    let (class, reason) = match &cell.fit {
        Fit::Exact => (Class::Exact, None),
        Fit::Approximate { here, there } => {
            (Class::Approximate, Some(format!("fires {there}, not {here}")))
        }
        Fit::Widened(more) => (Class::Widened, Some(more.to_string())),
        Fit::Narrowed { .. } | Fit::WidenedAndNarrowed { .. } => {
            (Class::Narrowed, cell.fit.reason())
        }
        Fit::Impossible { why } => (Class::Impossible, Some((*why).to_owned())),
    };
    let to = cell.names.iter().map(|&name| name.to_owned()).collect();
    Line { from: name.to_owned(), to, class, reason }
}

/// Switches the source off so that it can be switched on again as it was: rows keep their ids and
/// secrets, and a list of Mailgun's has neither.
fn retire(from_dialect: Dialect, from: &State) -> Vec<Step> {
    let lists = from.lists.iter().map(|list| Step::SetList {
        at: End::From,
        domain: list.domain.clone(),
        event: list.event.clone(),
        was: list.urls.clone(),
        becomes: Vec::new(),
    });
    let rows = from
        .rows
        .iter()
        .filter(|row| from_dialect != Dialect::Mailgun && row.state == RowState::Active);
    let rows = rows.map(|row| {
        let was = fields(row);
        let becomes = RowFields { enabled: false, ..was.clone() };
        Step::ChangeRow { at: End::From, id: row.id.clone(), was, becomes }
    });
    lists.chain(rows).collect()
}
