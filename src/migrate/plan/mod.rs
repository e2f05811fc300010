//! Plans: what a migration will do and why, as data that is printed, reviewed, and carried out.

pub mod between;
mod coverage;
pub mod into;
mod names;
pub mod receivers;
pub mod show;
mod step;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use waypost_compat::Dialect;

use super::State;

pub use step::{End, INGEST, NewRow, NewWebhook, RowFields, SOURCE, Step, WEBHOOK};

/// The form of plans and journals that this program writes and reads.
pub const VERSION: u32 = 1;

/// The most URLs that an event name takes, on either of Mailgun's levels.
pub(super) const URLS_MAX: usize = 3;

/// A plan. It holds no credential and no secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The form it is written in, [`VERSION`].
    pub waypost_plan: u32,
    /// The account that is read.
    pub from: Side,
    /// The account that gets the webhooks, or the gateway.
    pub to: Side,
    /// In short.
    pub summary: Summary,
    /// The webhooks of the source, and what becomes of each.
    pub webhooks: Vec<Item>,
    /// Remarks for whoever reviews it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// The steps, in the order in which they are done.
    pub steps: Vec<Step>,
    /// The steps that switch the source off, when that is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retire: Vec<Step>,
    /// The receivers that need a new secret or other code, each with a text for its owner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receivers: Vec<Receiver>,
    /// Both sides as they were read: the plan fits as long as they are so.
    pub before: Before,
}

/// One side of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The provider; `None` for a gateway's native API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// The base URL of its API.
    pub url: String,
    /// The domain, where one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The organisation, where the dialect needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
}

/// The two sides before anything was done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Before {
    /// The source.
    pub from: State,
    /// The target; nothing for a gateway, which is looked at step by step.
    pub to: State,
    /// The sources that a gateway had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

/// A plan in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Webhooks that are made.
    pub create: usize,
    /// Webhooks that are changed.
    pub change: usize,
    /// Webhooks that are there already.
    pub keep: usize,
    /// Webhooks of which nothing can be carried.
    pub skip: usize,
    /// Subscriptions: an event name of a webhook each.
    pub subscriptions: usize,
    /// Subscriptions that live on.
    pub survive: usize,
    /// The number of times that each class was given.
    pub classes: BTreeMap<Class, usize>,
}

/// A webhook of the source, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The action.
    pub action: Action,
    /// The receiver.
    pub url: String,
    /// The name it has at the source: an id, or Mailgun's level.
    pub source: String,
    /// True for one that is switched off at the source, and so at the target.
    #[serde(default, skip_serializing_if = "is_false")]
    pub paused: bool,
    /// The event names, and what becomes of each.
    pub events: Vec<Line>,
    /// Notes on the rest of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// The action that is taken on a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A new one is made.
    Create,
    /// One that is there gets more.
    Change,
    /// There is one already.
    Keep,
    /// Nothing can be, or needs to be, carried.
    Skip,
}

/// An event name, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The name at the source.
    pub from: String,
    /// The names at the target; none where it does not live on.
    pub to: Vec<String>,
    /// The class of the mapping: exact, or less.
    pub class: Class,
    /// The reason, where the class alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A remark on a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The class of the loss or change.
    pub class: Class,
    /// In words.
    pub reason: String,
}

/// The class of a change that a migration makes (`spec/providers.md` §5.3, rule 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The same events at the same moments.
    Exact,
    /// The same kind at another moment.
    Approximate,
    /// The target's name brings more.
    Widened,
    /// The target's name brings less.
    Narrowed,
    /// Nothing at the target stands for it.
    Impossible,
    /// A fourth URL where three are taken.
    Overflow,
    /// Not made, because it would have been made active.
    SkippedPaused,
    /// The receiver needs another secret.
    SecretRegenerated,
    /// The target has no place for a label.
    DescriptionLost,
    /// Counters and logs stay behind.
    StatsLost,
    /// "Every event" became those that there are today.
    WildcardFrozen,
}

impl Class {
    /// Tells whether something of the source is gone after it.
    #[must_use]
    pub const fn is_loss(self) -> bool {
        match self {
            Self::Exact | Self::Approximate | Self::Widened | Self::SecretRegenerated => false,
            Self::Narrowed
            | Self::Impossible
            | Self::Overflow
            | Self::SkippedPaused
            | Self::DescriptionLost
            | Self::StatsLost
            | Self::WildcardFrozen => true,
        }
    }

    /// The class in the words of plans.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Approximate => "approximate",
            Self::Widened => "widened",
            Self::Narrowed => "narrowed",
            Self::Impossible => "impossible",
            Self::Overflow => "overflow",
            Self::SkippedPaused => "skipped-paused",
            Self::SecretRegenerated => "secret-regenerated",
            Self::DescriptionLost => "description-lost",
            Self::StatsLost => "stats-lost",
            Self::WildcardFrozen => "wildcard-frozen",
        }
    }
}

/// A receiver whose owner has something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// The URL.
    pub url: String,
    /// The text to hand to its owner.
    pub text: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "it is what serde calls")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Plan {
    /// Tells whether something of the source does not live on.
    #[must_use]
    pub fn loses(&self) -> bool {
        self.summary.classes.keys().any(|class| class.is_loss())
    }

    /// Counts what the items say.
    pub(super) fn summarised(mut self) -> Self {
        let mut summary = Summary::default();
        for item in &self.webhooks {
            match item.action {
                Action::Create => summary.create += 1,
                Action::Change => summary.change += 1,
                Action::Keep => summary.keep += 1,
                Action::Skip => summary.skip += 1,
            }
            summary.subscriptions += item.events.len();
            summary.survive += item.events.iter().filter(|line| !line.to.is_empty()).count();
            let classes = item.events.iter().map(|line| line.class);
            for class in classes.chain(item.notes.iter().map(|note| note.class)) {
                *summary.classes.entry(class).or_default() += 1;
            }
        }
        self.summary = summary;
        self
    }
}
