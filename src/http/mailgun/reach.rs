//! The domains and webhooks that a key reaches (`spec/mailgun-api.md` §4).

use waypost_compat::Dialect;

use super::answer::MailgunError;
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::model::{Domain, DomainName, WebhookScope};

impl Principal {
    /// The domain that a path names.
    pub(super) async fn domain_at(&self, call: &Call, app: &App) -> Result<Domain, MailgunError> {
        self.domain_named(&call.parameter("domain"), app).await
    }

    /// The domain of this name. Whatever cannot be seen from here, other accounts' domains and texts
    /// that are no names included, is not found.
    pub(super) async fn domain_named(&self, name: &str, app: &App) -> Result<Domain, MailgunError> {
        let not_found = || MailgunError::not_found("Domain not found");
        let name: DomainName = name.parse().map_err(|_| not_found())?;
        if !self.covers(&name) {
            return Err(not_found());
        }
        app.directory.domain(self.account, &name).await?.ok_or_else(not_found)
    }

    /// The place of the webhooks of the domain that a path names.
    pub(super) async fn scope(&self, call: &Call, app: &App) -> Result<WebhookScope, MailgunError> {
        let domain = self.domain_at(call, app).await?;
        let account = self.account;
        Ok(WebhookScope { account, domain: Some(domain.name), dialect: Dialect::Mailgun })
    }
}
