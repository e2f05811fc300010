//! A request that was passed on, and not answered.

use std::time::Duration;

use super::Failure;

/// A reason for which a request that was passed on has no answer, or not the whole of one. None is
/// sent again: whoever made it decides.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// No connection was made, so that nothing has gone out.
    #[error("{text}")]
    Unreached {
        /// The step that failed.
        failure: Failure,
        /// The same in words.
        text: String,
    },
    /// Nothing came for a while; the request may have been taken.
    #[error("no byte in {} s", .0.as_secs_f64())]
    Silent(Duration),
    /// The connection broke, or what came was not HTTP; the request may have been taken.
    #[error("{0}")]
    Broken(String),
}
