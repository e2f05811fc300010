//! From one provider to another: a pure function of what both sides have.

mod source;
mod webhooks;

use waypost_compat::kind::matrix::Mode;
use waypost_compat::{Dialect, kind};

use source::{remarks, retire};
use webhooks::{Hook, hooks};

use super::coverage::Coverage;
use super::names::{EVERY_EVENT, impossible, line};
use super::{
    Action, Before, Class, End, Item, Line, NewRow, Note, Plan, Side, Step, Summary, URLS_MAX,
    VERSION, receivers,
};
use crate::migrate::{RowState, State};

/// A move from one provider to another, to be planned.
#[derive(Debug, Clone)]
pub struct Wish {
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

/// The names of a hook at the target.
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
pub fn plan(wish: &Wish, from: &State, to: &State) -> Plan {
    let mut draft = Draft {
        wish,
        there: to,
        to: to.clone(),
        rows: Coverage::of(to.rows.clone()),
        items: Vec::new(),
        steps: Vec::new(),
    };
    let mut hooks: Vec<(Hook, Mapped)> =
        hooks(wish, from).into_iter().map(|hook| draft.mapped(hook)).collect();
    // Whatever is there just so is kept before anything else may make use of it.
    for (hook, mapped) in &mut hooks {
        mapped.is_there = draft.is_there(hook, mapped);
    }
    for (hook, mapped) in hooks {
        draft.carry(hook, mapped);
    }
    let receivers = receivers::of(wish.from_dialect, wish.to_dialect, &draft.items);
    Plan {
        waypost_plan: VERSION,
        from: wish.from.clone(),
        to: wish.to.clone(),
        summary: Summary::default(),
        webhooks: draft.items,
        remarks: remarks(wish, from, to),
        steps: draft.steps,
        retire: retire(wish, from, to),
        receivers,
        before: Before { from: from.clone(), to: to.clone(), sources: Vec::new() },
    }
    .summarised()
}

/// A plan in the making, and the target as it will be.
struct Draft<'w> {
    wish: &'w Wish,
    /// The target as it is.
    there: &'w State,
    to: State,
    rows: Coverage,
    items: Vec<Item>,
    steps: Vec<Step>,
}

impl Draft<'_> {
    fn carry(&mut self, hook: Hook, mut mapped: Mapped) {
        let action = if mapped.is_there {
            Action::Keep
        } else if self.wish.to_dialect == Dialect::Mailgun && hook.state != RowState::Active {
            skip_paused(
                &mut mapped,
                "Mailgun has no paused webhooks, and a paused one is never made active",
            );
            Action::Skip
        } else if self.goes_to_lists(&hook) {
            self.add_to_lists(&hook, &mut mapped)
        } else {
            self.make_room(&hook, &mut mapped);
            self.add_row(&hook, &mapped)
        };
        match action {
            Action::Skip => mapped.notes.clear(),
            Action::Create | Action::Change | Action::Keep => self.note_losses(&hook, &mut mapped),
        }
        if action == Action::Create {
            mapped.notes.extend(self.secret(&hook));
        }
        let Mapped { lines, notes, .. } = mapped;
        let paused = hook.state != RowState::Active;
        let Hook { source, url, .. } = hook;
        self.items.push(Item { action, url, source, paused, events: lines, notes });
    }

    /// Whether a row of the target is just so.
    fn is_there(&mut self, hook: &Hook, mapped: &Mapped) -> bool {
        let events = mapped.events();
        !events.is_empty()
            && !self.goes_to_lists(hook)
            && self.rows.use_same(&hook.url, &events, hook.state)
    }

    /// Mailgun's entries go to the account's level there, everything else to the domain's.
    fn goes_to_lists(&self, hook: &Hook) -> bool {
        let from_lists = self.wish.from_dialect != Dialect::Mailgun || hook.source == "domain";
        self.wish.to_dialect == Dialect::Mailgun && from_lists
    }

    fn mapped(&self, hook: Hook) -> (Hook, Mapped) {
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
        let lines = names.iter().map(line).collect();
        (hook, Mapped { lines, notes, is_there: false })
    }

    /// Adds the URL to the list of each name: those that are there stay first.
    fn add_to_lists(&mut self, hook: &Hook, mapped: &mut Mapped) -> Action {
        let domain = self.wish.to.domain.clone().unwrap_or_default();
        let (mut kept, mut added) = (false, false);
        for line in &mut mapped.lines {
            for name in std::mem::take(&mut line.to) {
                let was = self.to.urls(&domain, &name).to_vec();
                let is_on_it = was.contains(&hook.url);
                if !is_on_it && was.len() >= URLS_MAX {
                    line.class = Class::Overflow;
                    line.reason =
                        Some(format!("{name} has {URLS_MAX} URLs already: {}", was.join(", ")));
                    continue;
                }
                let was_on_it = self.there.urls(&domain, &name).contains(&hook.url);
                (kept, added) = (kept || was_on_it, added || !was_on_it);
                if !is_on_it {
                    let becomes = [was.clone(), vec![hook.url.clone()]].concat();
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

    /// Takes away the names of a Mailgun account that have as many URLs as they take.
    fn make_room(&self, hook: &Hook, mapped: &mut Mapped) {
        if self.wish.to_dialect != Dialect::Mailgun {
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
                let fits = urls.len() < URLS_MAX || urls.contains(&*hook.url);
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

    fn add_row(&mut self, hook: &Hook, mapped: &Mapped) -> Action {
        let mut events = mapped.events();
        if events.is_empty() {
            return Action::Skip;
        }
        if hook.state == RowState::Active {
            events = self.rows.use_names(&hook.url, &events);
            if events.is_empty() {
                return Action::Keep;
            }
            if let Some(step) = self.rows.grow(&hook.url, &events) {
                self.change_row(step);
                return Action::Change;
            }
        }
        let takes_label = matches!(
            self.wish.to_dialect,
            Dialect::Mailgun | Dialect::Posthawk | Dialect::MailingApi
        );
        let row = NewRow {
            url: hook.url.clone(),
            events,
            enabled: hook.state == RowState::Active,
            description: hook.description.clone().filter(|_| takes_label),
            secret_of: self.carried_secret(hook).cloned(),
        };
        self.steps.push(Step::CreateRow { at: End::To, row });
        Action::Create
    }

    /// One call for each row, whatever the number of hooks that add to it.
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
    fn carried_secret<'h>(&self, hook: &'h Hook) -> Option<&'h String> {
        hook.secret_of.as_ref().filter(|_| self.wish.to_dialect == Dialect::MailingApi)
    }

    fn secret(&self, hook: &Hook) -> Option<Note> {
        let reason = match self.wish.to_dialect {
            Dialect::Mailgun => {
                "deliveries are signed with the target account's HTTP signing key".to_owned()
            }
            _ if self.carried_secret(hook).is_some() => return None,
            to => format!("{to} makes a secret of its own; the receiver needs it"),
        };
        Some(Note { class: Class::SecretRegenerated, reason })
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
