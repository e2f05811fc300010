//! Configuration: flag, then environment, then file, then default.

use std::time::Duration;

use waypost_compat::Dialect;

/// What the HTTP side and ingest need to know, once everything is read and checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How providers and clients reach this server, without a slash at the end.
    pub public_url: String,
    /// Lifts the https rule that Wistfare and `MailingAPI` put on webhook URLs.
    pub allow_http: bool,
    /// The largest request body taken, in bytes.
    pub body_bytes_max: usize,
    /// How old a provider's signature may be, or how far in the future.
    pub freshness: Duration,
    /// How many URLs a Mailgun event name may have in one domain.
    pub urls_per_event_max: usize,
    /// Names of hosts that speak one dialect only, whatever the credential.
    pub hosts: Vec<(String, Dialect)>,
    /// The dialect whose error shape answers a request on `/v1/webhooks` without a credential.
    pub default_dialect: Dialect,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8740".to_owned(),
            allow_http: false,
            body_bytes_max: 1 << 20,
            freshness: Duration::from_mins(15),
            urls_per_event_max: 3,
            hosts: Vec::new(),
            default_dialect: Dialect::MailingApi,
        }
    }
}
