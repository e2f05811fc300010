//! The command line: one file per verb; a client of a running server, except `serve` and `demo`.
