//! Who calls, and what they may touch (`spec/mailgun-api.md` §4).

use warp::http::Method;
use waypost_compat::Dialect;

use super::answer::Refusal;
use crate::http::App;
use crate::http::auth::{Credentials, Principal};
use crate::http::call::Call;
use crate::model::{AccountId, Domain, DomainName, Scope, WebhookScope};

/// The user name that Mailgun's Basic credentials have.
const USER: &str = "api";

/// Someone with a good key of this dialect.
#[derive(Debug)]
pub(super) struct Caller {
    principal: Principal,
}

/// Whose key a request came with, whatever it may do; 401 unless it is one of this dialect.
pub(super) async fn principal(credentials: &Credentials, app: &App) -> Result<Principal, Refusal> {
    let Some((user, key)) = &credentials.basic else {
        return Err(Refusal::Unauthorized);
    };
    if user != USER {
        return Err(Refusal::Unauthorized);
    }
    match app.principal(key).await? {
        Some(principal) if principal.dialect == Dialect::Mailgun => Ok(principal),
        _ => Err(Refusal::Unauthorized),
    }
}

impl Caller {
    /// Judges a request's credential: 401 unless its key manages or reads through this dialect's
    /// API, 403 where a key that only reads asks for a change.
    pub(super) async fn of(call: &Call, app: &App) -> Result<Self, Refusal> {
        let caller = Self::known(call, app).await?;
        if call.method != Method::GET {
            caller.may_change()?;
        }
        Ok(caller)
    }

    async fn known(call: &Call, app: &App) -> Result<Self, Refusal> {
        let principal = principal(&call.credentials, app).await?;
        match principal.scope {
            Scope::Manage | Scope::Read => Ok(Self { principal }),
            Scope::Send => Err(Refusal::Unauthorized),
        }
    }

    /// 403 for a key that only reads.
    pub(super) fn may_change(&self) -> Result<(), Refusal> {
        match self.principal.scope {
            Scope::Manage => Ok(()),
            Scope::Read | Scope::Send => Err(Refusal::forbidden()),
        }
    }

    /// 403 for a key that is bound to one domain, where all of the account is at stake.
    pub(super) fn whole_account(&self) -> Result<(), Refusal> {
        match self.principal.domain {
            None => Ok(()),
            Some(_) => Err(Refusal::forbidden()),
        }
    }

    /// The account.
    pub(super) fn account(&self) -> AccountId {
        self.principal.account
    }

    /// Whether this domain is within the key's reach.
    pub(super) fn covers(&self, domain: &DomainName) -> bool {
        self.principal.covers(domain)
    }

    /// The domain that a path names. Whatever cannot be seen from here, other accounts' domains and
    /// texts that are no names included, is not found.
    pub(super) async fn domain(&self, name: &str, app: &App) -> Result<Domain, Refusal> {
        let not_found = || Refusal::not_found("Domain not found");
        let name: DomainName = name.parse().map_err(|_| not_found())?;
        if !self.covers(&name) {
            return Err(not_found());
        }
        app.directory.domain(self.account(), &name).await?.ok_or_else(not_found)
    }

    /// Where the webhooks of a domain that a path names are.
    pub(super) async fn scope(&self, name: &str, app: &App) -> Result<WebhookScope, Refusal> {
        let domain = self.domain(name, app).await?;
        Ok(WebhookScope {
            account: self.account(),
            domain: Some(domain.name),
            dialect: Dialect::Mailgun,
        })
    }
}
