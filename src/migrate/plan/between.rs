//! From one provider to another: a pure function of what both sides have.

mod source;
mod webhooks;

use waypost_compat::Dialect;
use waypost_compat::matrix::Mode;

use source::{remarks, retire};
use webhooks::SourceWebhook;

use super::coverage::Coverage;
use super::names::{EVERY_EVENT, impossible, line};
use super::{
    Action, Before, Class, End, Item, Line, NewRow, Note, Plan, Side, Step, Summary, URLS_MAX,
    VERSION, receivers,
};
use crate::behaviour::{Behaviour, SignedBy};
use crate::migrate::{RowState, State};

/// A move from one provider to another, to be planned.
#[derive(Debug, Clone)]
pub struct Move {
    /// The account that is read.
    pub from: Side,
    /// The provider at that end.
    pub from_dialect: Dialect,
    /// The account that gets the webhooks.
    pub to: Side,
    /// The provider at that end.
    pub to_dialect: Dialect,
    /// The answer to whether the nearest name will do where none means the same.
    pub mode: Mode,
}

/// The names of a webhook at the target.
struct Mapped {
    lines: Vec<Line>,
    notes: Vec<Note>,
    is_there: bool,
}

impl Mapped {
    /// The target's names, each once.
    fn events(&self) -> Vec<String> {
        let mut events: Vec<String> = Vec::new();
        for name in self.lines.iter().flat_map(|line| &line.to) {
            if !events.contains(name) {
                events.push(name.clone());
            }
        }
        events
    }
}

/// Plans a move.
#[must_use]
pub fn plan(wanted: &Move, from: &State, to: &State) -> Plan {
    let mut draft = Draft {
        wanted,
        there: to,
        to: to.clone(),
        rows: Coverage::of(to.rows.clone()),
        items: Vec::new(),
        steps: Vec::new(),
    };
    let mut webhooks: Vec<(SourceWebhook, Mapped)> =
        webhooks::of(wanted, from).into_iter().map(|webhook| draft.mapped(webhook)).collect();
    // Whatever is there just so is kept before anything else may make use of it.
    for (webhook, mapped) in &mut webhooks {
        mapped.is_there = draft.is_there(webhook, mapped);
    }
    for (webhook, mapped) in webhooks {
        draft.add(webhook, mapped);
    }
    let receivers = receivers::of(wanted.from_dialect, wanted.to_dialect, &draft.items);
    Plan {
        waypost_plan: VERSION,
        from: wanted.from.clone(),
        to: wanted.to.clone(),
        summary: Summary::default(),
        webhooks: draft.items,
        remarks: remarks(wanted, from, to),
        steps: draft.steps,
        retire: retire(wanted, from, to),
        receivers,
        before: Before { from: from.clone(), to: to.clone(), sources: Vec::new() },
    }
    .summarised()
}

/// A plan in the making, and the target as it will be.
struct Draft<'w> {
    wanted: &'w Move,
    /// The target as it is.
    there: &'w State,
    to: State,
    rows: Coverage,
    items: Vec<Item>,
    steps: Vec<Step>,
}

impl Draft<'_> {
    fn add(&mut self, webhook: SourceWebhook, mut mapped: Mapped) {
        let action = if mapped.is_there {
            Action::Keep
        } else if !self.to().can_be_off && webhook.state != RowState::Active {
            skip_paused(
                &mut mapped,
                "Mailgun has no paused webhooks, and a paused one is never made active",
            );
            Action::Skip
        } else if self.goes_to_lists(&webhook) {
            self.add_to_lists(&webhook, &mut mapped)
        } else {
            self.make_room(&webhook, &mut mapped);
            self.add_row(&webhook, &mapped)
        };
        match action {
            Action::Skip => mapped.notes.clear(),
            Action::Create | Action::Change | Action::Keep => {
                self.note_losses(&webhook, &mut mapped);
            }
        }
        if action == Action::Create {
            mapped.notes.extend(self.secret(&webhook));
        }
        let Mapped { lines, notes, .. } = mapped;
        let paused = webhook.state != RowState::Active;
        let SourceWebhook { source, url, .. } = webhook;
        self.items.push(Item { action, url, source, paused, events: lines, notes });
    }

    /// Says whether a row of the target is just so.
    fn is_there(&mut self, webhook: &SourceWebhook, mapped: &Mapped) -> bool {
        let events = mapped.events();
        !events.is_empty()
            && !self.goes_to_lists(webhook)
            && self.rows.use_same(&webhook.url, &events, webhook.state)
    }

    /// Mailgun's entries go to the account's level there, everything else to the domain's.
    fn goes_to_lists(&self, webhook: &SourceWebhook) -> bool {
        let from_lists =
            !Behaviour::of(self.wanted.from_dialect).has_lists() || webhook.source == "domain";
        self.to().has_lists() && from_lists
    }

    /// The rules of the target's dialect.
    fn to(&self) -> &'static Behaviour {
        Behaviour::of(self.wanted.to_dialect)
    }

    fn mapped(&self, webhook: SourceWebhook) -> (SourceWebhook, Mapped) {
        let (from, to) = (self.wanted.from_dialect, self.wanted.to_dialect);
        let mut notes = Vec::new();
        let is_wildcard = webhook.names == [EVERY_EVENT];
        let names = match is_wildcard && from != to {
            true => {
                let reason =
                    "`*` becomes the events there are today; names added later are not in it";
                notes.push(Note { class: Class::WildcardFrozen, reason: reason.to_owned() });
                from.names().into_iter().map(str::to_owned).collect()
            }
            false => webhook.names.clone(),
        };
        let https_only = self.to().https_only
            && self.wanted.to.url.starts_with("https:")
            && !webhook.url.starts_with("https:");
        let line = |name: &String| match https_only {
            true => impossible(name, format!("{to} takes https URLs only")),
            false => line(from, name, to, self.wanted.mode),
        };
        let lines = names.iter().map(line).collect();
        (webhook, Mapped { lines, notes, is_there: false })
    }

    /// Adds the URL to the list of each name: those that are there stay first.
    fn add_to_lists(&mut self, webhook: &SourceWebhook, mapped: &mut Mapped) -> Action {
        let domain = self.wanted.to.domain.clone().unwrap_or_default();
        let (mut kept, mut added) = (false, false);
        for line in &mut mapped.lines {
            for name in std::mem::take(&mut line.to) {
                let was = self.to.urls(&domain, &name).to_vec();
                let is_on_it = was.contains(&webhook.url);
                if !is_on_it && was.len() >= URLS_MAX {
                    line.class = Class::Overflow;
                    line.reason =
                        Some(format!("{name} has {URLS_MAX} URLs already: {}", was.join(", ")));
                    continue;
                }
                let was_on_it = self.there.urls(&domain, &name).contains(&webhook.url);
                (kept, added) = (kept || was_on_it, added || !was_on_it);
                if !is_on_it {
                    let becomes = [was.clone(), vec![webhook.url.clone()]].concat();
                    self.set_list(&domain, &name, was, becomes);
                }
                line.to.push(name);
            }
        }
        match (kept, added) {
            (false, false) => Action::Skip,
            (true, false) => Action::Keep,
            (true, true) => Action::Change,
            (false, true) => Action::Create,
        }
    }

    /// One call for each name, whatever the number of webhooks that add to it.
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

    /// Takes away the names of a Mailgun account that have as many URLs as they take.
    fn make_room(&self, webhook: &SourceWebhook, mapped: &mut Mapped) {
        if !self.to().has_lists() {
            return;
        }
        for line in &mut mapped.lines {
            let mut full = None;
            line.to.retain(|name| {
                let mut urls = self.rows.urls(name);
                let made = self.steps.iter().filter_map(|step| match step {
                    Step::CreateRow { row, .. } if row.events.contains(name) => Some(&*row.url),
                    _ => None,
                });
                urls.extend(made);
                let fits = urls.len() < URLS_MAX || urls.contains(&*webhook.url);
                full = full.take().or_else(|| (!fits).then(|| (name.clone(), urls)));
                fits
            });
            if let Some((name, urls)) = full {
                let urls: Vec<&str> = urls.into_iter().collect();
                line.class = Class::Overflow;
                line.reason = Some(format!(
                    "{name} has {URLS_MAX} URLs of the account already: {}",
                    urls.join(", ")
                ));
            }
        }
    }

    fn add_row(&mut self, webhook: &SourceWebhook, mapped: &Mapped) -> Action {
        let mut events = mapped.events();
        if events.is_empty() {
            return Action::Skip;
        }
        if webhook.state == RowState::Active {
            events = self.rows.use_names(&webhook.url, &events);
            if events.is_empty() {
                return Action::Keep;
            }
            if let Some(step) = self.rows.grow(&webhook.url, &events) {
                self.change_row(step);
                return Action::Change;
            }
        }
        let row = NewRow {
            url: webhook.url.clone(),
            events,
            enabled: webhook.state == RowState::Active,
            description: webhook.description.clone().filter(|_| self.to().keeps_label),
            secret_of: self.secret_source(webhook).cloned(),
        };
        self.steps.push(Step::CreateRow { at: End::To, row });
        Action::Create
    }

    /// One call for each row, whatever the number of webhooks that add to it.
    fn change_row(&mut self, step: Step) {
        let Step::ChangeRow { id, becomes, .. } = &step else { return };
        for planned in &mut self.steps {
            match planned {
                Step::ChangeRow { id: other, becomes: last, .. } if other == id => {
                    last.clone_from(becomes);
                    return;
                }
                _ => {}
            }
        }
        self.steps.push(step);
    }

    /// The row whose secret a new one gets, where the target takes one.
    fn secret_source<'h>(&self, webhook: &'h SourceWebhook) -> Option<&'h String> {
        webhook.secret_of.as_ref().filter(|_| self.to().takes_secret)
    }

    fn secret(&self, webhook: &SourceWebhook) -> Option<Note> {
        let reason = match self.to().signed_by {
            SignedBy::AccountKey => {
                "deliveries are signed with the target account's HTTP signing key".to_owned()
            }
            SignedBy::OwnSecret if self.secret_source(webhook).is_some() => return None,
            SignedBy::OwnSecret => {
                let to = self.wanted.to_dialect;
                format!("{to} makes a secret of its own; the receiver needs it")
            }
        };
        Some(Note { class: Class::SecretRegenerated, reason })
    }

    fn note_losses(&self, webhook: &SourceWebhook, mapped: &mut Mapped) {
        let to = self.wanted.to_dialect;
        let keeps_label = self.to().keeps_label && !self.goes_to_lists(webhook);
        let mut note = |class, reason: String| mapped.notes.push(Note { class, reason });
        if let Some(label) = webhook.description.as_ref().filter(|_| !keeps_label) {
            note(Class::DescriptionLost, format!("{to} has no place for {label:?}"));
        }
        if webhook.has_history {
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
