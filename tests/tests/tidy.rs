//! What a reviewer would have to look for again and again, as a test over the sources.
//!
//! Every exception stands here with its reason, and one that is not needed any more fails, too.

#![allow(clippy::unwrap_used, reason = "sources that cannot be read have failed the test")]

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/packages.rs"]
mod packages;
#[path = "tidy/tree.rs"]
mod tree;

use tree::{names_in, none, read, rust, sources};

/// What may stand at the top beside dotfiles.
const TOP: [&str; 16] = [
    "API.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "GROWTH.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile",
    "README.md",
    "events/",
    "functions/",
    "infra/",
    "rules/",
    "tests/",
];

/// Longest file. A longer one holds more than one idea, unless it is named below.
const LINES_MAX: usize = 500;
/// Files that may be longer: up to how many lines, and why.
const LONG: [(&str, usize, &str); 0] = [];
/// Below this an exception for length is not needed.
const SHORT_ENOUGH: usize = 400;

/// Names of providers.
const PROVIDERS: [&str; 7] = ["bland", "convoso", "exotel", "retell", "telnyx", "twilio", "vapi"];
/// Keys that only their payloads have.
const PAYLOAD_KEYS: [&str; 12] = [
    "answered_by",
    "answeredby",
    "call_ended_by",
    "call_length",
    "callsid",
    "callstatus",
    "concatenated_transcript",
    "corrected_duration",
    "disconnection_reason",
    "disposition_tag",
    "endedreason",
    "hangup_cause",
];
/// Where all of them may be said.
const KNOWS_PROVIDERS: [&str; 2] = ["functions/_shared/telephony/", "functions/_local/"];
/// Where a provider is chosen, and may be named. Payload keys may not even stand here.
const CHOOSES_PROVIDER: [(&str, &str); 12] = [
    (
        "functions/_cli/src/keys_create.rs",
        "names the CRM for whose webhooks a key may be",
    ),
    (
        "functions/_shared/domain/src/campaign.rs",
        "a campaign names its provider, and has a default",
    ),
    (
        "functions/dialer/src/handler.rs",
        "makes the client from its key and address",
    ),
    (
        "functions/dialer/src/place_call.rs",
        "places the call with the one client there is",
    ),
    (
        "functions/outcomes/src/apply_outcome.rs",
        "hands a payload to its provider's parser",
    ),
    (
        "functions/outcomes/src/end_call.rs",
        "ends a call with the one client there is",
    ),
    (
        "functions/outcomes/src/find_call.rs",
        "asks the client whose call it was",
    ),
    (
        "functions/outcomes/src/handler.rs",
        "makes the client from its key and address",
    ),
    (
        "functions/reconcile/src/handler.rs",
        "makes the client from its key and address",
    ),
    (
        "functions/reconcile/src/questions.rs",
        "asks the client what became of a call",
    ),
    ("functions/webhook/src/handler.rs", "loads the secret of the signature"),
    (
        "functions/webhook/src/receive.rs",
        "leads a path to its provider's signature and parser",
    ),
];

#[test]
fn the_top_level_holds_only_what_belongs_there() {
    none(
        "these do not belong at the top",
        names_in("").into_iter().filter(|name| !TOP.contains(&name.as_str())),
    );
}

#[test]
fn every_file_says_first_what_it_is() {
    let silent = rust().filter(|source| !source.text.starts_with("//! "));
    none("these do not open with `//! `", silent.map(|source| source.path));
}

#[test]
fn a_file_holds_one_idea() {
    let lines = |text: &str| text.lines().count();
    let max = |path: &str| {
        LONG.iter()
            .find(|(long, ..)| *long == path)
            .map_or(LINES_MAX, |(_, max, _)| *max)
    };
    let long = rust().filter(|source| lines(&source.text) > max(&source.path));
    none(
        "these are too long",
        long.map(|source| format!("{}: {} lines", source.path, lines(&source.text))),
    );
    let stale = LONG.iter().filter(|(path, ..)| lines(&read(path)) < SHORT_ENOUGH);
    none(
        "these need no exception any more",
        stale.map(|(path, ..)| (*path).to_owned()),
    );
}

#[test]
fn decisions_do_nothing_but_decide() {
    let doing = [
        "async fn", ".await", "tokio", "std::fs", "std::net", "std::env", "::now()", "rand::", "println!", "Instant",
    ];
    let domain = rust().filter(|source| source.is_in("functions/_shared/domain/src/"));
    none(
        "no I/O, clock, randomness or async here",
        domain.filter_map(|source| source.words_of(&source.code(), &doing)),
    );
}

#[test]
fn words_of_providers_stay_in_telephony() {
    let program: Vec<_> = rust()
        .filter(|source| !source.is_test() && !KNOWS_PROVIDERS.iter().any(|folder| source.is_in(folder)))
        .collect();
    let keys = program
        .iter()
        .filter_map(|source| source.words_of(&source.code().to_lowercase(), &PAYLOAD_KEYS));
    none("keys of payloads stay in telephony", keys);

    let naming: Vec<_> = program
        .iter()
        .filter_map(|source| Some((source, source.words_of(&source.code().to_lowercase(), &PROVIDERS)?)))
        .collect();
    let may = |path: &str| CHOOSES_PROVIDER.iter().any(|(named, _)| *named == path);
    none(
        "providers are named in telephony",
        naming
            .iter()
            .filter(|(source, _)| !may(&source.path))
            .map(|(_, found)| found.clone()),
    );
    let stale = CHOOSES_PROVIDER
        .iter()
        .filter(|(path, _)| !naming.iter().any(|(source, _)| source.path == *path));
    none(
        "these need no exception any more",
        stale.map(|(path, _)| (*path).to_owned()),
    );
}

#[test]
fn a_webhook_is_verified_before_anything_reads_it() {
    let reads = ["parse", "slim", "from_slice", "from_str", "from_reader", "from_value"];
    let mut early = Vec::new();
    let mut late = 0;
    for source in rust().filter(|source| source.is_in("functions/webhook/src/")) {
        // The event around a request is Lambda's own: nobody outside writes it.
        let envelope = "let request: Request = serde_json::from_value(event)?;";
        let code = source.code().replace(envelope, "");
        for function in code.split("fn ").skip(1) {
            let Some(first) = reads.iter().filter_map(|word| function.find(word)).min() else {
                continue;
            };
            // The last refusal of what nobody signed stands before the first look.
            if function.rfind("unauthorized(").is_some_and(|refused| refused < first) {
                late += 1;
            } else {
                early.push(format!(
                    "{}: {}",
                    source.path,
                    function.lines().next().unwrap_or_default()
                ));
            }
        }
    }
    none("these read what is not verified yet", early);
    assert!(
        late > 0,
        "nothing reads a webhook; then this test looks for the wrong words"
    );
}

#[test]
fn rules_are_the_same_for_every_provider() {
    let rules = sources()
        .into_iter()
        .filter(|source| source.is_in("rules/") && !source.path.ends_with(".md"));
    let words: Vec<&str> = PROVIDERS.into_iter().chain(PAYLOAD_KEYS).collect();
    none(
        "rules know no provider",
        rules.filter_map(|source| source.words_of(&source.text.to_lowercase(), &words)),
    );
}

#[test]
fn nothing_is_left_unfinished_and_no_path_is_of_somebodys_machine() {
    // In halves, so that this file does not find itself.
    let marks = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("C:", "\\"),
    ];
    none(
        "unfinished, or of one machine",
        sources()
            .into_iter()
            .filter_map(|source| source.words_of(&source.text, &marks)),
    );
}

#[test]
fn every_limit_says_where_its_number_comes_from() {
    let mut silent = Vec::new();
    for source in rust().filter(|source| !source.is_test()) {
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        for (n, line) in lines.iter().enumerate() {
            let Some(name) = constant(line).filter(|name| name.contains("MAX") || name.contains("LIMIT")) else {
                continue;
            };
            // Constants in neighbouring lines share the remark above the first.
            let above = lines[..n]
                .iter()
                .rev()
                .find(|line| constant(line).is_none() && !line.starts_with("#["));
            if !above.is_some_and(|line| line.starts_with("//")) {
                silent.push(format!("{}:{}: {name}", source.path, n + 1));
            }
        }
    }
    none("why these numbers?", silent);
}

/// The name of the constant that a line defines.
fn constant(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub").map_or(line, |rest| {
        rest.trim_start_matches("(crate)")
            .trim_start_matches("(super)")
            .trim_start()
    });
    let (name, _) = rest.strip_prefix("const ")?.split_once(':')?;
    name.chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        .then_some(name)
}
