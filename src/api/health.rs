//! Answers of the probes.

use serde::{Deserialize, Serialize};

use super::Word;

/// The answer of `/healthz` and `/readyz`, if all is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The state of the server.
    pub status: Word<HealthStatus>,
}

/// A state in which a probe succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// The process runs and answers.
    Ok,
    /// The store commits, so requests may be sent.
    Ready,
}
