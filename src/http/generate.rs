//! New API keys, in the form in which each provider issues its own.

use sha2::{Digest, Sha256};
use waypost_compat::Dialect;

use crate::behaviour::{Behaviour, KeyForm};
use crate::clock::Clock;
use crate::model::{AccountId, DomainName, hex};

/// A new key of a dialect.
///
/// Clients check at most how a key begins (`spec/providers.md` §1.3: Wistfare's `wm_`; §1.4:
/// `ob_live_` tells `MailingAPI` from Posthawk).
pub(super) fn api_key(dialect: Dialect, clock: &Clock) -> String {
    let KeyForm { prefix, groups, .. } = Behaviour::of(dialect).key;
    let digits = |bytes: &usize| hex(&clock.random::<KEY_GROUP_BYTES_MAX>()[..*bytes]);
    let groups: Vec<String> = groups.iter().map(digits).collect();
    format!("{prefix}{}", groups.join("-"))
}

/// The longest group of digits in any dialect's keys.
const KEY_GROUP_BYTES_MAX: usize = 24;

/// The text that a `MailStack` client puts into `X-MailStack-Org`: the account's id or, for a key that is
/// bound to a domain, one made of both. It names, it opens nothing.
pub(super) fn org(account: AccountId, domain: Option<&DomainName>) -> String {
    let digits = match domain {
        None => hex(account.as_bytes()),
        Some(domain) => hex(&Sha256::new()
            .chain_update(account.as_bytes())
            .chain_update(domain.as_str())
            .finalize()),
    };
    format!("org_{}", &digits[..24])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of the dialect begins so, and is so long.
    #[track_caller]
    fn check(dialect: Dialect, prefix: &str, length: usize) {
        let clock = Clock::system();
        let key = api_key(dialect, &clock);
        assert!(key.starts_with(prefix), "{key}");
        assert_eq!(key.len(), length, "{key}");
        assert_ne!(key, api_key(dialect, &clock));
    }

    #[test]
    fn keys_have_the_form_that_each_providers_clients_know() {
        check(Dialect::Mailgun, "", 50);
        check(Dialect::Posthawk, "phk_", 44);
        check(Dialect::MailStack, "mst_", 52);
        check(Dialect::Wistfare, "wm_", 51);
        check(Dialect::MailingApi, "ob_live_", 40);
    }

    #[test]
    fn an_org_is_the_same_for_the_same_account_and_domain() {
        let account = AccountId::from_bytes([0xab; 16]);
        let domain: DomainName = "example.com".parse().unwrap();
        assert_eq!(org(account, None), "org_abababababababababababab");
        let bound = org(account, Some(&domain));
        assert_eq!((bound.len(), bound == org(account, None)), (28, false));
        assert_eq!(bound, org(account, Some(&domain)));
    }
}
