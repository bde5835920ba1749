//! `redial rules`: change what decides about calls, step by step.

use clap::Subcommand;

use crate::{failure::Failure, rules_change, rules_folder, rules_look, rules_replay};

/// Looks at rule sets and changes them: check, draft, replay, publish, roll back.
///
/// A rule set is a folder of text files; rules/README.md explains them. `check` and `test` need nothing but the folder.
/// The others talk to the API: with a running `redial local` in this folder they find it by themselves; else set
/// REDIAL_URL and REDIAL_API_KEY.
#[derive(Debug, clap::Args)]
pub(crate) struct Rules {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(rules_look::List),
    Show(rules_look::Show),
    Check(rules_folder::Check),
    Test(rules_folder::Test),
    Draft(rules_change::Draft),
    Diff(rules_look::Diff),
    Replay(rules_replay::Replay),
    Publish(rules_change::Publish),
    Approve(rules_change::Approve),
    Share(rules_change::Share),
    Trial(rules_look::Trial),
    Rollback(rules_change::RollBack),
    Reapply(rules_replay::Reapply),
    Log(rules_look::Log),
}

pub(crate) async fn run(rules: Rules) -> Result<(), Failure> {
    match rules.command {
        Command::List(list) => rules_look::list(list).await,
        Command::Show(show) => rules_look::show(show).await,
        Command::Check(check) => rules_folder::check(&check),
        Command::Test(test) => rules_folder::test(&test),
        Command::Draft(draft) => rules_change::draft(draft).await,
        Command::Diff(diff) => rules_look::diff(diff).await,
        Command::Replay(replay) => rules_replay::replay(replay).await,
        Command::Publish(publish) => rules_change::publish(publish).await,
        Command::Approve(approve) => rules_change::approve(approve).await,
        Command::Share(share) => rules_change::share(share).await,
        Command::Trial(trial) => rules_look::trial(trial).await,
        Command::Rollback(back) => rules_change::roll_back(back).await,
        Command::Reapply(again) => rules_replay::reapply(again).await,
        Command::Log(log) => rules_look::log(log).await,
    }
}
