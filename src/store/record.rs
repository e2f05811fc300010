//! Stored records: versioned bytes, ordered keys.
