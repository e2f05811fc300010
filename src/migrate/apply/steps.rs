//! One step at a time: noted as begun, done, noted as done.

use std::collections::BTreeMap;
use std::time::Duration;

use waypost_compat::{Dialect, Secret};

use super::{Applied, Fits, Run};
use crate::behaviour::Behaviour;
use crate::migrate::State;
use crate::migrate::error::{Error, ErrorKind};
use crate::migrate::gateway::{KnownSource, NewSource};
use crate::migrate::journal::{Made, Mark, fingerprint};
use crate::migrate::plan::{End, NewRow, NewWebhook, RowFields, Step};
use crate::migrate::provider::Created;
use crate::model::WebhookId;

/// The most tries at something that can be made only once, with a look in between at whether it is
/// there.
const TRIES_MAX: usize = 10;

impl Run<'_> {
    /// Carries out one step that is not noted as done.
    pub(super) async fn apply_step(
        &mut self,
        name: &str,
        step: &Step,
        fits: &Fits,
    ) -> Result<Applied, Error> {
        let begun = match self.journal.mark(name) {
            Some(Mark::Begun(made) | Mark::Half(made)) => Some(made.clone()),
            _ => None,
        };
        if begun.is_none() && (is_applied(name, step, fits) || self.has_domain(step).await?) {
            self.journal.note(name, Mark::Found)?;
            return Ok(Applied::Found);
        }
        let made = match step {
            Step::CreateRow { at, row } => self.create_row(name, *at, row).await?,
            Step::AdoptSigningKey => self.adopt_signing_key(name, begun).await?,
            Step::AddWebhook { webhook, .. } => self.add_webhook(name, webhook, begun).await?,
            Step::AddSource { .. } => self.add_source(name, step).await?,
            other => {
                self.begin(name, Made::default())?;
                self.repeatable(other).await?;
                Made::default()
            }
        };
        self.journal.note(name, Mark::Done(made)).map_err(|error| {
            error.and("the step itself was carried out, and the next run finds it so")
        })?;
        Ok(Applied::Done)
    }

    /// Tells whether a step would add a domain that the gateway has: that stays as its owner made
    /// it.
    async fn has_domain(&mut self, step: &Step) -> Result<bool, Error> {
        let Step::AddDomain { name, .. } = step else { return Ok(false) };
        self.sides.gateway()?.has_domain(name, self.progress).await
    }

    fn begin(&mut self, name: &str, known: Made) -> Result<(), Error> {
        self.journal
            .note(name, Mark::Begun(known))
            .map_err(|error| error.and("the step was not begun"))
    }

    /// Steps of which doing them twice is doing them once.
    async fn repeatable(&mut self, step: &Step) -> Result<(), Error> {
        let sides = self.sides;
        match step {
            Step::ChangeRow { at, id, was, becomes } => {
                let url = self.journal.resolved(&becomes.url)?;
                let becomes = RowFields { url, ..becomes.clone() };
                sides.provider(*at)?.change_row(id, (was, &becomes), self.progress).await?;
            }
            Step::SetList { at, domain, event, was, becomes } => {
                let urls = becomes.iter().map(|url| self.journal.resolved(url));
                let urls = urls.collect::<Result<Vec<_>, _>>()?;
                let provider = sides.provider(*at)?;
                provider.set_list((domain, event), was, &urls, self.progress).await?;
            }
            Step::Settle => {
                if !self.settle.is_zero() {
                    let seconds = self.settle.as_secs();
                    self.progress.say(format_args!("  waiting {seconds} s (--settle)"));
                    tokio::time::sleep(self.settle).await;
                }
            }
            Step::AddDomain { name, settings, records } => {
                let gateway = sides.gateway()?;
                gateway.add_domain(name, settings, self.progress).await?;
                if !records.is_empty() {
                    gateway.set_records(name, records, self.progress).await?;
                }
            }
            Step::Serve { source, becomes, .. } => {
                let (source, becomes) =
                    (self.journal.resolved(source)?, self.journal.resolved(becomes)?);
                sides.gateway()?.serve(&source, &becomes, self.progress).await?;
            }
            Step::CreateRow { .. }
            | Step::AdoptSigningKey
            | Step::AddWebhook { .. }
            | Step::AddSource { .. } => {}
        }
        Ok(())
    }

    /// Makes a webhook at a provider. Where the answer got lost, it is looked for; where the secret
    /// in it got lost as well, that is made anew.
    async fn create_row(&mut self, name: &str, at: End, row: &NewRow) -> Result<Made, Error> {
        let secret = self.wanted_secret(row)?;
        let mut made = match self.journal.mark(name) {
            Some(Mark::Half(made)) => Some(made.clone()),
            Some(Mark::Begun(_)) => self.adopted(at, row).await?,
            _ => {
                self.begin(name, Made::default())?;
                None
            }
        };
        let mut tries = 0;
        while made.is_none() {
            let provider = self.sides.provider(at)?;
            tries += 1;
            match provider.create_row(row, secret.as_ref(), self.progress).await {
                Ok(Created { id, secret: shown }) => {
                    let secret = shown.or_else(|| Some(secret.as_ref()?.expose().to_owned()));
                    made = Some(Made { id: Some(id), secret, ..Made::default() });
                }
                Err(error) if error.kind == ErrorKind::Unreachable && tries < TRIES_MAX => {
                    let cause = error.cause();
                    self.progress.say(format_args!("{cause}; looking whether it was done"));
                    pause(tries).await;
                    made = self.adopted(at, row).await?;
                }
                Err(error) => {
                    // Refused is not done: what stands there later was made by somebody else.
                    if error.kind == ErrorKind::Refused {
                        self.journal.note(name, Mark::Refused)?;
                    }
                    return Err(error);
                }
            }
        }
        let made = made.unwrap_or_default();
        if row.enabled {
            return Ok(made);
        }
        self.journal.note(name, Mark::Half(made.clone()))?;
        let id = made.id.as_deref().unwrap_or_default();
        let was = RowFields {
            url: row.url.clone(),
            events: row.events.clone(),
            enabled: true,
            description: row.description.clone(),
        };
        let becomes = RowFields { enabled: false, ..was.clone() };
        self.sides.provider(at)?.change_row(id, (&was, &becomes), self.progress).await?;
        Ok(made)
    }

    /// The secret that a row shall have, where the target takes one.
    fn wanted_secret(&self, row: &NewRow) -> Result<Option<Secret>, Error> {
        let Some(source) = &row.secret_of else { return Ok(None) };
        self.secret_of(source).map(Some)
    }

    /// The secret of a row of the source: shown by its API, or given.
    fn secret_of(&self, row: &str) -> Result<Secret, Error> {
        let found = self.sides.secrets.get(row);
        found.cloned().ok_or_else(|| {
            Error::refused(format!(
                "the secret of the webhook {row} is needed and its API does not show it; give it \
                 with --secret {row}=whsec_… or --secrets-file"
            ))
        })
    }

    /// A webhook that an earlier try has made: its secret is read, made anew, or it makes way for
    /// another one, as its provider's API allows.
    async fn adopted(&mut self, at: End, row: &NewRow) -> Result<Option<Made>, Error> {
        let fit = self.fit_of(at, super::Extent::Move).await?;
        let ours = fit.applied.iter().filter_map(|(name, id)| Some((name, id.clone()?)));
        let mut ours = ours.filter_map(|(name, id)| Some((name, fit.found.row(&id)?)));
        let found = ours.find(|(name, found)| {
            matches!(self.journal.mark(name), Some(Mark::Begun(_))) && found.url == row.url
        });
        let Some((_, found)) = found else { return Ok(None) };
        let (id, shown) = (found.id.clone(), found.secret.clone());
        let provider = self.sides.provider(at)?;
        let known = shown.or(self.wanted_secret(row)?);
        let needs_one = Behaviour::of(provider.dialect()).has_own_secrets();
        let (secret, renewed) = match known {
            Some(secret) => (Some(secret.expose().to_owned()), false),
            None if !needs_one => (None, false),
            None => (provider.rotate(&id, self.progress).await?, true),
        };
        if secret.is_none() && needs_one {
            self.progress.say(format_args!(
                "{id} was made by an interrupted run, which lost its secret; making another one"
            ));
            provider.remove_row(&id, self.progress).await?;
            return Ok(None);
        }
        Ok(Some(Made { id: Some(id), secret, renewed, ..Made::default() }))
    }

    /// Makes the gateway sign as the account does; what it signed with is kept for the way back.
    async fn adopt_signing_key(&mut self, name: &str, begun: Option<Made>) -> Result<Made, Error> {
        let gateway = self.sides.gateway()?;
        let key = self.sides.signing_key()?;
        let known = match begun {
            Some(known) => known,
            None => {
                let before = gateway.signing_key(self.progress).await?;
                let inventory = gateway.inventory(Dialect::Mailgun, self.progress).await?;
                if !inventory.webhooks.is_empty() && before.expose() != key.expose() {
                    return Err(Error::refused(
                        "the gateway's account has Mailgun webhooks since the plan was made, and \
                         their receivers know its present signing key; plan again",
                    ));
                }
                let before = Some(before.expose().to_owned());
                let id = Some(fingerprint(key));
                let known = Made { before, id, ..Made::default() };
                self.begin(name, known.clone())?;
                known
            }
        };
        gateway.set_signing_key(key, self.progress).await?;
        Ok(known)
    }

    async fn add_webhook(
        &mut self,
        name: &str,
        webhook: &NewWebhook,
        begun: Option<Made>,
    ) -> Result<Made, Error> {
        let secret = match &webhook.secret_of {
            Some(row) => Some(self.secret_of(row)?),
            None => None,
        };
        let known = match begun {
            Some(known) => known,
            None => {
                let id = WebhookId::timed(self.clock.now(), self.clock.random());
                let known = Made { id: Some(id.to_string()), ..Made::default() };
                self.begin(name, known.clone())?;
                known
            }
        };
        let id = known.id.as_deref().unwrap_or_default();
        let gateway = self.sides.gateway()?;
        gateway.add_webhook((id, webhook), secret.as_ref(), self.progress).await?;
        Ok(known)
    }

    async fn add_source(&mut self, name: &str, step: &Step) -> Result<Made, Error> {
        let Step::AddSource { dialect, domain, serves, secret_of, .. } = step else {
            return Ok(Made::default());
        };
        let secret = match secret_of {
            Some(row) => self.secret_of(row)?,
            None => self.sides.signing_key()?.clone(),
        };
        let serves = self.journal.resolved(serves)?;
        let new = NewSource {
            dialect: *dialect,
            domain: domain.as_deref(),
            serves: &serves,
            secret: &secret,
        };
        let gateway = self.sides.gateway()?;
        let mut found: Option<KnownSource> = None;
        if self.journal.mark(name).is_some() {
            found = self.unrecorded_source(step).await?;
        } else {
            self.begin(name, Made::default())?;
        }
        let mut tries = 0;
        while found.is_none() {
            tries += 1;
            found = match gateway.add_source(&new, self.progress).await {
                Ok(source) => Some(source),
                Err(error) if error.kind == ErrorKind::Unreachable && tries < TRIES_MAX => {
                    pause(tries).await;
                    self.unrecorded_source(step).await?
                }
                Err(error) => return Err(error),
            };
        }
        let source = found.ok_or_else(|| Error::failed("the source was not made"))?;
        let (id, ingest_url) = (Some(source.id), Some(source.ingest_url));
        Ok(Made { id, ingest_url, ..Made::default() })
    }

    /// The source that an earlier try of a step has made, if it was carried out.
    pub(in crate::migrate) async fn unrecorded_source(
        &mut self,
        step: &Step,
    ) -> Result<Option<KnownSource>, Error> {
        let Step::AddSource { dialect, domain, serves, .. } = step else { return Ok(None) };
        let serves = self.journal.resolved(serves)?;
        let steps = super::steps(self.journal.plan(), super::Extent::Move);
        let made = steps.iter().filter_map(|(name, _)| self.journal.made(name)?.id.as_deref());
        let mut others: Vec<&str> = made.collect();
        others.extend(self.journal.plan().before.sources.iter().map(String::as_str));
        let like = (*dialect, domain.as_deref(), &*serves);
        self.sides.gateway()?.unrecorded_source(like, &others, self.progress).await
    }
}

/// A rest for a server that fails, longer each time.
async fn pause(tries: usize) {
    tokio::time::sleep(Duration::from_millis(100 << tries.min(5))).await;
}

/// Tells whether somebody else has done a step that was never begun.
fn is_applied(name: &str, step: &Step, fits: &Fits) -> bool {
    let at = match step {
        Step::CreateRow { at, .. } | Step::ChangeRow { at, .. } | Step::SetList { at, .. } => *at,
        _ => return false,
    };
    fits.of(at).applied(name).is_some()
}

/// The secrets of a source's rows, by id, as far as they are known.
#[must_use]
pub fn secrets_of(state: &State) -> BTreeMap<String, Secret> {
    let shown = state.rows.iter();
    shown.filter_map(|row| Some((row.id.clone(), row.secret.clone()?))).collect()
}
