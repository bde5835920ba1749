//! The `redial` command: one file per subcommand, all printing through `print`.

// The SDK's futures nest deeper than the compiler follows by default.
#![recursion_limit = "256"]

mod api;
mod dnc;
mod dnc_export;
mod dnc_file;
mod dnc_import;
mod explain;
mod failure;
mod forget;
mod import;
mod jobs;
mod keys;
mod keys_create;
mod keys_list;
mod keys_revoke;
mod law;
mod leads;
mod local;
mod log;
mod print;
mod rules;
mod rules_change;
mod rules_folder;
mod rules_look;
mod rules_replay;
mod rules_words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Calls sales leads again, by rule and by law, until they buy or ask not to be called.
#[derive(Debug, Parser)]
#[command(name = "redial", version, propagate_version = false)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Local(local::Local),
    Keys(keys::Keys),
    Rules(rules::Rules),
    Jobs(jobs::Jobs),
    Explain(explain::Explain),
    Evidence(explain::Evidence),
    Law(law::LawArguments),
    Leads(leads::Leads),
    Dnc(dnc::Dnc),
    Forget(forget::Forget),
    Import(import::Import),
}

#[tokio::main]
async fn main() -> ExitCode {
    // Bad arguments end here, with a usage message and exit code 2.
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Local(local) => local::run(local).await,
        Command::Keys(keys) => keys::run(keys).await,
        Command::Rules(rules) => rules::run(rules).await,
        Command::Jobs(jobs) => jobs::run(jobs).await,
        Command::Explain(explain) => explain::run(explain).await,
        Command::Evidence(evidence) => explain::export(evidence).await,
        Command::Law(law) => law::run(law).await,
        Command::Leads(leads) => leads::run(leads).await,
        Command::Dnc(dnc) => dnc::run(dnc).await,
        Command::Forget(forget) => forget::run(forget).await,
        Command::Import(import) => import::run(import).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print::failure(&failure);
            ExitCode::from(failure.exit)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_of_the_documents_can_be_typed() {
        let documents = [
            include_str!("../../../README.md"),
            include_str!("../../../rules/README.md"),
        ];
        let mut commands = 0;
        for line in documents.iter().flat_map(|text| text.lines()).map(str::trim) {
            if !["rules", "jobs", "dnc", "forget", "import", "leads"]
                .iter()
                .any(|of| line.starts_with(&format!("redial {of} ")))
            {
                continue;
            }
            // What comes behind is the shell's.
            let line = line.split(" > ").next().unwrap_or_default();
            commands += 1;
            let mut words: Vec<String> = vec![String::new()];
            let mut quoted = false;
            for letter in line.chars() {
                match letter {
                    '"' => quoted = !quoted,
                    ' ' if !quoted => words.push(String::new()),
                    other => words.iter_mut().last().into_iter().for_each(|word| word.push(other)),
                }
            }
            if let Err(error) = Arguments::try_parse_from(&words) {
                panic!("{line}: {error}");
            }
        }
        assert!(commands >= 15, "{commands} commands");
    }

    #[test]
    fn what_cannot_be_is_a_usage_error() {
        for bad in [
            "redial local --speed 0",
            "redial local --speed fast",
            "redial local --now yesterday",
            "redial local --port 70000",
            "redial local --phones loud",
            "redial keys create --name x --role king",
            "redial keys create --role agent",
            "redial keys list --local --endpoint http://127.0.0.1:8000",
            "redial rules publish rules/x",
            "redial rules publish rules/x --note why --share 100",
            "redial rules share x 0 --note why",
            "redial rules approve x",
            "redial rules show x --version 3",
            "redial rules draft --drop x",
            "redial rules rollback x --note why",
            "redial dnc add",
            "redial dnc remove +12125550142",
            "redial dnc add +12125550142 --region MARS",
            "redial dnc add +12125550142 --said-at yesterday",
            "redial dnc import",
            "redial dnc import list.csv --source rumour",
            "redial forget +12125550142",
            "redial import leads.csv",
            "redial import --campaign one",
            "redial import leads.csv --campaign one --map Handy",
            "redial import leads.csv --campaign one --undo x",
            "redial import leads.csv --do-not-call --dry-run",
            "redial import leads.csv --campaign one --registry yesterday",
            "redial leads find",
            "redial leads find Anna --limit 0",
            "redial leads status 01J",
            "redial leads status 01J sale --callback-at tomorrow",
            "redial nothing",
        ] {
            let error = Arguments::try_parse_from(bad.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{bad}");
        }
    }
}
