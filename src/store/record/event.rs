//! The record of an event: a JSON header, the ids of its deliveries, the provider's bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use waypost_compat::{Kind, Provider};

use super::{Unreadable, VERSION, from_json, versioned};
use crate::model::{AccountId, DeliveryId, DomainName, EventId, SourceId, StoredEvent, Timestamp};

#[derive(Serialize, Deserialize)]
struct EventHeader {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domain: Option<DomainName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<SourceId>,
    /// Stored under the word it had when dialects were all the providers there were.
    #[serde(rename = "dialect")]
    provider: Provider,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
    received_at: Timestamp,
}

/// An event as it is stored: with the deliveries that were enqueued with it, so that none needs
/// an index of its own. `event.duplicates` and `event.also_by` are kept elsewhere, because they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct EventRow {
    /// The event.
    pub(in crate::store) event: StoredEvent,
    /// The deliveries enqueued with it; those made later are found elsewhere.
    pub(in crate::store) deliveries: Vec<DeliveryId>,
}

/// An event, less its account and id, which name its row.
pub(in crate::store) fn encode_event(
    event: &StoredEvent,
    deliveries: impl ExactSizeIterator<Item = DeliveryId>,
) -> Vec<u8> {
    let header = EventHeader {
        domain: event.domain.clone(),
        source: event.source,
        provider: event.provider,
        kind: event.kind,
        name: event.name.clone(),
        provider_id: event.provider_id.clone(),
        recipient: event.recipient.clone(),
        message_id: event.message_id.clone(),
        occurred_at: event.occurred_at,
        received_at: event.received_at,
    };
    let mut bytes = Vec::with_capacity(512 + 16 * deliveries.len() + event.body.len());
    bytes.extend([VERSION, 0, 0, 0, 0]);
    serde_json::to_writer(&mut bytes, &header)
        .expect("a header has text keys only, and a vector takes every write");
    let header_len = bytes.len() - 5;
    bytes[1..5].copy_from_slice(&length(header_len));
    bytes.extend(length(deliveries.len()));
    for id in deliveries {
        bytes.extend(id.as_bytes());
    }
    bytes.extend_from_slice(&event.body);
    bytes
}

/// Reads what [`encode_event`] wrote into the row of `account` and `id`.
pub(in crate::store) fn decode_event(
    account: AccountId,
    id: EventId,
    bytes: Vec<u8>,
) -> Result<EventRow, Unreadable> {
    let mut rest = versioned("event", &bytes)?;
    let header_len = take_length(&mut rest)?;
    let header: EventHeader = from_json("event", take(&mut rest, header_len)?)?;
    let count = take_length(&mut rest)?;
    let ids = take(&mut rest, count.saturating_mul(16))?;
    let deliveries = ids.chunks_exact(16).map(|id| {
        DeliveryId::from_bytes(id.try_into().expect("a chunk of sixteen has sixteen bytes"))
    });
    let deliveries = deliveries.collect();
    let body_at = bytes.len() - rest.len();
    let event = StoredEvent {
        id,
        account,
        domain: header.domain,
        source: header.source,
        provider: header.provider,
        kind: header.kind,
        name: header.name,
        provider_id: header.provider_id,
        recipient: header.recipient,
        message_id: header.message_id,
        occurred_at: header.occurred_at,
        received_at: header.received_at,
        also_by: Vec::new(),
        duplicates: 0,
        body: Bytes::from(bytes).slice(body_at..),
    };
    Ok(EventRow { event, deliveries })
}

fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).expect("a request body is far smaller than 4 GiB").to_be_bytes()
}

fn take<'b>(rest: &mut &'b [u8], len: usize) -> Result<&'b [u8], Unreadable> {
    let (taken, left) = rest.split_at_checked(len).ok_or_else(|| {
        Unreadable::new("event", "its full length", format!("{} bytes for {len}", rest.len()))
    })?;
    *rest = left;
    Ok(taken)
}

fn take_length(rest: &mut &[u8]) -> Result<usize, Unreadable> {
    let bytes = take(rest, 4)?.try_into().expect("four bytes were taken");
    Ok(u32::from_be_bytes(bytes) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_cut_short_anywhere_is_an_error_and_no_panic() {
        let event = StoredEvent {
            id: EventId::from_bytes([1; 16]),
            account: AccountId::from_bytes([2; 16]),
            domain: Some("example.com".parse().unwrap()),
            source: None,
            provider: Provider::Mailgun,
            kind: Some(Kind::Delivered),
            name: "delivered".to_owned(),
            provider_id: None,
            recipient: None,
            message_id: None,
            occurred_at: None,
            received_at: Timestamp::from_millis(5),
            also_by: Vec::new(),
            duplicates: 0,
            body: Bytes::new(),
        };
        let bytes = encode_event(&event, [DeliveryId::from_bytes([3; 16])].into_iter());
        for len in 0..bytes.len() {
            let cut = decode_event(event.account, event.id, bytes[..len].to_vec());
            assert!(cut.is_err(), "{len} of {} bytes were read as an event", bytes.len());
        }
        let whole = decode_event(event.account, event.id, bytes).unwrap();
        assert_eq!(whole.event, event);
    }
}
