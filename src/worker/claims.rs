//! Claims: deliveries asked for, for the endpoints that are due and have room.
//!
//! A store may take its time to answer. Permits for all that was asked for are taken before, and
//! what was not handed out is given back, so that nothing is begun that there is no room for.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};

use super::concurrency::Permit;
use super::health::Receiver;
use super::{LEASE, STORE_REST, Worker};
use crate::model::{EndpointId, EndpointLimits, Timestamp};
use crate::store::{Ask, Claims, Error};

/// The longest that the store may take to answer a claim. Deliveries that it hands out later are
/// due again when their lease ends.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The pause before an endpoint is looked at again that had nothing to hand out although something
/// was due.
const CLAIM_AGAIN: Duration = Duration::from_millis(20);

/// The parked endpoints that are tried at a time: where those known to be slow find no room, those
/// known to be quick may.
const UNPARK_TRIES: usize = 16;

/// A claim on its way.
pub(super) struct ClaimUnderWay {
    asked: Vec<Asked>,
    at: Timestamp,
    deadline: Instant,
    answer: Pin<Box<dyn Future<Output = Result<Vec<Claims>, Error>> + Send>>,
}

/// An endpoint that deliveries were asked for, and a permit for each of them.
struct Asked {
    endpoint: EndpointId,
    permits: Vec<Permit>,
}

/// The end of a claim.
pub(super) struct ClaimEnded {
    asked: Vec<Asked>,
    at: Timestamp,
    /// `None` if the store did not answer in time.
    answer: Option<Result<Vec<Claims>, Error>>,
}

/// Waits for the claim under way, if there is one.
pub(super) async fn finished(claiming: &mut Option<ClaimUnderWay>) -> ClaimEnded {
    let Some(claim) = claiming else { return std::future::pending().await };
    let answer = timeout_at(claim.deadline, &mut claim.answer).await.ok();
    let ended = claiming.take().expect("it was there a moment ago");
    ClaimEnded { asked: ended.asked, at: ended.at, answer }
}

impl Worker {
    /// Claims for what is due and has room, until nothing is or the store takes its time.
    pub(super) fn claim_what_is_due(&mut self, now: Timestamp) {
        self.unpark();
        while self.claiming.is_none() && now >= self.store_rest.until {
            let asked = self.ask(now);
            if asked.is_empty() {
                // Room for one that is parked may be there all the same.
                self.unpark();
                if self.due.next().is_none_or(|due| now < due) {
                    return;
                }
                continue;
            }
            let asks: Vec<Ask> = asked
                .iter()
                .map(|one| Ask {
                    endpoint: one.endpoint,
                    limit: one.permits.len(),
                    limits: self.limits_of(one.endpoint),
                })
                .collect();
            let queue = self.deliver.queue.clone();
            let mut answer = async move { queue.claim(&asks, now, LEASE).await }.boxed();
            // A store that has all in memory answers at once.
            match (&mut answer).now_or_never() {
                Some(answer) => {
                    self.claimed(ClaimEnded { asked, at: now, answer: Some(answer) }, now);
                }
                None => {
                    let deadline = Instant::now() + ANSWER_MAX;
                    self.claiming = Some(ClaimUnderWay { asked, at: now, deadline, answer });
                }
            }
            self.unpark();
        }
    }

    fn limits_of(&self, endpoint: EndpointId) -> EndpointLimits {
        self.receivers.get(&endpoint).map(Receiver::limits).unwrap_or_default()
    }

    /// Takes permits for endpoints that are due, as many as may be asked for together: the rest must
    /// not find everything taken for what may not even be there.
    fn ask(&mut self, now: Timestamp) -> Vec<Asked> {
        let mut asked = Vec::new();
        while asked.is_empty() || self.permits.is_half_free() {
            let Some(endpoint) = self.due.take_due(now) else { break };
            let permits = self.permits_for(endpoint, now);
            if !permits.is_empty() {
                asked.push(Asked { endpoint, permits });
            }
        }
        asked
    }

    /// The permits that an endpoint may have now; where it gets none, it is seen to that it is
    /// looked at again when it may.
    fn permits_for(&mut self, endpoint: EndpointId, now: Timestamp) -> Vec<Permit> {
        let receiver = self.receivers.entry(endpoint).or_default();
        if receiver.is_paused() {
            // The store names it again when the pause ends.
            return Vec::new();
        }
        if let Some(until) = receiver.closed_until(now) {
            self.due.put(endpoint, until);
            return Vec::new();
        }
        let (in_flight, standing) = (receiver.in_flight, receiver.standing);
        let room = self.permits.room(in_flight, standing, receiver.concurrency());
        let limit = receiver.limit(room);
        if limit == 0 {
            if in_flight > 0 {
                receiver.backlogged = true;
            } else if !std::mem::replace(&mut receiver.parked, true) {
                self.parked.push_back(endpoint);
            }
            return Vec::new();
        }
        receiver.parked = false;
        (0..limit).map(|_| self.permits.take(standing)).collect()
    }

    /// Begins what was claimed.
    pub(super) fn claimed(&mut self, ended: ClaimEnded, now: Timestamp) {
        let ClaimEnded { asked, at, answer } = ended;
        let claims = match answer {
            Some(Ok(claims)) => claims,
            refused => {
                if let Some(Err(error)) = refused {
                    self.deliver.warning.say(&error, now);
                }
                for Asked { endpoint, permits } in asked {
                    permits.into_iter().for_each(|permit| self.permits.give_back(permit));
                    self.due.put(endpoint, now);
                }
                self.store_rest.begin(now);
                return;
            }
        };
        self.store_rest.next = STORE_REST.0;
        for (Asked { endpoint, mut permits }, claims) in asked.into_iter().zip(claims) {
            if let Some(due) = claims.next_due {
                // A store that names a time which has come, and hands nothing out, must not spin us.
                let idle = claims.deliveries.is_empty();
                let soonest = if idle { at.plus(CLAIM_AGAIN) } else { due };
                self.due.put(endpoint, due.max(soonest));
            }
            let receiver = self.receivers.entry(endpoint).or_default();
            receiver.hidden_until = receiver.hidden_until.filter(|until| *until > now);
            if let Some(until) = receiver.hidden_until {
                self.due.put(endpoint, until);
            }
            for claimed in claims.deliveries {
                let permit = permits.pop().expect("no more is handed out than was asked for");
                self.begin(claimed, permit, now);
            }
            permits.into_iter().for_each(|permit| self.permits.give_back(permit));
        }
    }

    /// Plans to look at parked endpoints again while there is room for one, however that came about:
    /// an attempt that ended makes room once, and the endpoint it makes room for may have nothing to
    /// begin.
    fn unpark(&mut self) {
        for _ in 0..UNPARK_TRIES.min(self.parked.len()) {
            let Some(endpoint) = self.parked.pop_front() else { return };
            let receiver = self.receivers.entry(endpoint).or_default();
            if !receiver.parked {
                continue;
            }
            let (in_flight, standing) = (receiver.in_flight, receiver.standing);
            if self.permits.room(in_flight, standing, receiver.concurrency()) > 0 {
                receiver.parked = false;
                self.due.put(endpoint, Timestamp::default());
                return;
            }
            self.parked.push_back(endpoint);
        }
    }
}
