//! `redial forget`: deletes what is known about a person, step by step until nothing is left but the mark.

use serde_json::json;

use crate::{api::At, dnc::Number, failure::Failure, print, rules_words::cell};

/// Steps of one person: each deletes thousands of items, and a phone has some ten thousand in five years.
const STEPS_MAX: usize = 100;

/// Deletes leads, profiles, calls, transcripts and history of a phone. Needs an owner's key.
///
/// That the phone must not be called stays, or begins now: otherwise the next list would bring the person back. A phone
/// that is being called has to wait until the call is over.
#[derive(Debug, clap::Args)]
pub(crate) struct Forget {
    #[command(flatten)]
    number: Number,
    /// Why; it is kept with your name, without the number
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    at: At,
}

pub(crate) async fn run(forget: Forget) -> Result<(), Failure> {
    let api = forget.at.api()?;
    let mut body = forget.number.body();
    body["reason"] = json!(forget.reason);
    let mut deleted = 0;
    for _ in 0..STEPS_MAX {
        let answer = api.post(&["api", "forget"], &body).await?;
        deleted += answer["deleted"].as_u64().unwrap_or(0);
        if answer["done"] == true {
            print::line(&format!(
                "forgotten: {deleted} items deleted; it stays marked as do-not-call"
            ));
            print::line(&cell(&answer["hint"]));
            return Ok(());
        }
    }
    Err(Failure::new(
        format!("failed to forget all of it: {deleted} items are deleted, and there are more"),
        "run it again",
    ))
}
