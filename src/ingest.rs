//! Taking events in: verify, parse, match, enqueue; acknowledged after the commit.
