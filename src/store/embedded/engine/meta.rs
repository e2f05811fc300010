//! The rows and the parts of keys that are the engine's own.

/// The form in which a generation was completed.
pub(super) const FORMAT: &[u8] = b"mformat";
/// The counters.
pub(super) const COUNTERS: &[u8] = b"mtotals";
/// The measure of the last compaction.
pub(super) const LIVE: &[u8] = b"mlive";

/// A further piece of a long record; the first is number 1.
pub(super) fn piece(key: &[u8], number: u16) -> Vec<u8> {
    [b"+", key, &number.to_be_bytes()].concat()
}

/// The first key after all that begin with `prefix`.
pub(in crate::store::embedded) fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_one() {
        assert_eq!(end_of(b"q"), b"r");
        assert_eq!(end_of(&[b'q', 0xff, 0xff]), b"r");
        assert_eq!(end_of(&[0xff]), b"");
    }
}
