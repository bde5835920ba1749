//! Changes inputs at random, by a seed: the same seed is the same inputs for ever, on every machine.
//!
//! Refuses to know what an input is for, except that most are text and many hold JSON.

use serde_json::{Value, json};

/// Longest input that a mutation makes, in bytes. A fuzzer's own default is 4 KiB; a rule's script may have 64 KiB.
const INPUT_BYTES_MAX: usize = 64 * 1_024;
/// Changes of one input, one after the other. With more of them little is left of what the input was.
const CHANGES_MAX: usize = 4;
/// Deepest nesting that is put in: far deeper than any of our readers goes, which is 128 levels for JSON.
const NESTING_MAX: usize = 10_000;
/// Times that a part is repeated.
const REPEATS_MAX: usize = 200;
/// Digits of a number: more than fit in any number type, and more than an exponent could shift.
const DIGITS_MAX: usize = 400;

/// SplitMix64 (Steele, Lea, Flood 2014): six lines that no update of a crate changes.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when there is none.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or(0)
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn one_in<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Text that readers stumble over: the limits of types, signs that mean something somewhere, letters of every length.
const TOKENS: [&str; 48] = [
    "\0",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{feff}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{202e}",
    "\u{2066}",
    "\u{1f600}",
    "e\u{301}",
    "\u{130}",
    "\u{2028}",
    "\\u0000",
    "\\ud800",
    "\\",
    "\"",
    "'",
    "`",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ":",
    "=",
    "&",
    "%",
    "%00",
    "%ff",
    "+",
    "#",
    "/",
    "null",
    "true",
    "NaN",
    "-0",
    "1e999",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
    "0.1e-999",
    "\n",
    "\r\n",
    "\t",
    "\n\n",
];
/// Bytes that are no UTF-8: a lone continuation, an encoded surrogate, an overlong slash, a sequence that breaks off.
const NO_TEXT: [&[u8]; 5] = [b"\x80", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf0\x9f\x98", b"\xff\xfe"];
/// What opens something that can hold itself.
const OPENINGS: [&str; 24] = [
    "[",
    "{",
    "(",
    "{\"a\":",
    "[[",
    "-",
    "!",
    "`${",
    "#{a:",
    "if true {",
    "switch 1 { 1 => ",
    "/*",
    "x[",
    "x.",
    "f(",
    "1+",
    "try {",
    "fn f() {",
    "a.",
    "{a=",
    "\"",
    "<a>",
    "&",
    "%25",
];

/// Values that no field expects.
fn nonsense() -> [Value; 12] {
    [
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e308),
        json!("NaN"),
        json!(""),
        json!("\u{0}\u{1f600}\u{ffff}é"),
        json!("x".repeat(5_000)),
        json!("9999-12-31T23:59:60Z"),
        json!([[[]]]),
        json!({ "payload": {}, "state": 1, "attempt_id": {}, "to": [] }),
    ]
}

/// A body with nonsense in each of its fields. A field meets a sixth of it, another sixth in the next body.
pub(crate) fn each_field_mangled(body: &[u8]) -> Vec<Vec<u8>> {
    let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    let mut mangled = Vec::new();
    for (at, key) in object.keys().enumerate() {
        for value in nonsense().into_iter().skip((at + body.len()) % 6).step_by(6) {
            let mut object = object.clone();
            object[key] = value;
            mangled.push(Value::Object(object).to_string().into_bytes());
        }
    }
    mangled
}

/// One of `seeds`, changed in one to four ways. `words` are those of the target's own language.
pub(crate) fn mutated(random: &mut Random, seeds: &[(String, Vec<u8>)], words: &[&str]) -> Vec<u8> {
    let mut head = random.one_in(seeds).1.clone();
    // A changed head often leads nowhere: half of the time only what stands behind it is changed.
    let kept = if random.below(2) == 0 { body_of(&head) } else { 0 };
    let mut input = head.split_off(kept);
    for _ in 0..=random.below(CHANGES_MAX) {
        change(random, &mut input, seeds, words);
        input.truncate(INPUT_BYTES_MAX);
    }
    head.append(&mut input);
    head
}

/// Where the body begins: behind the first empty line, or behind the first line, or at once.
fn body_of(input: &[u8]) -> usize {
    let empty_line = input.windows(2).position(|pair| pair == b"\n\n").map(|at| at + 2);
    let first_line = || input.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
    empty_line.or_else(first_line).unwrap_or(0)
}

fn change(random: &mut Random, input: &mut Vec<u8>, seeds: &[(String, Vec<u8>)], words: &[&str]) {
    let at = random.below(input.len() + 1);
    match random.below(12) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => input.truncate(at),
        2 => drop(input.drain(part(random, input.len()))),
        3 => {
            let part = input[part(random, input.len())].to_vec();
            let times = random.below(REPEATS_MAX).min(INPUT_BYTES_MAX / part.len().max(1));
            put(input, at, &part.repeat(times));
        }
        4 => {
            let other = &random.one_in(seeds).1;
            let part = other[part(random, other.len())].to_vec();
            put(input, at, &part);
        }
        5 => {
            input.truncate(at);
            let other = &random.one_in(seeds).1;
            input.extend_from_slice(&other[random.below(other.len() + 1)..]);
        }
        6 => {
            let opening = random.one_of(&OPENINGS);
            let times = random.below(NESTING_MAX).min(INPUT_BYTES_MAX / opening.len());
            put(input, at, opening.repeat(times).as_bytes());
        }
        7 => {
            let digit = [b'0' + u8::try_from(random.below(10)).unwrap_or(0)];
            let digits = digit.repeat(random.below(DIGITS_MAX));
            let number = input.iter().position(u8::is_ascii_digit).unwrap_or(at);
            put(input, number, &digits);
        }
        8 => put(input, at, random.one_of(&NO_TEXT)),
        9 => put(input, at, random.one_of(&TOKENS).as_bytes()),
        10 => {
            let word = if words.is_empty() { "" } else { random.one_of(words) };
            put(input, at, word.as_bytes());
        }
        _ => in_json(random, input),
    }
}

/// A part of something of that length.
fn part(random: &mut Random, len: usize) -> std::ops::Range<usize> {
    let (a, b) = (random.below(len + 1), random.below(len + 1));
    a.min(b)..a.max(b)
}

fn put(input: &mut Vec<u8>, at: usize, what: &[u8]) {
    input.splice(at..at, what.iter().copied());
}

/// Puts nonsense into a field of the JSON that an input is, or holds behind its head.
fn in_json(random: &mut Random, input: &mut Vec<u8>) {
    let from = if input.starts_with(b"{") { 0 } else { body_of(input) };
    let Ok(Value::Object(mut object)) = serde_json::from_slice::<Value>(&input[from..]) else {
        return;
    };
    let keys: Vec<String> = object.keys().cloned().collect();
    if keys.is_empty() {
        return;
    }
    let value = random.one_in(&nonsense()).clone();
    let field = &mut object[random.one_in(&keys).as_str()];
    // Half of the time one level deeper, where there is one.
    match field {
        Value::Object(inner) if !inner.is_empty() && random.below(2) == 0 => {
            let keys: Vec<String> = inner.keys().cloned().collect();
            inner[random.one_in(&keys).as_str()] = value;
        }
        Value::Array(items) if !items.is_empty() && random.below(2) == 0 => {
            let at = random.below(items.len());
            items[at] = value;
        }
        _ => *field = value,
    }
    input.truncate(from);
    input.extend_from_slice(Value::Object(object).to_string().as_bytes());
}
