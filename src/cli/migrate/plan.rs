//! `waypost migrate plan`.

use std::collections::BTreeSet;

use anyhow::Context;
use waypost_compat::kind::matrix::Mode;
use waypost_compat::{Dialect, Secret};

use super::FILE;
use super::flags::url_of;
use crate::cli::console::Console;
use crate::cli::{Misuse, PlannedWithLosses, private_file};
use crate::migrate::gateway::Gateway;
use crate::migrate::plan::into::{Keys, Reach};
use crate::migrate::plan::{self, Plan, Side};
use crate::migrate::provider::{Account, some_of};
use crate::migrate::{Provider, State, Trouble};

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
    let given = args.secrets.of_rows()?;
    let from_url = match &args.from_file {
        Some(file) => format!("{FILE}{}", file.display()),
        None => url_of(args.source.from_url.as_deref(), args.from),
    };
    let to_url = url_of(args.target.to_url.as_deref(), to_dialect);
    let from_domain = args.from_domain.as_ref().or(args.domain.as_ref()).cloned();
    let to_domain = args.to_domain.as_ref().or(args.domain.as_ref()).cloned();
    let patience = args.patience.time;
    let target = args.target.connect(to_dialect, &to_url)?.patient(patience);
    let (from_state, from_domain) = match &args.from_file {
        Some(file) => (super::file::read(file, args.from, from_domain.as_deref())?, from_domain),
        None => {
            let source = args.source.connect(args.from, &from_url)?.patient(patience);
            let source = source.knowing(given);
            let domain = one_domain(&source, from_domain, "from-domain", console).await?;
            (source.read(domain.as_slice(), console).await?, domain)
        }
    };
    // A target's domain is the source's, where both sides know domains and nothing else was said.
    let fallback = to_domain.or_else(|| from_domain.clone());
    let to_domain = one_domain(&target, fallback, "to-domain", console).await?;
    let to_state = target.read(to_domain.as_slice(), console).await?;
    let side = |dialect, url, domain, org: &Option<String>| Side {
        dialect: Some(dialect),
        url,
        domain,
        org: org.clone(),
    };
    let wish = plan::between::Wish {
        from: side(args.from, from_url, from_domain, &args.source.from_org),
        from_dialect: args.from,
        to: side(to_dialect, to_url, to_domain, &args.target.to_org),
        to_dialect,
        mode: if args.lenient { Mode::Lenient } else { Mode::Strict },
    };
    if wish.from == wish.to {
        return Err(Trouble::misuse("source and target are the same account and domain").into());
    }
    let mut plan = plan::between::plan(&wish, &from_state, &to_state);
    if args.from_file.is_some() {
        // Nobody is there to be switched off.
        plan.retire.clear();
    }
    Ok(plan)
}

/// The domain of a side: Mailgun's webhooks belong to one, the others' keys say by themselves.
async fn one_domain(
    side: &Provider,
    named: Option<String>,
    flag: &str,
    console: &mut Console,
) -> anyhow::Result<Option<String>> {
    if side.dialect() != Dialect::Mailgun {
        return Ok(None);
    }
    if named.is_some() {
        return Ok(named);
    }
    let domains = side.domains(console).await?;
    match domains.as_slice() {
        [one] => Ok(Some(one.clone())),
        [] => Err(Trouble::misuse(format!("the Mailgun account has no domain (--{flag})")).into()),
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
    if from_url == url {
        let text = "source and gateway are the same server: events would go round in a circle";
        return Err(Trouble::misuse(text).and("--into names the Waypost in between").into());
    }
    let source = args.source.connect(args.from, &from_url)?.patient(patience);
    let source = source.knowing(args.secrets.of_rows()?);
    let domain = args.from_domain.as_ref().or(args.domain.as_ref());
    let standing = gateway.standing(args.from, console).await?;
    let (account, keys) = match args.from {
        Dialect::Mailgun => {
            let account = source.read_account(domain.map(String::as_str), console).await?;
            let given = args.secrets.signing_key()?;
            (account, keys(&source, &gateway, given, console).await?)
        }
        Dialect::Posthawk | Dialect::MailStack | Dialect::Wistfare | Dialect::MailingApi => {
            let state = source.read(&[], console).await?;
            (Account { state, ..Account::default() }, Keys::Same)
        }
    };
    let wish = plan::into::Wish {
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
    Ok(plan::into::plan(&wish, &account, &standing)?)
}

/// Whether the gateway signs as the account does.
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
