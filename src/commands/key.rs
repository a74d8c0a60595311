//! `promolink key`: the API keys of organisations.

use std::{
    io::{self, Write},
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use super::{UsageError, database, output};
use crate::{
    auth::{ApiKey, ApiKeyId, KeyRole, PresentedKey, Secret},
    config::{DatabaseArgs, parse_duration},
    promotions::{Actor, Attribution, Clock, OrgId, SystemClock, Timestamp, check_visible},
};

const CREATE_HELP: &str = "\
Examples:
  (umask 077; promolink key create --org 100458 --role service --name checkout > checkout.key)
  promolink key create --org 100458 --role storefront --expires-in 90d

After `umask 077`, a new file can be read only by its owner.

Exit codes: 0 success, 1 failure, 2 invalid settings.

See also: docs/credentials.md";

const LIST_HELP: &str = "\
Example:
  promolink key list --org 100458

Exit codes: 0 success, 1 failure, 2 invalid settings.";

const REVOKE_HELP: &str = "\
Example:
  promolink key revoke --org 100458 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b

Exit codes: 0 success, 1 failure or no such key, 2 invalid settings.";

/// The longest name of a key, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Create, list and revoke the API keys of organisations
///
/// Callers send a key in the header `Authorization: Bearer KEY`. The key's role determines which fields they may select and
/// which limits apply. An organisation is created with its first key.
#[derive(Debug, Subcommand)]
#[command(after_help = "See also: docs/credentials.md")]
pub enum Command {
    /// Create a key, and its organisation if it does not exist
    ///
    /// Prints the key on standard output, and everything else on standard error. The key can't be shown again: the database
    /// stores only its hash.
    #[command(after_help = CREATE_HELP)]
    Create(Create),
    /// List an organisation's keys, oldest first
    ///
    /// Prints a table with the id, role, state, times (UTC) and name of each key, and never a key itself. The last use is
    /// recorded to the minute.
    #[command(after_help = LIST_HELP)]
    List(Target),
    /// Revoke a key, so that every server rejects it within 5 seconds
    ///
    /// A key that is already revoked is not changed.
    #[command(after_help = REVOKE_HELP)]
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    target: Target,
    /// The role, which determines what the key may do
    #[arg(long, value_enum)]
    role: RoleArgument,
    /// The name of the key in lists, such as the application that uses it. At most 200 characters
    #[arg(long, default_value = "", hide_default_value = true, value_parser = parse_name)]
    name: String,
    /// Let the key expire after this time, such as 90d or 12h. Without this option, the key does not expire
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    expires_in: Option<Duration>,
}

/// The values of `--role`, with their help.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArgument {
    /// All permissions in the organisation, including the management of campaigns and codes
    Admin,
    /// For a backend: link, unlink, redeem, and read any customer's wallet
    Service,
    /// For a public app, from which the key can be extracted: link codes only
    Storefront,
}

impl From<RoleArgument> for KeyRole {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::Admin => Self::Admin,
            RoleArgument::Service => Self::Service,
            RoleArgument::Storefront => Self::Storefront,
        }
    }
}

#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    target: Target,
    /// The key's id, as `promolink key list` shows it, or the key itself, which is never printed
    #[arg(value_name = "ID|KEY")]
    key: Secret,
}

/// An organisation's keys.
#[derive(Debug, Args)]
pub struct Target {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The number of the organisation
    #[arg(long, value_name = "NUMBER")]
    org: OrgId,
}

pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(arguments) => create(arguments).await,
        Command::List(target) => list(target).await,
        Command::Revoke(arguments) => revoke(arguments).await,
    }
}

async fn create(Create { target, role, name, expires_in }: Create) -> anyhow::Result<()> {
    let (role, now) = (KeyRole::from(role), SystemClock.now());
    let expires_on = expires_in.map(|lifetime| expiry(now, lifetime)).transpose()?;
    let url = target.database.url;
    let store = database::open(&url).await?;
    let made = ApiKey::generate(target.org, role, name, now, expires_on);
    let (key, text) = made.context("the operating system has no random numbers")?;
    let by = Attribution::to(Actor::CommandLine);
    let new_organisation =
        store.api_keys.create_key(&key, &by).await.with_context(|| format!("cannot write to {url}"))?;
    database::settle_events(&store).await;
    let org = target.org.get();
    if new_organisation {
        output::note(format_args!("Organisation {org} is new."));
    }
    let end = expires_on.map_or("does not expire".to_owned(), |moment| format!("is valid until {}", rfc3339(moment)));
    let id = key.id.get();
    let role = role.as_str();
    output::note(format_args!("Key {id} of organisation {org}, role {role}, {end}. It is shown only once:"));
    let mut output = io::stdout();
    if let Err(error) = writeln!(output, "{}", text.expose()).and_then(|()| output.flush()) {
        // Its owner does not have it, but anyone who finds it could use it.
        let revoked = store.api_keys.revoke_key(target.org, key.id, &by, SystemClock.now()).await;
        revoked.with_context(|| format!("key {id} could not be shown: revoke it"))?;
        return Err(error).with_context(|| format!("key {id} could not be shown, and was revoked"));
    }
    Ok(())
}

fn expiry(now: Timestamp, lifetime: Duration) -> Result<Timestamp, UsageError> {
    let millis = i64::try_from(lifetime.as_millis()).ok().and_then(|millis| now.millis().checked_add(millis));
    match millis.map(Timestamp::from_millis) {
        Some(moment) if lifetime >= MIN_LIFETIME && moment <= MAX_EXPIRY => Ok(moment),
        _ => Err(UsageError::ExpiresIn),
    }
}

/// The shortest lifetime of a key. Lists show times to the second.
const MIN_LIFETIME: Duration = Duration::from_secs(1);

/// The end of the year 9999, the last that RFC 3339 can express.
const MAX_EXPIRY: Timestamp = Timestamp::from_millis(253_402_300_799_999);

async fn list(target: Target) -> anyhow::Result<()> {
    let url = target.database.url;
    let store = database::open(&url).await?;
    let keys = store.api_keys.keys(target.org).await.with_context(|| format!("cannot read {url}"))?;
    if keys.is_empty() {
        output::note(format_args!("organisation {} has no keys in {url}", target.org.get()));
    }
    let now = SystemClock.now();
    let moment = |moment: Option<Timestamp>| moment.map_or("-".to_owned(), rfc3339);
    let mut lines = vec![line(["ID", "ROLE", "STATE", "CREATED", "EXPIRES", "LAST USED", "NAME"])];
    for key in &keys {
        let state = match key {
            ApiKey { revoked_on: Some(_), .. } => "revoked",
            ApiKey { expires_on: Some(expires_on), .. } if *expires_on <= now => "expired",
            _ => "valid",
        };
        let id = key.id.get().to_string();
        let (created, expires, used) = (rfc3339(key.created_on), moment(key.expires_on), moment(key.last_used_on));
        lines.push(line([&id, key.role.as_str(), state, &created, &expires, &used, &key.name]));
    }
    output::print(lines.concat())
}

fn line([id, role, state, created, expires, used, name]: [&str; 7]) -> String {
    let line = format!("{id:36}  {role:10}  {state:7}  {created:20}  {expires:20}  {used:20}  {name}");
    format!("{}\n", line.trim_end())
}

async fn revoke(Revoke { target, key }: Revoke) -> anyhow::Result<()> {
    let id = id_of(key.expose(), target.org)?;
    let url = target.database.url;
    let store = database::open(&url).await?;
    let by = Attribution::to(Actor::CommandLine);
    let revoked = store.api_keys.revoke_key(target.org, id, &by, SystemClock.now()).await;
    let revoked = revoked.with_context(|| format!("cannot write to {url}"))?.and_then(|key| key.revoked_on);
    let (org, id) = (target.org.get(), id.get());
    let Some(moment) = revoked else {
        bail!("organisation {org} has no key {id}: `promolink key list` shows its keys");
    };
    database::settle_events(&store).await;
    output::report(format_args!("revoked {id} on {}\n", rfc3339(moment)));
    Ok(())
}

/// Returns the id of a key of this organisation, given the id or the key itself. Errors don't repeat it: it may be a secret.
fn id_of(text: &str, org: OrgId) -> Result<ApiKeyId, UsageError> {
    if let Ok(id) = Uuid::parse_str(text) {
        return Ok(id.into());
    }
    match PresentedKey::parse(text) {
        Some(key) if key.org == org => Ok(key.id),
        Some(key) => Err(UsageError::KeyOfOtherOrganisation(key.org.get())),
        None => Err(UsageError::NotAKey),
    }
}

fn rfc3339(moment: Timestamp) -> String {
    let since_epoch = Duration::from_millis(u64::try_from(moment.millis()).unwrap_or(0));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_epoch).to_string()
}

fn parse_name(name: &str) -> Result<String, String> {
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(format!("at most {MAX_NAME_CHARS} characters are permitted"));
    }
    check_visible(name).map_err(|invisible| format!("it can't contain {invisible}"))?;
    Ok(name.to_owned())
}
