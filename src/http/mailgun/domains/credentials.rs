//! `/v3/domains/{d}/credentials`: SMTP logins (`spec/mailgun-pull.md` §7.1).
//!
//! Waypost takes no mail by SMTP. Logins are kept by name, so that set-up scripts and Terraform
//! find what they wrote; passwords are not kept at all. `postmaster` exists in every domain as it
//! does at Mailgun, without being stored.

use serde::Serialize;
use serde_json::{Map, Value};
use waypost_compat::Dialect;

use super::change;
use crate::http::App;
use crate::http::call::Call;
use crate::http::caller::Principal;
use crate::http::generate;
use crate::http::mailgun::answer::{Answered, MailgunError, Message, excerpt, ok};
use crate::http::mailgun::form::Form;
use crate::http::mailgun::{MANAGE, READ, route};
use crate::http::routes::Route;
use crate::model::{Domain, DomainName, Timestamp};

/// The most logins that are kept for a domain.
pub(super) const LOGINS_MAX: usize = 1000;
/// The length of a page unless asked otherwise, and at most.
const PAGE: u64 = 100;
const PAGE_MAX: u64 = 1000;
/// The longest local part of an address (RFC 5321).
const LOCAL_PART_BYTES_MAX: usize = 64;

/// The collection and its items.
pub(super) fn routes() -> Vec<Route> {
    vec![
        route("GET /{v3|v4|v2}/domains/{domain}/credentials", READ, list),
        route("POST /{v3|v4|v2}/domains/{domain}/credentials", MANAGE, create),
        route("DELETE /{v3|v4|v2}/domains/{domain}/credentials", MANAGE, remove_all),
        route("PUT /{v3|v4|v2}/domains/{domain}/credentials/{login}", MANAGE, update),
        route("DELETE /{v3|v4|v2}/domains/{domain}/credentials/{login}", MANAGE, remove),
    ]
}

async fn list(caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    let form = Form::of(&call, &app).await?;
    let limit = form.number("limit")?.unwrap_or(PAGE);
    if limit > PAGE_MAX {
        return Err(MailgunError::bad("Limit parameter can't be larger than 1000"));
    }
    let clamped = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let skip = clamped(form.number("skip")?.unwrap_or(0));
    let postmaster = postmaster(&domain.name);
    let all: Vec<_> = std::iter::once(ShownLogin::of(&postmaster, domain.created_at))
        .chain(logins(&domain).map(|(login, at)| ShownLogin::of(login, at)))
        .collect();
    let total_count = all.len();
    let items = all.into_iter().skip(skip).take(clamped(limit)).collect();
    ok(&Page { items, total_count })
}

async fn create(caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    let name = call.parameter("domain");
    let form = Form::of(&call, &app).await?;
    let mut new: Vec<String> = Vec::new();
    for text in form.all("login").chain(form.all("mailbox")) {
        let login = login(text, &domain.name).ok_or_else(|| {
            let text = excerpt(text);
            MailgunError::bad(format!(
                "Invalid parameter: login expected a mailbox of {name}, found {text}"
            ))
        })?;
        if !new.contains(&login) {
            new.push(login);
        }
    }
    if new.is_empty() {
        return Err(MailgunError::bad("Parameter 'login' is missing"));
    }
    let now = app.clock.now();
    let stored = new.iter().filter(|login| !is_postmaster(login, &domain.name));
    let add = |settings: &mut Map<String, Value>| {
        let kept = settings.entry("credentials").or_insert_with(|| Map::new().into());
        for login in stored.clone() {
            // One that is there already keeps its age and has another password.
            if kept.get(login).is_none() {
                kept[login.as_str()] = now.millis().into();
            }
        }
        match kept.as_object().map_or(0, Map::len) {
            0..=LOGINS_MAX => Ok(()),
            _ => Err(MailgunError::bad(format!("expected at most {LOGINS_MAX} credentials"))),
        }
    };
    change(&caller, &domain.name, &app, add).await?;
    let message = format!("Created {} credentials pair(s)", new.len());
    with_passwords(&message, &new, &form, &app)
}

async fn update(caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    let login = known(&call.parameter("login"), &domain)?;
    let form = Form::of(&call, &app).await?;
    with_passwords("Password changed", &[login], &form, &app)
}

async fn remove(caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    let login = known(&call.parameter("login"), &domain)?;
    if is_postmaster(&login, &domain.name) {
        return Err(MailgunError::bad(format!("Cannot delete system mailbox: {login}")));
    }
    let take = |settings: &mut Map<String, Value>| {
        let kept = settings.get_mut("credentials").and_then(Value::as_object_mut);
        let removed = kept.and_then(|kept| kept.shift_remove(&login));
        removed.map(|_| ()).ok_or_else(not_found)
    };
    change(&caller, &domain.name, &app, take).await?;
    ok(&Deleted { message: "Credentials have been deleted", spec: &login })
}

/// Removes all that can be removed, which `postmaster` cannot.
async fn remove_all(caller: Principal, call: Call, app: App) -> Answered {
    let domain = caller.domain_at(&call, &app).await?;
    let mut count = 0;
    let clear = |settings: &mut Map<String, Value>| {
        let kept = settings.shift_remove("credentials");
        count = kept.as_ref().and_then(Value::as_object).map_or(0, Map::len);
        Ok(())
    };
    change(&caller, &domain.name, &app, clear).await?;
    ok(&AllDeleted { message: "All domain credentials have been deleted", count })
}

fn not_found() -> MailgunError {
    MailgunError::not_found("Credentials not found")
}

/// The answer to a change: what was done and, unless the client gave a password, those made for it.
/// Passwords are shown for the client's sake, who stores them somewhere: nothing here opens with one.
fn with_passwords(message: &str, logins: &[String], form: &Form, app: &App) -> Answered {
    if form.one("password").is_some() {
        return ok(&Message { message });
    }
    // Mailgun's own have the form of its keys (recorded).
    let made =
        |login: &String| (login.clone(), generate::api_key(Dialect::Mailgun, &app.clock).into());
    ok(&NewPasswords {
        message,
        note: "Please store your new password(s) now. You won't be able to see it anymore.",
        credentials: logins.iter().map(made).collect(),
    })
}

fn postmaster(domain: &DomainName) -> String {
    format!("postmaster@{domain}")
}

/// Tells whether a login is the one that every domain has.
fn is_postmaster(login: &str, domain: &DomainName) -> bool {
    login.eq_ignore_ascii_case(&postmaster(domain))
}

/// A login as Mailgun shows it, with its domain, whether or not it was given so. `None` if it is
/// none of the domain's.
fn login(text: &str, domain: &DomainName) -> Option<String> {
    let (local, of) = text.rsplit_once('@').unwrap_or((text, domain.as_str()));
    let fits = (1..=LOCAL_PART_BYTES_MAX).contains(&local.len())
        && !local.chars().any(|c| c.is_whitespace() || c.is_control())
        && of.eq_ignore_ascii_case(domain.as_str());
    let login = fits.then(|| format!("{local}@{domain}"))?;
    // Spelt in one way, so that it is known again.
    Some(if is_postmaster(&login, domain) { postmaster(domain) } else { login })
}

/// The login that a path names.
fn known(text: &str, domain: &Domain) -> Result<String, MailgunError> {
    let login = login(text, &domain.name).ok_or_else(not_found)?;
    let there =
        is_postmaster(&login, &domain.name) || logins(domain).any(|(known, _)| *known == login);
    there.then_some(login).ok_or_else(not_found)
}

/// The logins that were made, less `postmaster`, which may have been stored as if it were one.
fn logins(domain: &Domain) -> impl Iterator<Item = (&String, Timestamp)> {
    let kept = domain.settings.get("credentials").and_then(Value::as_object);
    kept.into_iter()
        .flatten()
        .filter(|(login, _)| !is_postmaster(login, &domain.name))
        .map(|(login, at)| (login, Timestamp::from_millis(at.as_i64().unwrap_or_default())))
}

#[derive(Serialize)]
struct Page<'a> {
    items: Vec<ShownLogin<'a>>,
    total_count: usize,
}

#[derive(Serialize)]
struct ShownLogin<'a> {
    mailbox: &'a str,
    login: &'a str,
    created_at: String,
    /// Always `null`: there is no mailbox to measure.
    size_bytes: (),
}

impl<'a> ShownLogin<'a> {
    fn of(login: &'a str, at: Timestamp) -> Self {
        Self { mailbox: login, login, created_at: at.rfc2822(), size_bytes: () }
    }
}

#[derive(Serialize)]
struct NewPasswords<'a> {
    message: &'a str,
    note: &'static str,
    /// Passwords by login.
    credentials: Map<String, Value>,
}

#[derive(Serialize)]
struct Deleted<'a> {
    message: &'static str,
    spec: &'a str,
}

#[derive(Serialize)]
struct AllDeleted {
    message: &'static str,
    count: usize,
}
