//! The Lambdas as processes, over a Runtime API: how soon they ask for an event, how soon the first one is answered, what a
//! warm answer takes, how much they hold. Beside them the same webhook function in Node and in Python.
//!
//! Starts of all subjects take turns, so that a busy minute of the machine meets each of them. Files are in the page cache
//! after the first round; what Lambda does before it starts a process is not here, and is the same for all of them but for
//! the size of what it has to fetch.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Size,
    children::{self, Child},
    engines::Engines,
    peers::install,
    row::{Row, Target},
    runtime_api::RuntimeApi,
};

pub(crate) const PART: &str = "lambdas";
/// A process that does nothing for this long will do nothing later; Python needs a second or two on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// `strip` reads and writes a binary once.
const STRIP_WAIT_MAX: Duration = Duration::from_secs(30);
/// What was promised of an optimized build: a start in an eighth of the time of Node.
const TIMES_FASTER_THAN_NODE: f64 = 8.0;
/// Answers of success (HTTP).
const ANSWER_OK: std::ops::Range<u64> = 200..300;

/// Each function with an event of its kind.
const FUNCTIONS: [(&str, &str); 7] = [
    (
        "webhook",
        include_str!("../../events/webhook/bland-answered-human.json"),
    ),
    (
        "outcomes",
        include_str!("../../events/outcomes/bland-answered-human.json"),
    ),
    ("tick", include_str!("../../events/tick/schedule.json")),
    ("dialer", include_str!("../../events/dialer/claim-over.json")),
    ("reconcile", include_str!("../../events/reconcile/schedule.json")),
    ("jobs", include_str!("../../events/jobs/forgotten-job.json")),
    ("admin", include_str!("../../events/admin/status.json")),
];

/// When the dialer's claim ends and the tick was due, and times that no run of this lies after.
const OVER: [(&str, &str); 2] = [
    (r#"\"claim_until\":1795449600"#, r#"\"claim_until\":4102444800"#),
    (r#""time": "2026-11-23T17:00:00Z""#, r#""time": "2099-12-31T12:00:00Z""#),
];

/// Starts and warm answers of each.
const fn counts(size: Size) -> (usize, usize) {
    match size {
        Size::Quick => (3, 20),
        Size::Usual => (15, 300),
        Size::Full => (40, 1_000),
    }
}

/// A program that serves events.
struct Subject {
    name: String,
    program: PathBuf,
    words: Vec<String>,
    folder: PathBuf,
    event: String,
}

/// What was measured of one.
#[derive(Debug, Default)]
struct Measured {
    asked_ms: Vec<f64>,
    answered_ms: Vec<f64>,
    warm_ms: Vec<f64>,
    resident_mib: Vec<f64>,
}

pub(crate) async fn rows(size: Size) -> Vec<Row> {
    let missing = |why| vec![Row::missing(PART, "process start to the first answer", "ms", why)];
    let engines = match Engines::start().await {
        Ok(engines) => engines,
        Err(why) => return missing(why),
    };
    let (built, scratch) = match folders() {
        Ok(folders) => folders,
        Err(why) => return missing(why),
    };
    let mut subjects: Vec<Subject> = FUNCTIONS
        .iter()
        .map(|(name, event)| Subject {
            name: (*name).to_owned(),
            program: built.join(name),
            words: Vec::new(),
            folder: scratch.clone(),
            event: lasting(event),
        })
        .collect();
    let mut rows = Vec::new();
    // Right after our webhook function, so that what is compared starts in the same second.
    let mut at = 1;
    for (name, peer) in peers(size).await {
        match peer {
            Ok(peer) => {
                subjects.insert(at, peer);
                at += 1;
            }
            Err(why) => rows.push(Row::missing(
                PART,
                format!("{name}: start to the first answer"),
                "ms",
                why,
            )),
        }
    }
    let profile = built.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let measured = measure(&subjects, &engines, &scratch, size).await;
    for (subject, measured) in subjects.iter().zip(&measured) {
        match measured {
            Ok(measured) => rows.extend(rows_of(&subject.name, measured, &profile)),
            Err(why) => rows.push(Row::missing(
                PART,
                format!("{}: start to the first answer", subject.name),
                "ms",
                why.clone(),
            )),
        }
    }
    for (name, _) in FUNCTIONS {
        rows.push(size_row(&built.join(name), name, &scratch, &profile).await);
    }
    let of = |name: &str| {
        let at = subjects.iter().position(|subject| subject.name == name)?;
        measured.get(at)?.as_ref().ok()
    };
    for (peer, target) in [(NODE, Some(TIMES_FASTER_THAN_NODE)), (NODE_FILES, None), (PYTHON, None)] {
        rows.push(ratio_row(of("webhook"), of(peer), peer, target));
    }
    rows
}

const NODE: &str = "webhook in Node, bundled";
const NODE_FILES: &str = "webhook in Node, not bundled";
const PYTHON: &str = "webhook in Python";

/// The same function in other languages, or why it is not there.
async fn peers(size: Size) -> Vec<(&'static str, Result<Subject, String>)> {
    let event = FUNCTIONS[0].1;
    let subject = |name: &str, program: PathBuf, words: &[&str], folder: PathBuf| Subject {
        name: name.to_owned(),
        program,
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        folder,
        event: event.to_owned(),
    };
    let node = install::node(size).await;
    let bundle = match &node {
        Ok(folder) => install::bundle(folder).await,
        Err(why) => Err(why.clone()),
    };
    let python = install::python(size).await;
    vec![
        (
            NODE,
            bundle.map(|file| {
                let folder = file.parent().unwrap_or(Path::new("")).to_owned();
                subject(NODE, "node".into(), &[&file.to_string_lossy()], folder)
            }),
        ),
        (
            NODE_FILES,
            node.map(|folder| subject(NODE_FILES, "node".into(), &["runtime.js"], folder)),
        ),
        (
            PYTHON,
            python.map(|(python, folder)| subject(PYTHON, python, &["-m", "awslambdaric", "webhook.handler"], folder)),
        ),
    ]
}

/// Where the binaries of this build are, and where logs may go.
fn folders() -> Result<(PathBuf, PathBuf), String> {
    let scratch = install::folder()?.join("lambdas");
    fs::create_dir_all(&scratch).map_err(|error| format!("failed to make `{}`: {error}", scratch.display()))?;
    let own = std::env::current_exe().map_err(|error| format!("failed to find the own program: {error}"))?;
    let built = own.parent().ok_or("the own program has no folder")?;
    Ok((built.to_owned(), scratch))
}

/// An event that is not over: its function would answer without a look at the table.
fn lasting(event: &str) -> String {
    OVER.iter()
        .fold(event.to_owned(), |event, (over, lasting)| event.replace(over, lasting))
}

/// Starts all of them in turn, as often as the size says; the last start of each also answers warm.
async fn measure(subjects: &[Subject], engines: &Engines, scratch: &Path, size: Size) -> Vec<Result<Measured, String>> {
    let (starts, warm) = counts(size);
    let mut all: Vec<Result<Measured, String>> = subjects.iter().map(|_| Ok(Measured::default())).collect();
    for round in 0..starts {
        for (subject, measured) in subjects.iter().zip(&mut all) {
            let Ok(so_far) = measured else { continue };
            let warm = if round + 1 == starts { warm } else { 0 };
            if let Err(why) = start(subject, engines, scratch, warm, so_far).await {
                *measured = Err(why);
            }
        }
    }
    all
}

async fn start(
    subject: &Subject,
    engines: &Engines,
    scratch: &Path,
    warm: usize,
    so_far: &mut Measured,
) -> Result<(), String> {
    let mut api = RuntimeApi::start().await?;
    api.hand(&subject.event).await?;
    let mut command = Command::new(&subject.program);
    command.args(&subject.words).current_dir(&subject.folder).env_clear();
    // Only what finds programs: a developer's profile must not choose another account or endpoint.
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    let function = [
        ("AWS_LAMBDA_RUNTIME_API", api.address.as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
        ("_HANDLER", "webhook.handler"),
    ];
    command.envs(function).env("HOME", scratch);
    command.env("LAMBDA_TASK_ROOT", &subject.folder);
    command.envs(engines.environment.iter().map(|(name, value)| (name, value)));
    let log = scratch.join(format!("{}.log", subject.name.replace([' ', ','], "-")));

    let begun = Instant::now();
    let child = Child::start(&mut command, &log)?;
    let failed = |why: String| format!("{why}; the last that it wrote: {}", child.last_words());
    let asked = api.asked(WAIT_MAX).await.map_err(failed)?;
    let (answered, answer) = api.answered(WAIT_MAX).await.map_err(failed)?;
    is_well(&answer)?;
    so_far.asked_ms.push(ms(asked - begun));
    so_far.answered_ms.push(ms(answered - begun));
    for _ in 0..warm {
        api.asked(WAIT_MAX).await.map_err(failed)?;
        let begun = Instant::now();
        api.hand(&subject.event).await?;
        let (answered, answer) = api.answered(WAIT_MAX).await.map_err(failed)?;
        is_well(&answer)?;
        so_far.warm_ms.push(ms(answered - begun));
    }
    if warm > 0 {
        so_far.resident_mib.extend(child.resident_mib());
    }
    Ok(())
}

/// An answer that is none of success would be quick for the wrong reason.
fn is_well(answer: &Value) -> Result<(), String> {
    let status = answer["statusCode"].as_u64();
    let failures = answer["batchItemFailures"].as_array();
    let well = status.is_none_or(|status| ANSWER_OK.contains(&status)) && failures.is_none_or(Vec::is_empty);
    if well {
        Ok(())
    } else {
        Err(format!("it answered {answer}"))
    }
}

fn rows_of(name: &str, measured: &Measured, profile: &str) -> Vec<Row> {
    let built = if name.contains(' ') {
        String::new()
    } else {
        format!(", profile `{profile}`")
    };
    let median = |what: &str, values: &[f64], unit, of: &str| {
        Row::median(PART, format!("{name}: {what}"), values, unit)
            .how(format!("median of {} {of}{built}", values.len()))
    };
    let mut rows = vec![
        median("process start to its first /next", &measured.asked_ms, "ms", "starts"),
        median(
            "process start to the first answer",
            &measured.answered_ms,
            "ms",
            "starts",
        ),
        warm_row(name, &measured.warm_ms, &built),
    ];
    rows.push(match measured.resident_mib.as_slice() {
        [] => Row::missing(
            PART,
            format!("{name}: resident memory"),
            "MiB",
            "this system has no /proc".to_owned(),
        ),
        values => median("resident memory", values, "MiB", "after the warm answers"),
    });
    rows
}

/// Warm answers waver by their slowest one, which tells of the machine: their noise is that of the middle half.
fn warm_row(name: &str, values: &[f64], built: &str) -> Row {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = &sorted[sorted.len() / 4..sorted.len() - sorted.len() / 4];
    Row::median(PART, format!("{name}: a warm answer"), middle, "ms")
        .how(format!("median of {}, noise of the middle half{built}", values.len()))
}

/// How many times sooner ours answers, round by round.
fn ratio_row(ours: Option<&Measured>, theirs: Option<&Measured>, peer: &str, target: Option<f64>) -> Row {
    let (name, unit) = (
        format!("webhook: start to the first answer against {peer}"),
        "times sooner",
    );
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        let why = "one of the two could not be measured, see above".to_owned();
        return Row::missing(PART, name, unit, why);
    };
    let pairs = ours.answered_ms.iter().zip(&theirs.answered_ms);
    let ratios: Vec<f64> = pairs.map(|(ours, theirs)| theirs / ours).collect();
    let row = Row::median(PART, name, &ratios, unit).how(format!("median of {} pairs of starts", ratios.len()));
    match target {
        Some(least) if !cfg!(debug_assertions) => row.target(Target::AtLeast(least)),
        Some(_) | None => row,
    }
}

/// The size of a binary, and without its symbols if there is a `strip`.
async fn size_row(binary: &Path, name: &str, scratch: &Path, profile: &str) -> Row {
    let (title, unit) = (format!("{name}: binary"), "MB");
    let bytes = match fs::metadata(binary) {
        Ok(found) => found.len(),
        Err(_) => {
            let why = format!("there is no `{name}` beside the bench: build it with `cargo build --workspace`");
            return Row::missing(PART, title, unit, why);
        }
    };
    let row = Row::counted(PART, title, megabytes(bytes), unit).how(format!("{bytes} bytes, profile `{profile}`"));
    let stripped = scratch.join("stripped");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&stripped).arg(binary);
    let done = children::run(&mut strip, &scratch.join("strip.log"), STRIP_WAIT_MAX).await;
    let bytes = done.ok().and_then(|_| Some(fs::metadata(&stripped).ok()?.len()));
    let _ = fs::remove_file(&stripped);
    match bytes {
        Some(bytes) => row.beside("without symbols", megabytes(bytes)),
        None => row,
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_in_the_events_is_made_to_last() {
        for (over, _) in OVER {
            let found = FUNCTIONS.iter().any(|(_, event)| event.contains(over));
            assert!(found, "no event says {over} any more");
        }
    }

    #[test]
    fn an_answer_of_failure_is_no_figure() {
        for (answer, well) in [
            (serde_json::json!({"statusCode": 200}), true),
            (serde_json::json!({"statusCode": 503}), false),
            (serde_json::json!({"batchItemFailures": []}), true),
            (
                serde_json::json!({"batchItemFailures": [{"itemIdentifier": "1"}]}),
                false,
            ),
            (serde_json::json!({"asked": 1}), true),
        ] {
            assert_eq!(is_well(&answer).is_ok(), well, "{answer}");
        }
    }
}
