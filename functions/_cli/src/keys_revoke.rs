//! `redial keys revoke`: a key that leaked, or whose owner has left, is refused from now on.

use crate::{failure::Failure, keys::Where, print};

/// Revokes an API key. It is refused from the next request on; there is no way back.
#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    /// The key's id as `redial keys list` shows it, or at least its first six characters
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    place: Where,
}

pub(crate) async fn run(revoke: Revoke) -> Result<(), Failure> {
    let app = revoke.place.app().await?;
    let id = revoke.id.trim().to_ascii_lowercase();
    let revoked = app.table.revoke_api_key(&id, app.clock.now()).await?.ok_or_else(|| {
        Failure::new(
            format!("failed to revoke: not exactly one key has an id that begins with `{id}`"),
            "see `redial keys list`, and give at least six characters of the id",
        )
    })?;
    print::line(&format!(
        "Revoked the {} key `{}` ({}).",
        revoked.role.as_str(),
        revoked.name,
        revoked.id()
    ));
    Ok(())
}
