//! `redial keys list`: who has which key, and until when, and which are revoked. Never the keys themselves.

use chrono::{DateTime, Utc};

use crate::{failure::Failure, keys::Where, print};

/// Lists all API keys, revoked ones too. The keys themselves are not stored and cannot be shown.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    place: Where,
}

pub(crate) async fn run(list: List) -> Result<(), Failure> {
    let keys = list.place.app().await?.table.api_keys().await?;
    if keys.is_empty() {
        print::line("There are no API keys yet. Make one: redial keys create --name NAME --role admin");
        return Ok(());
    }
    let rows: Vec<[String; 8]> = keys
        .into_iter()
        .map(|key| {
            [
                key.id().to_owned(),
                key.name.clone(),
                key.role.as_str().to_owned(),
                key.provider.clone().unwrap_or_else(|| "-".to_owned()),
                shown(key.created_at),
                key.last_used_at.map_or_else(|| "-".to_owned(), shown),
                key.valid_until.map_or_else(|| "-".to_owned(), shown),
                key.revoked_at.map_or_else(|| "-".to_owned(), shown),
            ]
        })
        .collect();
    print::table(
        [
            "ID",
            "NAME",
            "ROLE",
            "PROVIDER",
            "CREATED",
            "LAST USED",
            "VALID UNTIL",
            "REVOKED",
        ],
        &rows,
    );
    Ok(())
}

fn shown(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}
