//! Deliveries: claim, render, sign, send, settle.
