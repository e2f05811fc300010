//! Who may use the native API, and how much of the account they see.

use waypost_compat::Dialect;

use super::error::ApiError;
use crate::http::{App, Credentials, Principal};
use crate::model::{AccountId, Domain, DomainName, KeyId, Scope};

/// The user name that Basic credentials have, here as in Mailgun's API.
const USER: &str = "api";

/// Somebody who may manage an account, or one domain of it.
#[derive(Debug, Clone)]
pub(super) struct Manager(Principal);

impl App {
    /// The manager whose key this is: a key of the Mailgun dialect that may manage.
    pub(super) async fn manager(&self, credentials: &Credentials) -> Result<Manager, ApiError> {
        let Some((user, key)) = &credentials.basic else {
            return Err(ApiError::unauthorized("none"));
        };
        if user != USER {
            return Err(ApiError::unauthorized("another user"));
        }
        let principal = self.principal(key).await?;
        let principal =
            principal.ok_or_else(|| ApiError::unauthorized("a key that opens nothing"))?;
        if principal.dialect != Dialect::Mailgun {
            let dialect = principal.dialect;
            return Err(ApiError::forbidden(format!(
                "expected a key of the mailgun dialect, found one of the {dialect} dialect"
            )));
        }
        match principal.scope {
            Scope::Manage => Ok(Manager(principal)),
            Scope::Read | Scope::Send => {
                Err(ApiError::forbidden("expected a key that may manage, found a restricted one"))
            }
        }
    }

    /// The manager who runs this server: whose key opens all of the account of the first start.
    pub(super) async fn operator(&self, credentials: &Credentials) -> Result<Manager, ApiError> {
        let manager = self.manager(credentials).await?;
        let accounts = self.directory.accounts().await?;
        let first = accounts.iter().min_by_key(|account| account.created_at).map(|first| first.id);
        if first == Some(manager.account()) && manager.0.domain.is_none() {
            Ok(manager)
        } else {
            Err(ApiError::forbidden(
                "expected a key of the account that the server was first started with, for all of \
                 its domains",
            ))
        }
    }

    /// A domain of the manager's, by the name in a path or body.
    pub(super) async fn domain_of(
        &self,
        manager: &Manager,
        name: &str,
    ) -> Result<Domain, ApiError> {
        let name = domain_name(name)?;
        let domain = match manager.sees(&name) {
            true => self.directory.domain(manager.account(), &name).await?,
            false => None,
        };
        domain.ok_or_else(|| ApiError::missing_domain(&name))
    }
}

impl Manager {
    /// The account managed.
    pub(super) const fn account(&self) -> AccountId {
        self.0.account
    }

    /// The key presented.
    pub(super) const fn key(&self) -> KeyId {
        self.0.key
    }

    /// The one domain that the key is bound to, or all of the account's.
    pub(super) const fn bound_to(&self) -> Option<&DomainName> {
        self.0.domain.as_ref()
    }

    /// Whether what belongs to this domain of the account may be seen.
    pub(super) fn sees(&self, domain: &DomainName) -> bool {
        self.0.covers(domain)
    }

    /// The same of what may belong to no single domain, or to none that is known: that is for those
    /// who manage all of the account.
    pub(super) fn sees_of(&self, domain: Option<&DomainName>) -> bool {
        match domain {
            Some(domain) => self.sees(domain),
            None => self.bound_to().is_none(),
        }
    }

    /// Refuses somebody who manages one domain what concerns all of the account.
    pub(super) fn whole_account(&self) -> Result<(), ApiError> {
        match self.bound_to() {
            None => Ok(()),
            Some(own) => Err(ApiError::forbidden(format!(
                "this key manages {own} only; expected one for all of the account's domains"
            ))),
        }
    }

    /// The domain that a listing is to be narrowed to: the one asked for, or the one that the key
    /// is bound to.
    pub(super) fn narrowed(
        &self,
        asked: Option<DomainName>,
    ) -> Result<Option<DomainName>, ApiError> {
        match asked {
            Some(domain) if !self.sees(&domain) => Err(ApiError::missing_domain(&domain)),
            Some(domain) => Ok(Some(domain)),
            None => Ok(self.bound_to().cloned()),
        }
    }
}

/// A domain's name as a client wrote it.
pub(super) fn domain_name(text: &str) -> Result<DomainName, ApiError> {
    text.parse().map_err(|error| ApiError::invalid("domain", format!("{error}")))
}
