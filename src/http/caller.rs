//! The one judge of keys: from what a request presents and what its route demands to a principal,
//! or to why not. Each API says that in its own words and shape.

use std::fmt;

use waypost_compat::Dialect;

use super::App;
use super::credentials::Credentials;
use super::generate;
use crate::behaviour::{self, Behaviour};
use crate::model::{AccountId, DomainName, KeyHash, KeyId, Scope};
use crate::store;

/// The user name of Basic credentials.
const USER: &str = "api";

/// Somebody whose key is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub account: AccountId,
    /// The key that was presented.
    pub key: KeyId,
    /// The dialect whose API the key opens.
    pub dialect: Dialect,
    /// The one domain it is bound to, or all of the account's.
    pub domain: Option<DomainName>,
    /// The things it may do.
    pub scope: Scope,
}

/// The proof that a route demands of whoever calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Required {
    /// None: anybody may ask.
    Nothing,
    /// The signature of the source that the path names; judged where events are taken in.
    Signature,
    /// A key.
    Key(Demand),
}

/// A key that a route demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Demand {
    /// The dialect whose key it is. Its clients say where in a request it stands.
    pub(super) dialect: Dialect,
    /// The least that it may do.
    pub(super) right: Right,
    /// The least that it must open.
    pub(super) extent: Extent,
}

/// The least that a key must be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// Anything.
    Any,
    /// To read; to manage includes it.
    Read,
    /// To manage.
    Manage,
}

/// The least that a key must open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Anywhere: what lies outside of it is not found.
    Own,
    /// All of the account's domains.
    Account,
    /// All of the account that the server was first started with: whoever owns it runs the server.
    Server,
}

/// A reason why a request's credential does not do.
#[derive(Debug)]
pub(super) enum Denied {
    /// None where the route looks for one.
    Missing,
    /// Basic credentials of another user than `api`.
    User,
    /// A key that does not begin as every key of its dialect does.
    Form {
        /// The beginning.
        prefix: &'static str,
    },
    /// No organisation beside the key, where the dialect has one named.
    NoOrganization,
    /// Nobody's key, or one that has expired, or of a domain that is gone.
    Unknown,
    /// A good key of another dialect.
    Dialect(Dialect),
    /// A good key of another organisation than the one named.
    WrongOrganization,
    /// A good key that may do only this.
    Scope(Scope),
    /// A good key that is bound to this domain.
    Bound(DomainName),
    /// A good key of somebody who does not run this server.
    NotOperator,
    /// The store failed.
    Store(store::Error),
}

impl From<store::Error> for Denied {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl Demand {
    /// A key of the Mailgun dialect, which is the password of Basic credentials.
    pub(super) const fn basic(right: Right, extent: Extent) -> Self {
        Self { dialect: Dialect::Mailgun, right, extent }
    }

    /// A key that manages, of this dialect.
    pub(super) const fn manage(dialect: Dialect) -> Self {
        Self { dialect, right: Right::Manage, extent: Extent::Own }
    }
}

impl fmt::Display for Required {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("none"),
            Self::Signature => f.write_str("the source's signature"),
            Self::Key(demand) => demand.fmt(f),
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let right = match self.right {
            Right::Any => "",
            Right::Read => " that reads",
            Right::Manage => " that manages",
        };
        let extent = match self.extent {
            Extent::Own => "",
            Extent::Account => " the whole account",
            Extent::Server => " the first account",
        };
        write!(f, "{} key{right}{extent}", self.dialect)
    }
}

impl Principal {
    /// Says whether it may touch this domain.
    #[must_use]
    pub fn covers(&self, domain: &DomainName) -> bool {
        self.domain.as_ref().is_none_or(|own| own == domain)
    }

    /// The same of what may belong to no single domain, or to none that is known: that is for those
    /// who reach all of the account.
    pub(super) fn covers_part(&self, domain: Option<&DomainName>) -> bool {
        match domain {
            Some(domain) => self.covers(domain),
            None => self.domain.is_none(),
        }
    }

    /// Refuses a key of one domain what concerns all of the account.
    pub(super) fn whole_account(&self) -> Result<(), Denied> {
        match &self.domain {
            None => Ok(()),
            Some(own) => Err(Denied::Bound(own.clone())),
        }
    }

    fn may(&self, right: Right) -> Result<(), Denied> {
        match (right, self.scope) {
            (Right::Any, _) | (Right::Read | Right::Manage, Scope::Manage) => Ok(()),
            (Right::Read, Scope::Read) => Ok(()),
            (Right::Read, Scope::Send) | (Right::Manage, Scope::Read | Scope::Send) => {
                Err(Denied::Scope(self.scope))
            }
        }
    }
}

impl App {
    /// Judges a request: `key` is the one credential of it that may authenticate, `beside` are all
    /// that it has.
    pub(super) async fn judge(
        &self,
        demand: Demand,
        key: Option<&str>,
        beside: &Credentials,
    ) -> Result<Principal, Denied> {
        let key = key.ok_or(Denied::Missing)?;
        check_form(demand.dialect, key, beside)?;
        let principal = self.principal(key).await?.ok_or(Denied::Unknown)?;
        if principal.dialect != demand.dialect {
            return Err(Denied::Dialect(principal.dialect));
        }
        self.check_home(&principal, beside).await?;
        principal.may(demand.right)?;
        match demand.extent {
            Extent::Own => {}
            Extent::Account => principal.whole_account()?,
            Extent::Server => self.check_operator(&principal).await?,
        }
        Ok(principal)
    }

    /// The principal behind a key; `None` if it is nobody's, or has expired.
    pub(super) async fn principal(&self, key: &str) -> Result<Option<Principal>, store::Error> {
        let Some(key) = self.directory.key_by_hash(&KeyHash::of(key)).await? else {
            return Ok(None);
        };
        if key.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Ok(None);
        }
        Ok(Some(Principal {
            account: key.account,
            key: key.id,
            dialect: key.dialect,
            domain: key.domain,
            scope: key.scope,
        }))
    }

    /// Sees to it that the place which a key opens is still there, and the one that is named.
    async fn check_home(&self, key: &Principal, beside: &Credentials) -> Result<(), Denied> {
        let behaviour = Behaviour::of(key.dialect);
        // Lists are found by the name of a domain that is there; for rows the key alone names it.
        if !behaviour.has_lists()
            && let Some(domain) = &key.domain
            && self.directory.domain(key.account, domain).await?.is_none()
        {
            return Err(Denied::Unknown);
        }
        let named = beside.org.as_deref();
        let own = || generate::org(key.account, key.domain.as_ref());
        match behaviour.names_org && named != Some(&*own()) {
            true => Err(Denied::WrongOrganization),
            false => Ok(()),
        }
    }

    async fn check_operator(&self, principal: &Principal) -> Result<(), Denied> {
        let accounts = self.directory.accounts().await?;
        let first = accounts.iter().min_by_key(|account| account.created_at).map(|first| first.id);
        match first == Some(principal.account) && principal.domain.is_none() {
            true => Ok(()),
            false => Err(Denied::NotOperator),
        }
    }
}

/// Checks the form of a credential, before it is known whose it is.
fn check_form(dialect: Dialect, key: &str, beside: &Credentials) -> Result<(), Denied> {
    let Behaviour { credentials, key: form, names_org, .. } = Behaviour::of(dialect);
    if credentials.contains(&behaviour::Credential::Basic) {
        return match &beside.basic {
            Some((user, _)) if user == USER => Ok(()),
            Some(_) => Err(Denied::User),
            None => Err(Denied::Missing),
        };
    }
    if key.is_empty() {
        return Err(Denied::Missing);
    }
    // Without an organisation there is nothing that a token could be good for.
    if *names_org && beside.org.is_none() {
        return Err(Denied::NoOrganization);
    }
    match form.is_checked && !key.starts_with(form.prefix) {
        true => Err(Denied::Form { prefix: form.prefix }),
        false => Ok(()),
    }
}
