//! The dialect that a request on `/v1/webhooks` speaks: four of them share that path
//! (`spec/providers.md` §1.4).
//!
//! The choice is a pure function of the credentials. Neither verb nor body takes part in it, and
//! only the credential that chose the dialect may then authenticate.

use waypost_compat::Dialect;

use super::App;
use super::credentials::Credentials;
use crate::behaviour::{Behaviour, Credential};
use crate::config::Settings;

/// The dialect a request speaks, and what said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// The dialect.
    pub dialect: Dialect,
    /// The sign.
    pub how: How,
}

/// The sign that gave a request's dialect away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A path that is one dialect's alone.
    Path,
    /// A host name that was configured for one dialect.
    Host,
    /// `X-MailStack-Org`.
    Org,
    /// `X-API-Key`.
    ApiKey,
    /// `Authorization: Basic`.
    Basic,
    /// `Authorization: Bearer`: the key's own record, or else the form of the token.
    Bearer,
    /// No credential at all: the configured default.
    Nothing,
}

impl Chosen {
    /// The credential that may authenticate, where the request has it.
    #[must_use]
    pub fn secret<'c>(&self, credentials: &'c Credentials) -> Option<&'c str> {
        let basic = credentials.basic.as_ref().map(|(_, password)| password.as_str());
        let bearer = credentials.bearer.as_deref();
        let api_key = credentials.api_key.as_deref();
        match self.how {
            How::Org | How::Bearer => bearer,
            How::ApiKey => api_key,
            How::Basic => basic,
            How::Nothing => None,
            How::Path | How::Host => {
                let mut accepted = Behaviour::of(self.dialect).credentials.iter();
                accepted.find_map(|credential| match credential {
                    Credential::Basic => basic,
                    Credential::Bearer => bearer,
                    Credential::ApiKey => api_key,
                })
            }
        }
    }
}

/// Chooses the dialect: the first sign that a request carries wins. `bearer` is the dialect of the
/// key that the Bearer token turned out to be, where it is one of ours.
#[must_use]
pub fn choose(credentials: &Credentials, settings: &Settings, bearer: Option<Dialect>) -> Chosen {
    let host = credentials.host.as_deref();
    let by_host = settings.hosts.iter().find(|(name, _)| Some(name.as_str()) == host);
    if let Some((_, dialect)) = by_host {
        return Chosen { dialect: *dialect, how: How::Host };
    }
    if credentials.org.is_some() {
        return Chosen { dialect: Dialect::MailStack, how: How::Org };
    }
    if credentials.api_key.is_some() {
        return Chosen { dialect: Dialect::Posthawk, how: How::ApiKey };
    }
    if credentials.basic.is_some() {
        return Chosen { dialect: Dialect::Mailgun, how: How::Basic };
    }
    if let Some(token) = &credentials.bearer {
        return Chosen { dialect: bearer.unwrap_or_else(|| by_form(token)), how: How::Bearer };
    }
    Chosen { dialect: settings.default_dialect, how: How::Nothing }
}

/// The dialect that a token looks like, so that the refusal of one that is no key of ours has the
/// right shape.
fn by_form(token: &str) -> Dialect {
    let jwt = token.starts_with("eyJ") && token.matches('.').count() == 2;
    if jwt || token.starts_with("ms_live_") || token.starts_with("ms_test_") {
        Dialect::MailStack
    } else {
        Dialect::MailingApi
    }
}

/// Chooses the dialect of a request on the shared path.
pub(super) async fn chosen(credentials: &Credentials, app: &App) -> Chosen {
    let chosen = choose(credentials, &app.settings, None);
    let Some(token) = credentials.bearer.as_deref().filter(|_| chosen.how == How::Bearer) else {
        return chosen;
    };
    let owner = app.principal(token).await.ok().flatten();
    choose(credentials, &app.settings, owner.map(|owner| owner.dialect))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::row_webhooks::api;

    #[test]
    fn every_dialect_whose_webhooks_are_rows_has_an_api() {
        for dialect in Dialect::ALL {
            let has_rows = !Behaviour::of(dialect).has_lists();
            assert_eq!(api(dialect).is_some(), has_rows, "{dialect}");
        }
    }

    fn chosen(fill: impl FnOnce(&mut Credentials), bearer: Option<Dialect>) -> (Dialect, How) {
        let mut credentials = Credentials::default();
        fill(&mut credentials);
        let settings = Settings {
            hosts: vec![("mailstack.example".to_owned(), Dialect::MailStack)],
            ..Settings::default()
        };
        let Chosen { dialect, how } = choose(&credentials, &settings, bearer);
        (dialect, how)
    }

    fn everything(c: &mut Credentials) {
        c.org = Some("org_1".to_owned());
        c.api_key = Some("posthawk-key".to_owned());
        c.basic = Some(("api".to_owned(), "mailgun-key".to_owned()));
        c.bearer = Some("mailstack-token".to_owned());
    }

    #[test]
    fn the_first_sign_wins_in_the_order_host_org_api_key_basic_bearer() {
        let with_host = |c: &mut Credentials| {
            everything(c);
            c.host = Some("mailstack.example".to_owned());
        };
        assert_eq!(chosen(with_host, None), (Dialect::MailStack, How::Host));
        assert_eq!(chosen(everything, None), (Dialect::MailStack, How::Org));
        let no_org = |c: &mut Credentials| {
            everything(c);
            c.org = None;
        };
        assert_eq!(chosen(no_org, None), (Dialect::Posthawk, How::ApiKey));
        let no_api_key = |c: &mut Credentials| {
            everything(c);
            (c.org, c.api_key) = (None, None);
        };
        assert_eq!(chosen(no_api_key, None), (Dialect::Mailgun, How::Basic));
    }

    #[test]
    fn a_bearer_token_is_of_its_keys_dialect_and_unknown_ones_go_by_their_form() {
        let bearer =
            |token: &'static str| move |c: &mut Credentials| c.bearer = Some(token.to_owned());
        for known in Dialect::ALL {
            assert_eq!(chosen(bearer("ob_live_1"), Some(known)), (known, How::Bearer));
        }
        let cases = [
            ("ob_live_1", Dialect::MailingApi),
            ("ob_test_1", Dialect::MailingApi),
            ("ms_live_1", Dialect::MailStack),
            ("ms_test_1", Dialect::MailStack),
            ("eyJhbGciOiJub25lIn0.e30.x", Dialect::MailStack),
            ("eyJ-but-no-dots", Dialect::MailingApi),
            ("anything else", Dialect::MailingApi),
        ];
        for (token, dialect) in cases {
            assert_eq!(chosen(bearer(token), None), (dialect, How::Bearer), "{token}");
        }
    }

    #[test]
    fn no_credential_falls_to_the_configured_default() {
        assert_eq!(chosen(|_| (), None), (Dialect::MailingApi, How::Nothing));
        let settings = Settings { default_dialect: Dialect::Mailgun, ..Settings::default() };
        let none = Credentials::default();
        assert_eq!(choose(&none, &settings, None).dialect, Dialect::Mailgun);
    }

    #[test]
    fn only_the_credential_that_chose_may_authenticate() {
        let mut all = Credentials::default();
        everything(&mut all);
        let secret = |dialect, how| Chosen { dialect, how }.secret(&all).map(str::to_owned);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(secret(Dialect::MailStack, How::Org), some("mailstack-token"));
        assert_eq!(secret(Dialect::Posthawk, How::ApiKey), some("posthawk-key"));
        assert_eq!(secret(Dialect::Mailgun, How::Basic), some("mailgun-key"));
        assert_eq!(secret(Dialect::MailingApi, How::Bearer), some("mailstack-token"));
        assert_eq!(secret(Dialect::MailingApi, How::Nothing), None);
        assert_eq!(secret(Dialect::Mailgun, How::Host), some("mailgun-key"));
        assert_eq!(secret(Dialect::Posthawk, How::Host), some("posthawk-key"));
        assert_eq!(secret(Dialect::MailStack, How::Host), some("mailstack-token"));
    }
}
