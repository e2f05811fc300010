//! Calls that are repeated while a server is busy or does not answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::Value;
use waypost_compat::Dialect;

use crate::client::api::{Api, CallError, Payload};
use crate::migrate::error::Error;
use crate::migrate::progress::Progress;

/// The time for which a call is tried, its pauses and lost answers added up. At one in two failing,
/// that is twenty tries and more: a thousand calls all get through.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// The most tries at a server that cannot be reached and has not answered yet: its address may well
/// be a mistake, and whoever made it waits.
const TRIES_UNANSWERED: u32 = 3;
/// The first wait; each further one is twice as long.
const WAIT: Duration = Duration::from_millis(100);
/// The longest wait that is not asked for by the server.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The cases in which a call may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Whenever there is no answer that settles it: doing it twice is doing it once.
    Always,
    /// Only where the server says that it did nothing.
    OnlyIfNotDone,
}

/// A server that is called with patience.
pub struct Server {
    api: Api,
    pub(super) name: String,
    pub(super) url: String,
    /// The side that its flags name.
    pub(super) flag: &'static str,
    /// None of a gateway.
    pub(super) dialect: Option<Dialect>,
    pub(super) patience: Duration,
    has_answered: AtomicBool,
    has_opened: AtomicBool,
}

impl Server {
    /// A server, the name and address that messages give it, and the flags that name it.
    pub fn new(api: Api, name: String, url: &str, flag: &'static str) -> Self {
        let (has_answered, has_opened) = (AtomicBool::new(false), AtomicBool::new(false));
        let (url, dialect, patience) = (url.to_owned(), None, PATIENCE);
        Self { api, name, url, flag, dialect, patience, has_answered, has_opened }
    }

    /// The same, tried for so long.
    pub(in crate::migrate) fn patient(self, patience: Duration) -> Self {
        Self { api: self.api.within(patience), patience, ..self }
    }

    /// The same, known to be a provider's.
    pub(super) fn of(self, dialect: Dialect) -> Self {
        Self { dialect: Some(dialect), ..self }
    }

    /// Asks for something.
    pub async fn get(&self, path: &str, progress: &mut dyn Progress) -> Result<Value, Error> {
        self.call((Method::GET, path, Payload::None), Repeat::Always, progress).await
    }

    /// Makes a call, again while the server is busy. Where the last try may have been carried out,
    /// the error is [unreachable](crate::migrate::ErrorKind::Unreachable).
    pub async fn call(
        &self,
        (method, path, payload): (Method, &str, Payload<'_>),
        repeat: Repeat,
        progress: &mut dyn Progress,
    ) -> Result<Value, Error> {
        let (mut tries, mut spent) = (1, Duration::ZERO);
        loop {
            let error = match self.api.call(method.clone(), path, payload.clone()).await {
                Ok(value) => {
                    self.has_answered.store(true, Ordering::Relaxed);
                    self.has_opened.store(true, Ordering::Relaxed);
                    return Ok(value);
                }
                Err(error) => error,
            };
            if error.status().is_some() {
                self.has_answered.store(true, Ordering::Relaxed);
            }
            let wait = wait(&error, tries);
            spent += wait + lost(&error);
            if !self.may_repeat(repeat, &error, tries) || spent > self.patience {
                return Err(self.explain(&method, path, &error));
            }
            if tries == 1 || wait > Duration::from_secs(1) {
                let pause = wait.as_secs_f32();
                let name = &self.name;
                progress.say(format_args!("{name}: {error}; trying again in {pause} s"));
            }
            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }

    fn may_repeat(&self, repeat: Repeat, error: &CallError, tries: u32) -> bool {
        let is_silent = !self.has_answered.load(Ordering::Relaxed);
        match (repeat, error) {
            (_, CallError::Unreachable { .. }) if is_silent && tries >= TRIES_UNANSWERED => false,
            (Repeat::Always, error) => is_passing(error),
            (Repeat::OnlyIfNotDone, error) => error.status() == Some(429),
        }
    }

    /// Tells whether the key has opened something here.
    pub(super) fn has_opened(&self) -> bool {
        self.has_opened.load(Ordering::Relaxed)
    }
}

/// Tells whether the same call may succeed in a moment.
fn is_passing(error: &CallError) -> bool {
    match error {
        CallError::Unreachable { .. } | CallError::TooSlow { .. } => true,
        CallError::Refused { status, .. } => *status == 429 || *status == 408 || *status >= 500,
        _ => false,
    }
}

/// The wait after a try: ever longer, and never less than the server asks for.
fn wait(error: &CallError, tries: u32) -> Duration {
    let asked = match error {
        CallError::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    WAIT.saturating_mul(1 << tries.min(10)).min(WAIT_MAX).max(asked)
}

/// The time that a failed try took.
const fn lost(error: &CallError) -> Duration {
    match error {
        CallError::TooSlow { after, .. } => *after,
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, retry_after: Option<u64>) -> CallError {
        let retry_after = retry_after.map(Duration::from_secs);
        CallError::Refused { status, message: "no".to_owned(), retry_after }
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it_and_one_that_asks_for_none_gets_some() {
        assert_eq!(wait(&refused(429, Some(7)), 1), Duration::from_secs(7));
        assert_eq!(wait(&refused(429, Some(0)), 1), Duration::from_millis(200));
        assert_eq!(wait(&refused(500, None), 1), Duration::from_millis(200));
        assert_eq!(wait(&refused(500, None), 19), WAIT_MAX);
    }
}
