//! `promolink key`: the API keys of organisations.

use std::{
    io::{self, Write},
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use super::{Database, output, parse_org, settings_error};
use crate::{
    auth::{ApiKey, ApiKeyId, KeyRole, PresentedKey, Secret},
    promotions::{Clock, OrgId, SystemClock, Timestamp, check_visible},
};

const EXAMPLES: &str = "Examples:
  (umask 077; promolink key create --org 100458 --role service --name checkout > checkout.key)
  promolink key create --org 100458 --role storefront --expires-in 90d
  promolink key list --org 100458
  promolink key revoke --org 100458 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b

A file made after `umask 077` is readable by its owner only. Callers send the key as the header
  Authorization: Bearer KEY";

/// The longest name of a key, in characters.
const MAX_NAME_CHARS: usize = 200;

#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum Command {
    /// Make a key, and its organisation if that is new, and print the key alone on standard output, this once
    #[command(after_help = EXAMPLES)]
    Create(Create),
    /// List an organisation's keys, oldest first
    List(Target),
    /// Revoke a key: within 5 seconds, every server refuses it
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    target: Target,
    /// What the key may do
    #[arg(long, value_enum)]
    role: RoleArgument,
    /// What to call it in lists, such as the application that uses it
    #[arg(long, default_value = "", hide_default_value = true, value_parser = parse_name)]
    name: String,
    /// How long it is valid, such as 90d or 12h; for ever, if it is not said
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    expires_in: Option<Duration>,
}

/// The values of `--role`, with their help.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArgument {
    /// Everything of the organisation: campaigns and codes too
    Admin,
    /// A backend: links, unlinks, redeems, and reads any customer's wallet
    Service,
    /// An app in the hands of strangers: links codes, and does nothing else
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
    /// The key's id, as lists show it, or the key itself, which is not printed
    #[arg(value_name = "ID|KEY")]
    key: Secret,
}

/// Whose keys, and where they are.
#[derive(Debug, Args)]
pub struct Target {
    #[command(flatten)]
    database: Database,
    /// The organisation that the keys belong to
    #[arg(long, value_name = "NUMBER", value_parser = parse_org)]
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
    let expires_on = expires_in.map(|lifetime| later(now, lifetime)).transpose()?;
    let (url, store) = target.database.open().await?;
    let made = ApiKey::generate(target.org, role, name, now, expires_on);
    let (key, text) = made.context("the operating system has no random numbers")?;
    let new_organisation = store.api_keys.create_key(&key).await.with_context(|| format!("cannot write to {url}"))?;
    let org = target.org.get();
    if new_organisation {
        output::remark(format_args!("Organisation {org} is new."));
    }
    let end = expires_on.map_or("does not expire".to_owned(), |moment| format!("is valid until {}", rfc3339(moment)));
    let id = key.id.get();
    let role = role.as_str();
    output::remark(format_args!("Key {id} of organisation {org}, role {role}, {end}. It is shown this once:"));
    let mut output = io::stdout();
    if let Err(error) = writeln!(output, "{}", text.expose()).and_then(|()| output.flush()) {
        // Nobody has seen it: a key that nobody has is only a way in for whoever finds it.
        let revoked = store.api_keys.revoke_key(target.org, key.id, SystemClock.now()).await;
        revoked.with_context(|| format!("key {id} was not shown, and should be revoked"))?;
        return Err(error).with_context(|| format!("key {id} could not be shown, and was revoked"));
    }
    Ok(())
}

fn later(now: Timestamp, lifetime: Duration) -> anyhow::Result<Timestamp> {
    let millis = i64::try_from(lifetime.as_millis()).ok().and_then(|millis| now.millis().checked_add(millis));
    match millis.map(Timestamp::from_millis) {
        Some(moment) if lifetime >= SHORTEST && moment <= LATEST => Ok(moment),
        _ => Err(settings_error("--expires-in: a time from 1s to the end of the year 9999 is required, such as 90d")),
    }
}

/// The shortest life of a key: it is told to the second.
const SHORTEST: Duration = Duration::from_secs(1);

/// The end of the year 9999, the last that RFC 3339 can write.
const LATEST: Timestamp = Timestamp::from_millis(253_402_300_799_999);

async fn list(target: Target) -> anyhow::Result<()> {
    let (url, store) = target.database.open().await?;
    let keys = store.api_keys.keys(target.org).await.with_context(|| format!("cannot read {url}"))?;
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
    let (url, store) = target.database.open().await?;
    let revoked = store.api_keys.revoke_key(target.org, id, SystemClock.now()).await;
    let revoked = revoked.with_context(|| format!("cannot write to {url}"))?.and_then(|key| key.revoked_on);
    let (org, id) = (target.org.get(), id.get());
    let Some(moment) = revoked else {
        bail!("organisation {org} has no key {id}: `promolink key list` shows those that it has");
    };
    output::report(format_args!("revoked {id} on {}\n", rfc3339(moment)));
    Ok(())
}

/// The id of a key of this organisation, out of the id or the key itself. Errors don't repeat it: it may be a secret.
fn id_of(text: &str, org: OrgId) -> anyhow::Result<ApiKeyId> {
    if let Ok(id) = Uuid::parse_str(text) {
        return Ok(id.into());
    }
    match PresentedKey::parse(text) {
        Some(key) if key.org == org => Ok(key.id),
        Some(key) => {
            Err(settings_error(format_args!("the key is of organisation {}: revoke it with --org {0}", key.org.get())))
        }
        None => {
            Err(settings_error("it is neither a whole API key nor the id of one: `promolink key list` shows the ids"))
        }
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
