//! One POST to a receiver, with deadlines, caps and an address policy, and what came of it.
