//! The names of rows: one letter for what they are, then ids and numbers that order by bytes.
//!
//! | key | value |
//! |---|---|
//! | `a` account | account |
//! | `c` account, webhook | counters of the webhook |
//! | `d` domain name | domain |
//! | `e` account, event | event |
//! | `k` key hash | key |
//! | `m` word | the engine's own (`engine/meta.rs`) |
//! | `n` account, event | how often the event was sent again, and by which further sources |
//! | `p` endpoint | state of the endpoint: limits, health |
//! | `q` endpoint, due, delivery | account, webhook, time of scheduling: the queues |
//! | `r` account, event, delivery | nothing: a delivery made after its event, by replay or another place |
//! | `s` source | source |
//! | `t` time of signing, token's hash | event |
//! | `v` account, delivery | delivery |
//! | `w` account, dialect, domain or nothing | webhooks of the scope, in order |
//! | `x` day, provider id's hash | event |
//! | `+` key, number | a further piece of a long record, the engine's own |

use sha2::Digest;

use crate::model::{
    AccountId, DedupeKey, DeliveryId, DomainName, EndpointId, EventId, KeyHash, SourceId,
    Timestamp, TokenKey, WebhookId, WebhookScope,
};
use crate::store::record;

/// The prefixes of the rows of records.
pub(super) const RECORDS: [&[u8]; 8] =
    [ACCOUNTS, DELIVERIES, DOMAINS, ENDPOINTS, EVENTS, KEYS, SOURCES, WEBHOOKS];

pub(super) const ACCOUNTS: &[u8] = b"a";
pub(super) const DELIVERIES: &[u8] = b"v";
pub(super) const DOMAINS: &[u8] = b"d";
pub(super) const ENDPOINTS: &[u8] = b"p";
pub(super) const EVENTS: &[u8] = b"e";
pub(super) const KEYS: &[u8] = b"k";
pub(super) const QUEUES: &[u8] = b"q";
pub(super) const SOURCES: &[u8] = b"s";
pub(super) const TOKENS: &[u8] = b"t";
pub(super) const WEBHOOKS: &[u8] = b"w";
pub(super) const REPEATS: &[u8] = b"x";

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A number in bytes that order as it does, negative ones included.
fn ordered(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

fn unordered(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed()
}

pub(super) fn account(id: AccountId) -> Vec<u8> {
    join(&[ACCOUNTS, id.as_bytes()])
}

pub(super) fn key(hash: &KeyHash) -> Vec<u8> {
    join(&[KEYS, hash.as_bytes()])
}

/// Reads the hash back from a key's row.
pub(super) fn key_hash(row: &[u8]) -> Option<KeyHash> {
    Some(KeyHash::from_bytes(row.get(1..)?.try_into().ok()?))
}

pub(super) fn domain(name: &DomainName) -> Vec<u8> {
    join(&[DOMAINS, name.as_str().as_bytes()])
}

pub(super) fn source(id: SourceId) -> Vec<u8> {
    join(&[SOURCES, id.as_bytes()])
}

pub(super) fn endpoint(id: EndpointId) -> Vec<u8> {
    join(&[ENDPOINTS, id.as_bytes()])
}

pub(super) fn webhooks(scope: &WebhookScope) -> Vec<u8> {
    let domain = scope.domain.as_ref().map_or("", DomainName::as_str);
    join(&[
        WEBHOOKS,
        scope.account.as_bytes(),
        &[record::code_of(scope.dialect)],
        domain.as_bytes(),
    ])
}

/// Reads the scope back from the row of its webhooks.
pub(super) fn webhook_scope(row: &[u8]) -> Option<WebhookScope> {
    let (account, rest) = row.get(1..)?.split_first_chunk::<16>()?;
    let (&code, domain) = rest.split_first()?;
    let domain = match std::str::from_utf8(domain).ok()? {
        "" => None,
        name => Some(name.parse().ok()?),
    };
    let dialect = record::dialect_of(code)?;
    Some(WebhookScope { account: AccountId::from_bytes(*account), domain, dialect })
}

pub(super) fn stats(account: AccountId, webhook: WebhookId) -> Vec<u8> {
    join(&[b"c", account.as_bytes(), webhook.as_bytes()])
}

/// The prefix of all events of an account.
pub(super) fn events(account: AccountId) -> Vec<u8> {
    join(&[EVENTS, account.as_bytes()])
}

pub(super) fn event(account: AccountId, id: EventId) -> Vec<u8> {
    join(&[EVENTS, account.as_bytes(), id.as_bytes()])
}

pub(super) fn repeats(account: AccountId, id: EventId) -> Vec<u8> {
    join(&[b"n", account.as_bytes(), id.as_bytes()])
}

/// The prefix of all deliveries of an account.
pub(super) fn deliveries(account: AccountId) -> Vec<u8> {
    join(&[DELIVERIES, account.as_bytes()])
}

pub(super) fn delivery(account: AccountId, id: DeliveryId) -> Vec<u8> {
    join(&[DELIVERIES, account.as_bytes(), id.as_bytes()])
}

/// The prefix of all deliveries of an event that were made after it was stored.
pub(super) fn all_later(account: AccountId, event: EventId) -> Vec<u8> {
    join(&[b"r", account.as_bytes(), event.as_bytes()])
}

pub(super) fn later(account: AccountId, event: EventId, id: DeliveryId) -> Vec<u8> {
    join(&[b"r", account.as_bytes(), event.as_bytes(), id.as_bytes()])
}

/// The last sixteen bytes of a row's key: the id of the event or delivery it is of.
pub(super) fn last_id(row: &[u8]) -> Option<[u8; 16]> {
    row.last_chunk().copied()
}

/// The row of an event's dedupe key. The account belongs to what is hashed, so that no tenant's
/// event can be taken for another's.
pub(super) fn repeat(account: AccountId, dedupe: &DedupeKey) -> Vec<u8> {
    let parts = [dedupe.source.as_bytes(), dedupe.provider_id.as_bytes()];
    join(&[REPEATS, &ordered(dedupe.day), &digest(account, parts)])
}

/// The first row that is of `day` or later.
pub(super) fn repeats_from(day: i64) -> Vec<u8> {
    join(&[REPEATS, &ordered(day)])
}

/// The row of a single-use token.
pub(super) fn token(account: AccountId, token: &TokenKey) -> Vec<u8> {
    let parts = [token.source.as_bytes().as_slice(), token.token.as_bytes()];
    join(&[TOKENS, &ordered(token.signed_at), &digest(account, parts)])
}

/// The first row of a token that was signed at this Unix time or later.
pub(super) fn tokens_from(signed_at: i64) -> Vec<u8> {
    join(&[TOKENS, &ordered(signed_at)])
}

fn digest(account: AccountId, parts: [&[u8]; 2]) -> [u8; 16] {
    let mut hash = sha2::Sha256::new();
    hash.update(account.as_bytes());
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    *hash.finalize().first_chunk().expect("SHA-256 has 32 bytes")
}

/// A place in an endpoint's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot {
    /// The time at which the delivery is due.
    pub(super) due: Timestamp,
    /// The delivery.
    pub(super) id: DeliveryId,
}

/// The prefix of all rows of an endpoint's queue.
pub(super) fn queue(endpoint: EndpointId) -> Vec<u8> {
    join(&[QUEUES, endpoint.as_bytes()])
}

pub(super) fn queued(endpoint: EndpointId, slot: Slot) -> Vec<u8> {
    join(&[QUEUES, endpoint.as_bytes(), &ordered(slot.due.millis()), slot.id.as_bytes()])
}

/// Reads endpoint and slot back from a row of a queue.
pub(super) fn slot(row: &[u8]) -> Option<(EndpointId, Slot)> {
    let (endpoint, rest) = row.get(1..)?.split_first_chunk::<16>()?;
    let (due, id) = rest.split_first_chunk::<8>()?;
    let due = Timestamp::from_millis(unordered(*due));
    let id = DeliveryId::from_bytes(id.try_into().ok()?);
    Some((EndpointId::from_bytes(*endpoint), Slot { due, id }))
}

#[cfg(test)]
mod tests {
    use waypost_compat::Dialect;

    use super::*;

    #[test]
    fn numbers_order_by_their_bytes() {
        let numbers = [i64::MIN, -2, -1, 0, 1, 255, 256, i64::MAX];
        for pair in numbers.windows(2) {
            assert!(ordered(pair[0]) < ordered(pair[1]), "{pair:?}");
            assert_eq!(unordered(ordered(pair[0])), pair[0]);
        }
    }

    #[test]
    fn keys_read_back() {
        let endpoint = EndpointId::from_bytes([0xff; 16]);
        let id = DeliveryId::from_bytes([9; 16]);
        let at = Slot { due: Timestamp::from_millis(-5), id };
        assert_eq!(slot(&queued(endpoint, at)), Some((endpoint, at)));
        for dialect in Dialect::ALL {
            for domain in [None, Some("mg.example.com".parse().unwrap())] {
                let account = AccountId::from_bytes([3; 16]);
                let scope = WebhookScope { account, domain, dialect };
                assert_eq!(webhook_scope(&webhooks(&scope)), Some(scope));
            }
        }
    }
}
