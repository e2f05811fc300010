//! The part of an account that a manager sees.

use crate::http::App;
use crate::http::caller::Principal;
use crate::http::native_error::NativeError;
use crate::model::{Domain, DomainName};

impl App {
    /// A domain of the manager's, by the name in a path or body.
    pub(super) async fn domain_of(
        &self,
        manager: &Principal,
        name: &str,
    ) -> Result<Domain, NativeError> {
        let name = domain_name(name)?;
        let domain = match manager.covers(&name) {
            true => self.directory.domain(manager.account, &name).await?,
            false => None,
        };
        domain.ok_or_else(|| NativeError::missing_domain(&name))
    }
}

impl Principal {
    /// The domain that a listing is to be narrowed to: the one asked for, or the one that the key
    /// is bound to.
    pub(super) fn narrowed(
        &self,
        asked: Option<DomainName>,
    ) -> Result<Option<DomainName>, NativeError> {
        match asked {
            Some(domain) if !self.covers(&domain) => Err(NativeError::missing_domain(&domain)),
            Some(domain) => Ok(Some(domain)),
            None => Ok(self.domain.clone()),
        }
    }
}

/// A domain's name as a client wrote it.
pub(super) fn domain_name(text: &str) -> Result<DomainName, NativeError> {
    text.parse().map_err(|error| NativeError::invalid("domain", format!("{error}")))
}
