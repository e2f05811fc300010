//! Counters of ingest, the worker and the HTTP side, for `/metrics` and for tests: atomics that cost
//! nothing to keep.
//!
//! The module stands below `store` so that `http` can show what `worker` counts without knowing it.

mod upstream;

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use waypost_compat::Provider;

pub use self::upstream::PassFailure;
use crate::model::{DeliveryState, Failure, NextStep, Outcome, Timestamp};

/// Upper bounds of the attempt durations' histogram, in milliseconds.
const BUCKETS_MS: [u64; 9] = [5, 10, 50, 100, 500, 1000, 2500, 5000, 10_000];

/// Labels of an attempt's outcome: the class of the status, or the failure.
const OUTCOMES: [&str; 12] = [
    "2xx",
    "3xx",
    "4xx",
    "5xx",
    "other",
    "blocked",
    "dns",
    "connect",
    "tls",
    "timeout",
    "broken",
    "untranslatable",
];

const fn outcome_index(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Answered { status: 200..=299, .. } => 0,
        Outcome::Answered { status: 300..=399, .. } => 1,
        Outcome::Answered { status: 400..=499, .. } => 2,
        Outcome::Answered { status: 500..=599, .. } => 3,
        Outcome::Answered { .. } => 4,
        Outcome::Failed(Failure::Blocked) => 5,
        Outcome::Failed(Failure::Dns) => 6,
        Outcome::Failed(Failure::Connect) => 7,
        Outcome::Failed(Failure::Tls) => 8,
        Outcome::Failed(Failure::Timeout) => 9,
        Outcome::Failed(Failure::Broken) => 10,
        Outcome::Failed(Failure::Untranslatable) => 11,
    }
}

const NEXT_STEPS: [&str; 4] = ["delivered", "dead", "cancelled", "retried"];

const fn next_step_index(next: NextStep) -> usize {
    match next {
        NextStep::Delivered => 0,
        NextStep::Dead => 1,
        NextStep::Cancelled => 2,
        NextStep::RetryAt(_) => 3,
    }
}

/// The result of an event that was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenAs {
    /// New, with a name that we know.
    Accepted,
    /// New and kept, though its name is none that we know.
    Unknown,
    /// Known already.
    Duplicate,
}

const INTAKES: [&str; 3] = ["accepted", "unknown", "duplicate"];

/// The reason why an event was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedAs {
    /// A source that is none.
    NoSource,
    /// A source that is off or has no secret.
    Closed,
    /// A signature that is missing or wrong.
    Signature,
    /// A signature that is good but too old.
    Stale,
    /// A body that is no event.
    NotAnEvent,
    /// A store that could not take it.
    Unavailable,
}

const REFUSED: [&str; 6] =
    ["no_source", "closed", "signature", "stale", "not_an_event", "unavailable"];

/// A handle to the counters. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Stats(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    /// By [`Provider`], then by [`TakenAs`].
    events: [[AtomicU64; INTAKES.len()]; Provider::ALL.len()],
    refused: [AtomicU64; REFUSED.len()],
    settled: [AtomicU64; NEXT_STEPS.len()],
    outcomes: [AtomicU64; OUTCOMES.len()],
    durations: [AtomicU64; BUCKETS_MS.len()],
    duration_us: AtomicU64,
    in_flight: AtomicU64,
    breakers_open: AtomicU64,
    passed: upstream::Passed,
}

impl Stats {
    /// Counts an event that was let in.
    pub fn took(&self, provider: Provider, intake: TakenAs) {
        add(&self.0.events[provider as usize][intake as usize], 1);
    }

    /// Counts a request that was not let in.
    pub fn refused(&self, why: RefusedAs) {
        add(&self.0.refused[why as usize], 1);
    }

    /// Counts an attempt.
    pub fn attempted(&self, outcome: &Outcome, duration: Duration) {
        add(&self.0.outcomes[outcome_index(outcome)], 1);
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        add(&self.0.duration_us, micros);
        let bucket = BUCKETS_MS.iter().position(|bound| micros <= bound * 1000);
        if let Some(bucket) = bucket {
            add(&self.0.durations[bucket], 1);
        }
    }

    /// Counts a settlement by the step that follows.
    pub fn settled(&self, next: NextStep) {
        add(&self.0.settled[next_step_index(next)], 1);
    }

    /// Counts a request that the upstream answered.
    pub fn passed(&self, status: u16) {
        self.0.passed.answered(status);
    }

    /// Counts a request that the upstream did not answer, or not to the end.
    pub fn not_passed(&self, why: PassFailure) {
        self.0.passed.failed(why);
    }

    /// Says how many attempts are being made, and how many receivers are left alone.
    pub fn now(&self, in_flight: usize, breakers_open: usize) {
        self.0.in_flight.store(in_flight as u64, Ordering::Relaxed);
        self.0.breakers_open.store(breakers_open as u64, Ordering::Relaxed);
    }

    /// The number of deliveries that ended so.
    #[must_use]
    pub fn ended(&self, state: DeliveryState) -> u64 {
        match state {
            DeliveryState::Waiting => 0,
            DeliveryState::Delivered => read(&self.0.settled[next_step_index(NextStep::Delivered)]),
            DeliveryState::Dead => read(&self.0.settled[next_step_index(NextStep::Dead)]),
            DeliveryState::Cancelled => read(&self.0.settled[next_step_index(NextStep::Cancelled)]),
        }
    }

    /// The number of times that a delivery was to be tried again.
    #[must_use]
    pub fn retried(&self) -> u64 {
        read(&self.0.settled[next_step_index(NextStep::RetryAt(Timestamp::default()))])
    }

    /// The number of attempts that were made.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.0.outcomes.iter().map(read).sum()
    }

    /// The number of attempts that are being made.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        read(&self.0.in_flight)
    }

    /// The number of receivers that are left alone because they failed too often in a row.
    #[must_use]
    pub fn breakers_open(&self) -> u64 {
        read(&self.0.breakers_open)
    }

    /// The counters in the Prometheus text format.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut page = Page(String::new());
        page.head(
            "waypost_events_total",
            "counter",
            "Events let in, by what they turned out to be.",
        );
        for (provider, counts) in Provider::ALL.iter().zip(&self.0.events) {
            for (intake, count) in INTAKES.iter().zip(counts) {
                let labels = format!("dialect=\"{provider}\",outcome=\"{intake}\"");
                page.line(&format!("waypost_events_total{{{labels}}}"), read(count));
            }
        }
        page.head("waypost_events_refused_total", "counter", "Events not let in, by the reason.");
        for (reason, count) in REFUSED.iter().zip(&self.0.refused) {
            page.line(&format!("waypost_events_refused_total{{reason=\"{reason}\"}}"), read(count));
        }
        page.head("waypost_deliveries_total", "counter", "Deliveries by what became of them.");
        for (step, count) in NEXT_STEPS.iter().zip(&self.0.settled) {
            page.line(&format!("waypost_deliveries_total{{fate=\"{step}\"}}"), read(count));
        }
        page.head("waypost_attempts_total", "counter", "Requests made, by what came of them.");
        for (outcome, count) in OUTCOMES.iter().zip(&self.0.outcomes) {
            page.line(&format!("waypost_attempts_total{{outcome=\"{outcome}\"}}"), read(count));
        }
        page.head("waypost_attempt_seconds", "histogram", "How long requests took.");
        let mut below = 0;
        for (bound_ms, count) in BUCKETS_MS.iter().zip(&self.0.durations) {
            below += read(count);
            let bound = Duration::from_millis(*bound_ms).as_secs_f64();
            page.line(&format!("waypost_attempt_seconds_bucket{{le=\"{bound}\"}}"), below);
        }
        let attempts = self.attempts();
        page.line("waypost_attempt_seconds_bucket{le=\"+Inf\"}", attempts);
        let sum = Duration::from_micros(read(&self.0.duration_us)).as_secs_f64();
        page.line("waypost_attempt_seconds_sum", sum);
        page.line("waypost_attempt_seconds_count", attempts);
        page.head("waypost_in_flight", "gauge", "Requests being made.");
        page.line("waypost_in_flight", self.in_flight());
        page.head("waypost_breakers_open", "gauge", "Receivers left alone after many failures.");
        page.line("waypost_breakers_open", self.breakers_open());
        self.0.passed.write(&mut page);
        page.0
    }
}

fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, series: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{series} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_provider_has_the_row_of_its_name() {
        for (row, provider) in Provider::ALL.into_iter().enumerate() {
            assert_eq!(provider as usize, row, "{provider}");
        }
    }

    #[test]
    fn the_page_shows_what_was_counted() {
        let stats = Stats::default();
        stats.took(Provider::Wistfare, TakenAs::Unknown);
        stats.refused(RefusedAs::Unavailable);
        let answered = |status| Outcome::Answered { status, retry_after: None };
        stats.attempted(&answered(202), Duration::from_millis(7));
        stats.attempted(&answered(503), Duration::from_millis(700));
        stats.attempted(&Outcome::Failed(Failure::Timeout), Duration::from_secs(11));
        stats.settled(NextStep::Delivered);
        stats.now(3, 1);
        stats.passed(202);
        stats.not_passed(PassFailure::Key);
        let page = stats.prometheus();
        for line in [
            "waypost_events_total{dialect=\"wistfare\",outcome=\"unknown\"} 1",
            "waypost_events_total{dialect=\"mailgun\",outcome=\"unknown\"} 0",
            "waypost_events_refused_total{reason=\"unavailable\"} 1",
            "waypost_deliveries_total{fate=\"delivered\"} 1",
            "waypost_deliveries_total{fate=\"dead\"} 0",
            "waypost_attempts_total{outcome=\"2xx\"} 1",
            "waypost_attempts_total{outcome=\"timeout\"} 1",
            "waypost_attempt_seconds_bucket{le=\"0.005\"} 0",
            "waypost_attempt_seconds_bucket{le=\"0.01\"} 1",
            "waypost_attempt_seconds_bucket{le=\"10\"} 2",
            "waypost_attempt_seconds_bucket{le=\"+Inf\"} 3",
            "waypost_attempt_seconds_sum 11.707",
            "waypost_in_flight 3",
            "waypost_breakers_open 1",
            "waypost_upstream_requests_total{status=\"2xx\"} 1",
            "waypost_upstream_failures_total{reason=\"key\"} 1",
            "waypost_upstream_failures_total{reason=\"busy\"} 0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
        }
    }
}
