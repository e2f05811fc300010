//! The ways in which the service treats one dialect otherwise than another: data, behind one `match`.
//!
//! Language (names, payloads, signatures) stands in [`waypost_compat`]. A rule that holds for some
//! dialects only is a property here, and whoever follows it asks for the property, not for the
//! dialect.

use std::time::Duration;

use waypost_compat::Dialect;

/// The rules of one dialect.
#[derive(Debug)]
pub struct Behaviour {
    /// The way in which its API knows webhooks.
    pub webhooks: Webhooks,
    /// The credentials that its clients may present, the one that counts first.
    pub credentials: &'static [Credential],
    /// The form of its API keys.
    pub key: KeyForm,
    /// True where a client names its organisation beside its key (`X-MailStack-Org`).
    pub names_org: bool,
    /// The number of a webhook id's bytes that its API shows.
    pub id_bytes: usize,
    /// True where a webhook can be off: by its owner, by a 410, by failing for too long.
    pub can_be_off: bool,
    /// The receiver that deliveries are queued for.
    pub endpoint: EndpointOf,
    /// The secret that deliveries are signed with.
    pub signed_by: SignedBy,
    /// True where a webhook that is made may bring its secret along.
    pub takes_secret: bool,
    /// True where a webhook has a place for a label.
    pub keeps_label: bool,
    /// True where the provider takes https URLs only.
    pub https_only: bool,
    /// The way in which failed deliveries are repeated.
    pub retry: Retry,
}

/// A way of knowing webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Webhooks {
    /// By domain and event name, with URLs in order; beside them the account's own, which have ids.
    Lists,
    /// As rows with ids.
    Rows,
}

/// A header that authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The password of Basic authentication.
    Basic,
    /// A Bearer token.
    Bearer,
    /// `X-API-Key`.
    ApiKey,
}

/// A form of API keys: a prefix, and hex digits in groups.
#[derive(Debug, Clone, Copy)]
pub struct KeyForm {
    /// The text that it begins with.
    pub prefix: &'static str,
    /// The number of random bytes in each group; hyphens stand between.
    pub groups: &'static [usize],
    /// True where a key that begins otherwise is told from a wrong one.
    pub is_checked: bool,
}

/// A choice of the receiver that deliveries are queued for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointOf {
    /// The URL: webhooks on one URL of one domain share it, and one that gets another URL is
    /// another receiver.
    Url,
    /// The webhook: kept when its URL is edited, so that what waits follows the corrected URL.
    Webhook,
}

/// A choice of the secret that deliveries are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedBy {
    /// The account's signing key.
    AccountKey,
    /// The webhook's own secret.
    OwnSecret,
}

/// The rules for what failed (`DESIGN.md` §6).
#[derive(Debug)]
pub struct Retry {
    /// The waits after each failed attempt.
    pub schedule: &'static [Duration],
    /// The statuses by which a receiver says that it never will take the event.
    pub final_statuses: &'static [u16],
    /// True where other statuses from 400 to 499 are tried again; 429 is in any case.
    pub retry_4xx: bool,
}

/// The newer of Mailgun's ladders, for the providers that document none (`spec/providers.md` §3.4).
const COMMON_RETRY: Retry =
    Retry { schedule: &minutes([5, 10, 15, 60, 120, 240]), final_statuses: &[], retry_4xx: true };

const fn minutes<const N: usize>(steps: [u64; N]) -> [Duration; N] {
    let mut schedule = [Duration::ZERO; N];
    let mut at = 0;
    while at < N {
        schedule[at] = Duration::from_mins(steps[at]);
        at += 1;
    }
    schedule
}

static MAILGUN: Behaviour = Behaviour {
    webhooks: Webhooks::Lists,
    credentials: &[Credential::Basic],
    key: KeyForm { prefix: "", groups: &[16, 4, 4], is_checked: false },
    names_org: false,
    id_bytes: 12,
    // Its API has no word for a webhook that is off.
    can_be_off: false,
    endpoint: EndpointOf::Url,
    signed_by: SignedBy::AccountKey,
    takes_secret: false,
    keeps_label: true,
    https_only: false,
    retry: Retry {
        schedule: &minutes([10, 10, 15, 30, 60, 120, 240]),
        final_statuses: &[406],
        retry_4xx: true,
    },
};

static POSTHAWK: Behaviour = Behaviour {
    webhooks: Webhooks::Rows,
    credentials: &[Credential::ApiKey, Credential::Bearer],
    key: KeyForm { prefix: "phk_", groups: &[20], is_checked: false },
    names_org: false,
    id_bytes: 16,
    can_be_off: true,
    endpoint: EndpointOf::Webhook,
    signed_by: SignedBy::OwnSecret,
    takes_secret: false,
    keeps_label: true,
    https_only: false,
    retry: COMMON_RETRY,
};

static MAILSTACK: Behaviour = Behaviour {
    webhooks: Webhooks::Rows,
    credentials: &[Credential::Bearer],
    // Its own tokens are JWTs of a user's session, which nobody can issue without being MailStack.
    key: KeyForm { prefix: "mst_", groups: &[24], is_checked: false },
    names_org: true,
    id_bytes: 16,
    can_be_off: true,
    endpoint: EndpointOf::Webhook,
    signed_by: SignedBy::OwnSecret,
    takes_secret: false,
    keeps_label: false,
    https_only: false,
    retry: COMMON_RETRY,
};

static WISTFARE: Behaviour = Behaviour {
    webhooks: Webhooks::Rows,
    credentials: &[Credential::ApiKey, Credential::Bearer],
    // Its own server tells a key that cannot be one of its keys from a wrong one.
    key: KeyForm { prefix: "wm_", groups: &[24], is_checked: true },
    names_org: false,
    id_bytes: 16,
    can_be_off: true,
    endpoint: EndpointOf::Webhook,
    signed_by: SignedBy::OwnSecret,
    takes_secret: false,
    keeps_label: false,
    https_only: true,
    retry: Retry {
        schedule: &[Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)],
        final_statuses: &[],
        retry_4xx: false,
    },
};

static MAILING_API: Behaviour = Behaviour {
    webhooks: Webhooks::Rows,
    credentials: &[Credential::Bearer],
    key: KeyForm { prefix: "ob_live_", groups: &[16], is_checked: false },
    names_org: false,
    id_bytes: 16,
    can_be_off: true,
    endpoint: EndpointOf::Webhook,
    signed_by: SignedBy::OwnSecret,
    takes_secret: true,
    keeps_label: true,
    https_only: true,
    retry: COMMON_RETRY,
};

impl Behaviour {
    /// A dialect's rules.
    #[must_use]
    pub const fn of(dialect: Dialect) -> &'static Self {
        match dialect {
            Dialect::Mailgun => &MAILGUN,
            Dialect::Posthawk => &POSTHAWK,
            Dialect::MailStack => &MAILSTACK,
            Dialect::Wistfare => &WISTFARE,
            Dialect::MailingApi => &MAILING_API,
        }
    }

    /// Says that its webhooks are kept as lists by domain and event name.
    #[must_use]
    pub fn has_lists(&self) -> bool {
        self.webhooks == Webhooks::Lists
    }

    /// Says that its webhooks have secrets of their own.
    #[must_use]
    pub fn has_own_secrets(&self) -> bool {
        self.signed_by == SignedBy::OwnSecret
    }
}
