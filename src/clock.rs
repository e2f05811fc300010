//! Clock and randomness as a value; nothing else in Waypost reads either.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::model::Timestamp;

/// The clock and the source of randomness that a server was started with.
#[derive(Debug, Clone)]
pub struct Clock {
    time: Time,
}

#[derive(Debug, Clone)]
enum Time {
    System,
    /// Stands still until it is moved: milliseconds since the Unix epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's own clock.
    #[must_use]
    pub const fn system() -> Self {
        Self { time: Time::System }
    }

    /// A clock that stands at `now` until [`advance`](Self::advance) moves it, for tests.
    #[must_use]
    pub fn manual(now: Timestamp) -> Self {
        Self { time: Time::Manual(Arc::new(AtomicI64::new(now.millis()))) }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.time {
            Time::System => {
                #[allow(clippy::disallowed_methods, reason = "this is the one place that may")]
                let now = jiff::Timestamp::now();
                Timestamp::from_millis(now.as_millisecond())
            }
            Time::Manual(millis) => Timestamp::from_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward; the machine's own cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Time::Manual(millis) = &self.time {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            millis.fetch_add(by, Ordering::SeqCst);
        }
    }

    /// `N` bytes from the operating system's generator.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        #[allow(clippy::disallowed_methods, reason = "this is the one place that may")]
        getrandom::fill(&mut bytes).expect("the operating system has a random generator");
        bytes
    }

    /// `N` random bytes as lower-case hex digits, two to a byte.
    #[must_use]
    pub fn random_hex<const N: usize>(&self) -> String {
        crate::model::hex(&self.random::<N>())
    }

    /// A number in `0.0..1.0`, for jitter.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        f64::from(u32::from_le_bytes(self.random())) / (f64::from(u32::MAX) + 1.0)
    }
}
