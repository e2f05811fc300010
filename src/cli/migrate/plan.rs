//! `waypost migrate plan`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use waypost_compat::matrix::Mode;
use waypost_compat::{Dialect, Secret};

use super::FILE;
use super::flags::url_of;
use crate::behaviour::{Behaviour, Webhooks};
use crate::cli::console::Console;
use crate::cli::{Misuse, PlannedWithLosses, private_file};
use crate::migrate::gateway::Gateway;
use crate::migrate::plan::into::{Keys, Reach};
use crate::migrate::plan::{self, Plan, Side};
use crate::migrate::provider::{Account, give_secrets, same_server, some_of};
use crate::migrate::{Error, Provider, State};

/// Plans, prints, and says by its error whether something is lost.
pub(super) async fn run(args: &super::Plan, console: &mut Console) -> anyhow::Result<()> {
    let plan = match args.to {
        Some(to) => between(args, to, console).await?,
        None => into(args, console).await?,
    };
    let data = serde_json::to_string_pretty(&plan).context("a plan is JSON")? + "\n";
    if let Some(file) = &args.out {
        private_file::write(file, data.as_bytes())?;
    }
    if args.json {
        console.raw(data.as_bytes())?;
    } else {
        console.line(plan::show::text(&plan))?;
        if let Some(file) = &args.out {
            console.note(format_args!("\nCarry it out: waypost migrate apply {}", file.display()));
        }
    }
    if plan.loses() { Err(PlannedWithLosses.into()) } else { Ok(()) }
}

async fn between(
    args: &super::Plan,
    to_dialect: Dialect,
    console: &mut Console,
) -> anyhow::Result<Plan> {
    let to_url = url_of(args.target.to_url.as_deref(), to_dialect);
    let to_domain = args.to_domain.as_ref().or(args.domain.as_ref()).cloned();
    let target = args.target.connect(to_dialect, &to_url)?.patient(args.patience.time);
    let (from, from_state) = source(args, console).await?;
    // A target's domain is the source's, where both sides know domains and nothing else was said.
    let fallback = to_domain.or_else(|| from.domain.clone());
    let to_domain = one_domain(&target, fallback, "to-domain", console).await?;
    let to_state = target.read(to_domain.as_slice(), console).await?;
    let to = Side {
        dialect: Some(to_dialect),
        url: to_url,
        domain: to_domain,
        org: args.target.to_org.clone(),
    };
    let wanted = plan::between::Move {
        from,
        from_dialect: args.from,
        to,
        to_dialect,
        mode: if args.lenient { Mode::Lenient } else { Mode::Strict },
    };
    if args.from == to_dialect && is_same(args, &wanted, &from_state, &to_state)? {
        return Err(one_account(to_dialect).into());
    }
    let mut plan = plan::between::plan(&wanted, &from_state, &to_state);
    if args.from_file.is_some() {
        // Nobody is there to be switched off.
        plan.retire.clear();
    }
    Ok(plan)
}

/// The source, from its API or from a file.
async fn source(args: &super::Plan, console: &mut Console) -> anyhow::Result<(Side, State)> {
    let given = args.secrets.of_rows()?;
    let named = args.from_domain.as_ref().or(args.domain.as_ref()).cloned();
    let (url, domain, state) = match &args.from_file {
        Some(file) => {
            // The plan may be carried out from another folder.
            let file = std::path::absolute(file).context("cannot tell where the file is")?;
            let domain = match Behaviour::of(args.from).webhooks {
                Webhooks::Lists => super::file::domain(&file, named)?,
                Webhooks::Rows => named,
            };
            let mut state = super::file::read(&file, args.from, domain.as_deref())?;
            let given = by_id(given, &state)?;
            give_secrets(&mut state.rows, &given)?;
            (format!("{FILE}{}", file.display()), domain, state)
        }
        None => {
            let url = url_of(args.source.from_url.as_deref(), args.from);
            let source = args.source.connect(args.from, &url)?.patient(args.patience.time);
            let source = source.knowing(given);
            let domain = one_domain(&source, named, "from-domain", console).await?;
            let state = source.read(domain.as_slice(), console).await?;
            (url, domain, state)
        }
    };
    Ok((Side { dialect: Some(args.from), url, domain, org: args.source.from_org.clone() }, state))
}

/// Secrets for the webhooks of a file, which shows the ids of all: a name for each, the same one at
/// every step.
fn by_id(
    given: BTreeMap<String, Secret>,
    state: &State,
) -> Result<BTreeMap<String, Secret>, Error> {
    match given.keys().find(|name| state.row(name).is_none()) {
        None => Ok(given),
        Some(name) => Err(Error::misuse(format!(
            "--secret: expected the id of a webhook, as the file shows it, found {name}"
        ))),
    }
}

/// True if source and target, of one dialect, are the same webhooks. A URL alone says nothing: two
/// keys open two accounts there. Mailgun knows a domain in one account only.
fn is_same(
    args: &super::Plan,
    wanted: &plan::between::Move,
    from: &State,
    to: &State,
) -> anyhow::Result<bool> {
    if args.from_file.is_some() {
        return Ok(false);
    }
    let one_server = same_server(&wanted.from.url, &wanted.to.url);
    if Behaviour::of(wanted.to_dialect).has_lists() {
        return Ok(one_server && wanted.from.domain == wanted.to.domain);
    }
    let one_caller = args.source.key()? == args.target.key()? && wanted.from.org == wanted.to.org;
    let all_shared = !from.rows.is_empty() && from.rows.iter().all(|row| row.is_among(&to.rows));
    Ok(one_server && one_caller || all_shared)
}

fn one_account(dialect: Dialect) -> Error {
    Error::misuse(match Behaviour::of(dialect).webhooks {
        Webhooks::Lists => {
            "source and target are the same domain of the same account; name another with \
             --to-domain, or another server with --to-url"
        }
        Webhooks::Rows => {
            "source and target are the same account: its key, or the ids of its webhooks, are the \
             same on both sides; give the other account's key with --to-key"
        }
    })
}

/// The domain of a side: Mailgun's webhooks belong to one, the others' keys say by themselves.
async fn one_domain(
    side: &Provider,
    named: Option<String>,
    flag: &str,
    console: &mut Console,
) -> anyhow::Result<Option<String>> {
    if !Behaviour::of(side.dialect()).has_lists() {
        return Ok(None);
    }
    if named.is_some() {
        return Ok(named);
    }
    let domains = side.domains(console).await?;
    match domains.as_slice() {
        [one] => Ok(Some(one.clone())),
        [] => Err(Error::misuse(format!("the Mailgun account has no domain (--{flag})")).into()),
        several => Err(Misuse(format!(
            "expected --{flag} or --domain: the Mailgun account has {} domains: {}",
            several.len(),
            some_of(several)
        ))
        .into()),
    }
}

async fn into(args: &super::Plan, console: &mut Console) -> anyhow::Result<Plan> {
    let url = args.gateway.into.as_deref().unwrap_or_default().trim_end_matches('/');
    let patience = args.patience.time;
    let gateway = Gateway::connect(url, &args.gateway.key()?)?.patient(patience);
    let from_url = url_of(args.source.from_url.as_deref(), args.from);
    if same_server(&from_url, url) {
        return Err(in_a_circle("server"));
    }
    let source = args.source.connect(args.from, &from_url)?.patient(patience);
    let source = source.knowing(args.secrets.of_rows()?);
    let domain = args.from_domain.as_ref().or(args.domain.as_ref());
    let inventory = gateway.inventory(args.from, console).await?;
    let (account, keys) = match Behaviour::of(args.from).webhooks {
        Webhooks::Lists => {
            let account = source.read_account(domain.map(String::as_str), console).await?;
            let given = args.secrets.signing_key()?;
            (account, keys(&source, &gateway, given, console).await?)
        }
        Webhooks::Rows => {
            let state = source.read(&[], console).await?;
            (Account { state, ..Account::default() }, Keys::Same)
        }
    };
    // A server knows a domain in one account only.
    let one_server = same_server(&from_url, &inventory.public_url);
    let shares = account.domains.iter().any(|domain| inventory.domains.contains(&domain.name));
    if one_server && (shares || args.source.key()? == args.gateway.key()?) {
        return Err(in_a_circle("account"));
    }
    let wanted = plan::into::TakeOver {
        from: Side {
            dialect: Some(args.from),
            url: from_url,
            domain: domain.cloned(),
            org: args.source.from_org.clone(),
        },
        dialect: args.from,
        into: Side { dialect: None, url: url.to_owned(), domain: None, org: None },
        reach: if args.allow_private { Reach::Anywhere } else { Reach::Public },
        keys,
        secrets_of: with_secret(&account.state),
    };
    Ok(plan::into::plan(&wanted, &account, &inventory)?)
}

fn in_a_circle(what: &str) -> anyhow::Error {
    let text = format!("source and gateway are the same {what}: events would go round in a circle");
    let next = "--from-url names the provider, --into names the Waypost in between";
    Error::misuse(text).and(next).into()
}

/// The signing keys of the account and of the gateway, compared.
async fn keys(
    source: &Provider,
    gateway: &Gateway,
    given: Option<Secret>,
    console: &mut Console,
) -> anyhow::Result<Keys> {
    let shown = source.signing_key(console).await?;
    let Some(account) = shown.or(given) else { return Ok(Keys::Unknown) };
    let ours = gateway.signing_key(console).await?;
    Ok(if ours.expose() == account.expose() { Keys::Same } else { Keys::Differ })
}

/// The rows whose secrets are at hand.
fn with_secret(state: &State) -> BTreeSet<String> {
    let known = state.rows.iter().filter(|row| row.secret.is_some());
    known.map(|row| row.id.clone()).collect()
}
