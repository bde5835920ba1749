//! `redial keys create`: makes a key and shows it, this once.

use chrono::TimeDelta;
use clap::builder::PossibleValuesParser;
use redial_domain::Role;

use crate::{failure::Failure, keys::Where, print};

/// Longest name of a key, in characters: it stands in every activity.
const NAME_LEN_MAX: usize = 60;

/// Makes an API key and shows it once.
///
/// What the roles may do: `webhook` posts webhooks of a provider without signatures, and nothing else; `agent` sees
/// and works on leads; `admin` adds leads and manages campaigns too; `owner` also manages keys and do-not-call;
/// `system_admin` also starts and stops the queue.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Whose key it is; stands in every activity
    #[arg(long, value_name = "NAME", value_parser = read_name)]
    name: String,
    /// What it may do
    #[arg(long, value_parser = PossibleValuesParser::new(Role::ALL.map(Role::as_str)))]
    role: String,
    /// For the role `webhook`: the only provider whose webhooks it may post
    #[arg(long, value_parser = ["convoso"])]
    provider: Option<String>,
    /// After so many days it opens nothing any more; without it, when somebody revokes it
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3_650))]
    valid_days: Option<u16>,
    #[command(flatten)]
    place: Where,
}

fn read_name(raw: &str) -> Result<String, String> {
    let name = raw.trim();
    let length = name.chars().count();
    if length == 0 || length > NAME_LEN_MAX || name.chars().any(char::is_control) {
        return Err(format!("give it 1 to {NAME_LEN_MAX} characters"));
    }
    if name == "system" {
        return Err("`system` is the name of jobs; choose another".to_owned());
    }
    Ok(name.to_owned())
}

pub(crate) async fn run(create: Create) -> Result<(), Failure> {
    let role = Role::parse(&create.role).ok_or_else(|| {
        let what = format!("failed to make the key: there is no role `{}`", create.role);
        Failure::new(what, "see `redial keys create --help`")
    })?;
    if create.provider.is_some() && role != Role::Webhook {
        return Err(Failure::new(
            format!(
                "failed to make the key: a key of role `{}` has no provider",
                role.as_str()
            ),
            "leave out --provider, or use --role webhook",
        ));
    }
    let app = create.place.app().await?;
    let now = app.clock.now();
    let valid_until = create.valid_days.map(|days| now + TimeDelta::days(i64::from(days)));
    let key = app
        .table
        .create_api_key_until(&app.ids, &create.name, role, create.provider, (now, valid_until))
        .await?;
    print::line(&key);
    print::line("\nThis key is not shown again: it is stored as a hash only.");
    Ok(())
}
