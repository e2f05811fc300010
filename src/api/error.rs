//! Errors, of the native API, the ingest URLs and the probes alike.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The answer in the place of the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAnswer {
    /// The error.
    pub error: ErrorBody,
}

/// An error: why a request, or one item of it, was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The kind of error for programs, such as `not_found`.
    pub code: Cow<'static, str>,
    /// The error for people: what was expected, and what was found.
    pub message: String,
    /// The field or parameter at fault, as a path such as `sources[2].id`; absent where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
