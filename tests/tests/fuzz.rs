//! Whatever comes from outside: no panic, within a time and a memory, and what each target promises besides.
//!
//! The stable half of `tests/fuzz`: its corpus, the payloads, inputs too large to be files, and changes of all of them by
//! a fixed seed. The fuzzer itself needs a nightly compiler and time; see CONTRIBUTING.md.

#![expect(clippy::unwrap_used, reason = "an input that cannot be read has failed the test")]

#[path = "fuzz/large.rs"]
mod large;
#[path = "fuzz/mutations.rs"]
mod mutations;
#[path = "fuzz/words.rs"]
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use large::Named;
use mutations::{Random, each_field_mangled, mutated};
use peak_alloc::PeakAlloc;
use redial_tests::fuzz_targets::{TARGETS, Target};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The seed of all changes. Another one finds other things: change it here to look for them.
const SEED: u64 = 20_261_121;

/// Changed inputs of each target: as many as take a second or three in this build.
const CHANGED: [(&str, usize); 6] = [
    ("delivery", 600),
    ("webhook", 1_000),
    ("signature", 300),
    ("api", 1_500),
    ("phone", 5_000),
    ("rules", 600),
];

/// One input, in this build, on a busy machine. The dearest script that the cage lets through takes a second.
const INPUT_TIME_MAX: Duration = Duration::from_secs(15);

/// What one input may take beside its own size: the cage lets a script fill 96 variables with 32 KiB each at each of 8
/// levels, which is 24 MiB.
const MEMORY_BYTES_MAX: usize = 32 << 20;
/// What each byte of an input may become. Two bytes such as `1,` are a JSON value of 32, in lists that double as they
/// grow, in a few copies.
const MEMORY_TIMES_MAX: usize = 200;

/// The stack of a worker of tokio, and so of a function on Lambda.
const STACK_BYTES: usize = 2 << 20;

/// Memory is counted for the whole process, so that one input runs at a time. What the engines below take in C is not.
static ALONE: Mutex<()> = Mutex::new(());

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// All files of a folder, in order.
fn files(path: &str) -> Vec<Named> {
    let entries = fs::read_dir(folder(path)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<Named> = entries
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{path} is empty");
    files
}

fn corpus(target: &str) -> Vec<Named> {
    files(&format!("fuzz/corpus/{target}"))
}

/// Runs a target over inputs, then over some that are too large to be changed, then over changed ones. Says how that went.
fn hold(target: &str, inputs: Vec<Named>, large: Vec<Named>, words: &'static [&'static str]) -> String {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (_, act) = *TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let (_, changed) = *CHANGED.iter().find(|(name, _)| *name == target).unwrap();
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}"));
    let (begins, begun) = channel::<String>();
    let file = kept.clone();
    let worker = move || {
        // What is made at the first use of all is not the first input's.
        act(b"");
        let (mut count, mut slowest, mut largest) = (0_usize, (Duration::ZERO, String::new()), (0, String::new()));
        let mut try_one = |name: String, input: &[u8]| {
            // Left behind when an input ends the process, hangs or fails.
            fs::write(&file, input).unwrap();
            begins.send(name.clone()).unwrap();
            let (time, bytes) = measured(act, input);
            count += 1;
            slowest = slowest.clone().max((time, name.clone()));
            largest = largest.clone().max((bytes, name));
        };
        for (name, input) in inputs.iter().chain(&large) {
            try_one(name.clone(), input);
        }
        let mut random = Random(SEED);
        for n in 0..changed {
            let input = mutated(&mut random, &inputs, words);
            try_one(format!("changed input {n}"), &input);
        }
        (count, slowest, largest)
    };
    let since = Instant::now();
    let worker = thread::Builder::new().stack_size(STACK_BYTES).spawn(worker).unwrap();
    let mut last = "the first use".to_owned();
    loop {
        match begun.recv_timeout(INPUT_TIME_MAX) {
            Ok(name) => last = name,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("{target}: {last} takes too long; it is in {}", kept.display()),
        }
    }
    let Ok((count, slowest, largest)) = worker.join() else {
        panic!("{target}: {last} failed; it is in {}", kept.display());
    };
    fs::remove_file(&kept).unwrap();
    format!(
        "{target}: {count} inputs in {:?}; slowest {slowest:?}; most memory {largest:?}",
        since.elapsed()
    )
}

/// Runs a target over one input; panics when it takes more memory than it may. Gives the time and the bytes it took.
fn measured(act: Target, input: &[u8]) -> (Duration, usize) {
    MEMORY.reset_peak_usage();
    let (before, since) = (MEMORY.current_usage(), Instant::now());
    act(input);
    let (bytes, time) = (MEMORY.peak_usage().saturating_sub(before), since.elapsed());
    let most = MEMORY_BYTES_MAX + input.len() * MEMORY_TIMES_MAX;
    assert!(
        bytes <= most,
        "an input of {} bytes took {bytes} bytes of memory",
        input.len()
    );
    (time, bytes)
}

#[test]
fn any_body_is_read_or_refused_and_a_cut_one_says_the_same() {
    let mut inputs = corpus("delivery");
    let payloads = files("payloads");
    for (name, body) in &payloads {
        let ends = (0..body.len()).step_by(307);
        inputs.extend(ends.map(|end| (format!("{name} up to {end}"), body[..end].to_vec())));
        let mangled = each_field_mangled(body).into_iter();
        inputs.extend(mangled.map(|body| (format!("{name} with a mangled field"), body)));
    }
    inputs.extend(payloads);
    println!("{}", hold("delivery", inputs, large::deliveries(), &words::WEBHOOKS));
}

#[test]
fn any_webhook_is_taken_and_can_be_applied_or_is_refused() {
    println!("{}", hold("webhook", corpus("webhook"), Vec::new(), &words::WEBHOOKS));
}

#[test]
fn what_is_not_signed_is_refused_and_not_queued() {
    let mut inputs = corpus("signature");
    inputs.extend(files("payloads"));
    println!("{}", hold("signature", inputs, Vec::new(), &words::WEBHOOKS));
}

#[test]
fn any_request_to_the_api_is_done_or_refused() {
    println!("{}", hold("api", corpus("api"), large::requests(), &words::REQUESTS));
}

#[test]
fn any_text_is_a_phone_or_none() {
    println!("{}", hold("phone", corpus("phone"), Vec::new(), &words::PHONES));
}

#[test]
fn any_rule_set_is_taken_or_says_what_is_wrong_and_ends() {
    let set = "../rules/until-sale-or-dnc";
    let mut inputs = corpus("rules");
    let shipped = files(set).into_iter();
    inputs.extend(shipped.map(|(name, text)| (name.clone(), [name.as_bytes(), b"\n", &text].concat())));
    let settings = fs::read_to_string(folder(set).join("ruleset.toml")).unwrap();
    println!("{}", hold("rules", inputs, large::rules(&settings), &words::RULES));
}
