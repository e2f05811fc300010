//! Counters of requests that are passed on to the upstream.

use std::sync::atomic::AtomicU64;

use super::{Page, add, read};
use crate::model::Unanswered;

const STATUSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "other"];

/// The reason why a request that should have been passed on was not answered from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassFailure {
    /// No connection was made.
    Unreached,
    /// Nothing came for too long.
    Silent,
    /// The connection broke.
    Broken,
    /// An answer that had begun did not come to its end.
    CutOff,
    /// The upstream refused its key.
    Key,
    /// The caller's body was too large, too slow, or broke off.
    Body,
    /// Too many requests were under way.
    Busy,
}

const FAILURES: [&str; 7] = ["unreached", "silent", "broken", "cut_off", "key", "body", "busy"];

impl PassFailure {
    /// The failure as a label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        FAILURES[self as usize]
    }
}

impl From<&Unanswered> for PassFailure {
    fn from(why: &Unanswered) -> Self {
        match why {
            Unanswered::Unreached { .. } => Self::Unreached,
            Unanswered::Silent(_) => Self::Silent,
            Unanswered::Broken(_) => Self::Broken,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Passed {
    statuses: [AtomicU64; STATUSES.len()],
    failures: [AtomicU64; FAILURES.len()],
}

impl Passed {
    pub(super) fn answered(&self, status: u16) {
        let class = match status {
            200..=299 => 0,
            300..=399 => 1,
            400..=499 => 2,
            500..=599 => 3,
            _ => 4,
        };
        add(&self.statuses[class], 1);
    }

    pub(super) fn failed(&self, why: PassFailure) {
        add(&self.failures[why as usize], 1);
    }

    pub(super) fn write(&self, page: &mut Page) {
        let name = "waypost_upstream_requests_total";
        page.head(name, "counter", "Requests answered by the upstream, by status.");
        for (status, count) in STATUSES.iter().zip(&self.statuses) {
            page.line(&format!("{name}{{status=\"{status}\"}}"), read(count));
        }
        let name = "waypost_upstream_failures_total";
        page.head(name, "counter", "Requests that the upstream did not answer, by the reason.");
        for (reason, count) in FAILURES.iter().zip(&self.failures) {
            page.line(&format!("{name}{{reason=\"{reason}\"}}"), read(count));
        }
    }
}
