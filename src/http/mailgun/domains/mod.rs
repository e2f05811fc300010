//! `/v3/domains` and `/v4/domains`: the domains that webhooks belong to (`spec/mailgun-api.md` §3).
//!
//! Mailgun's clients spread their calls over both versions, so both answer everything. A domain
//! needs no verification here, since Waypost sends no mail: it is active from the start. The DNS
//! records reported are those that its owner had us keep (`PATCH /waypost/v1/domains/{d}`).

mod credentials;
mod given;
mod options;
mod settings;
mod tracking;

pub(in crate::http) use self::given::check as check_settings;

use self::settings::ShownDomain;
use super::answer::{Answered, MailgunError, Message, ok};
use super::form::Form;
use super::{MANAGE, MANAGE_ACCOUNT, READ, route};
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::routes::Route;
use crate::model::{DnsUse, Domain, DomainName};
use crate::store::{Added, Decision};
use serde::Serialize;
use serde_json::{Map, Value};

/// The length of a page unless asked otherwise, and at most.
const PAGE: u64 = 100;
const PAGE_MAX: u64 = 1000;

/// The collection, its items, and what hangs off an item.
pub(super) fn routes() -> Vec<Route> {
    let own = vec![
        route("GET /{v3|v4|v2}/domains", READ, list),
        route("POST /{v3|v4|v2}/domains", MANAGE_ACCOUNT, create),
        route("GET /{v3|v4|v2}/domains/{domain}", READ, show),
        route("PUT /{v3|v4|v2}/domains/{domain}", MANAGE, update),
        route("DELETE /{v3|v4|v2}/domains/{domain}", MANAGE, remove),
        route("PUT /{v3|v4|v2}/domains/{domain}/verify", MANAGE, verify),
    ];
    let below = [tracking::routes(), options::routes(), credentials::routes()];
    own.into_iter().chain(below.into_iter().flatten()).collect()
}

async fn list(caller: Principal, call: Call, app: App) -> Answered {
    let form = Form::of(&call, &app).await?;
    let mut domains = app.directory.domains(caller.account).await?;
    domains.retain(|domain| caller.covers(&domain.name));
    let items = listed(domains, &form)?;
    let skip = usize::try_from(form.number("skip")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let limit = form.number("limit")?.unwrap_or(PAGE).min(PAGE_MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let page = items.iter().skip(skip).take(limit).map(ShownDomain::of).collect();
    ok(&Page { total_count: items.len(), items: page })
}

/// The domains that a listing's filters leave, in its order; newest first unless asked otherwise.
fn listed(mut domains: Vec<Domain>, form: &Form) -> Result<Vec<Domain>, MailgunError> {
    match form.one("state") {
        None | Some("active") => {}
        Some("unverified" | "disabled") => domains.clear(),
        Some(other) => return Err(MailgunError::invalid("state", other)),
    }
    if let Some(text) = form.one("search") {
        let text = text.to_ascii_lowercase();
        domains.retain(|domain| domain.name.as_str().contains(&text));
    }
    match form.one("sort") {
        None => {}
        Some("name" | "name:asc") => domains.sort_by(|a, b| a.name.cmp(&b.name)),
        Some("name:desc") => domains.sort_by(|a, b| b.name.cmp(&a.name)),
        Some(other) => return Err(MailgunError::invalid("sort", other)),
    }
    Ok(domains)
}

async fn create(caller: Principal, call: Call, app: App) -> Answered {
    let form = Form::of(&call, &app).await?;
    let text = form.required("name")?;
    let name: DomainName = text.parse().map_err(|_| MailgunError::invalid("name", text))?;
    let mut given = Map::new();
    settings::read(&form, &mut given)?;
    let created_at = app.clock.now();
    let domain = Domain {
        name,
        account: caller.account,
        created_at,
        mailgun_id: format!("{:08x}{}", created_at.seconds(), app.clock.random_hex::<8>()),
        settings: given,
    };
    match app.directory.create_domain(domain.clone()).await? {
        Added::Added => ok(&WithRecords::of(Some("Domain DNS records have been created"), &domain)),
        Added::Taken => Err(MailgunError::bad("This domain name is already taken")),
    }
}

async fn show(caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    ok(&WithRecords::of(None, &domain))
}

async fn update(caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    let form = Form::of(&call, &app).await?;
    let domain =
        change(&caller, &domain.name, &app, |domain| settings::read(&form, domain)).await?;
    ok(&WithRecords::of(Some("Domain has been updated"), &domain))
}

async fn verify(caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    ok(&WithRecords::of(Some("Domain DNS records have been updated"), &domain))
}

/// Removes the domain at once; "in the background" is how Mailgun words it.
async fn remove(caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    if !app.directory.remove_domain(caller.account, &domain.name).await? {
        return Err(MailgunError::not_found("Domain not found"));
    }
    ok(&Message { message: "Domain will be deleted in the background" })
}

/// Changes a domain's settings. Changes come one after the other: a client that sets open and click
/// tracking at the same moment, as Terraform does, gets both.
async fn change(
    caller: &Principal,
    name: &DomainName,
    app: &App,
    mut change: impl FnMut(&mut Map<String, Value>) -> Result<(), MailgunError> + Send,
) -> Result<Domain, MailgunError> {
    let mut refused = None;
    let apply = |domain: &mut Domain| match change(&mut domain.settings) {
        Ok(()) => Decision::Keep,
        Err(refusal) => {
            refused = Some(refusal);
            Decision::Discard
        }
    };
    let changed = app.directory.change_domain(caller.account, name, Box::new(apply)).await?;
    match (refused, changed) {
        (Some(refusal), _) => Err(refusal),
        (None, Some(domain)) => Ok(domain),
        (None, None) => Err(MailgunError::not_found("Domain not found")),
    }
}

#[derive(Serialize)]
struct Page<'a> {
    total_count: usize,
    items: Vec<ShownDomain<'a>>,
}

#[derive(Serialize)]
struct WithRecords<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    domain: ShownDomain<'a>,
    receiving_dns_records: Value,
    sending_dns_records: Value,
}

impl<'a> WithRecords<'a> {
    fn of(message: Option<&'static str>, domain: &'a Domain) -> Self {
        Self {
            message,
            domain: ShownDomain::of(domain),
            receiving_dns_records: domain.dns_records(DnsUse::Receiving),
            sending_dns_records: domain.dns_records(DnsUse::Sending),
        }
    }
}
