//! Inputs too large or too regular to be files: each is one idea, repeated.
//!
//! Refuses to judge them: what must hold for them is what must hold for every input of their target.

use serde_json::json;

/// The name of an input, and its bytes.
pub(crate) type Named = (String, Vec<u8>);

/// What opens and closes something that a script can nest, and how often it is opened. The check must say that it is too
/// deep, before a stack is.
const NESTINGS: [(&str, &str, &str, usize); 25] = [
    ("brackets", "(", ")", 3_000),
    ("lists", "[", "]", 3_000),
    ("tables", "#{a:", "}", 3_000),
    ("blocks", "{", "}", 3_000),
    ("signs", "-", "", 3_000),
    ("nots", "!", "", 3_000),
    ("sums", "1+", "", 3_000),
    ("powers", "2**", "", 3_000),
    ("interpolations", "`${", "}`", 1_000),
    ("dots", "x.", "", 3_000),
    ("places in places", "x[", "]", 3_000),
    ("places", "", "[0]", 3_000),
    ("calls in calls", "f(", ")", 3_000),
    ("choices", "switch 1 { 1 => ", "}", 1_000),
    ("conditions", "if true { ", "}", 3_000),
    ("else-ifs", "if true { } else ", "", 3_000),
    ("loops", "loop { ", "}", 3_000),
    ("tries", "try { ", "} catch { }", 1_000),
    ("functions", "fn f() { ", "}", 1_000),
    ("things instead of nothing", "x ?? ", "", 3_000),
    ("ors", "true || ", "", 3_000),
    ("comments", "/*", "*/", 3_000),
    ("assignments", "x = ", "", 3_000),
    ("returns", "return ", "", 3_000),
    ("throws", "throw ", "", 3_000),
];

fn file(name: &str, file: &str, text: &str) -> Named {
    (name.to_owned(), format!("{file}\n{text}").into_bytes())
}

/// Rule sets. `settings` is a `ruleset.toml` that is in use.
pub(crate) fn rules(settings: &str) -> Vec<Named> {
    let script = |name: &str, text: &str| file(name, "stop_redial.rhai", text);
    let spec = |name: &str, text: &str| file(name, "ruleset.toml", text);
    let cases = |name: &str, text: &str| file(name, "cases.csv", text);
    let lines = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<Vec<_>>().join("\n");
    // A table of the settings replaced, and everything behind it.
    let with = |table: &str, text: &str| {
        let kept = settings.split_once(table).map_or(settings, |(kept, _)| kept);
        format!("{kept}{table}\n{text}\n")
    };
    // More words for a sale.
    let sales = |words: &str| {
        assert!(settings.contains("sale = [\"SALE\""));
        settings.replace("sale = [\"SALE\"", &format!("sale = [{words} \"SALE\""))
    };
    let header = "outcome,word,known,status,kind,direction,transfer,failure,talk_s,callback_requested,\
                  callback_time_known,asked_to_stop,attempts,attempts_today,expected,because\n";
    let mut all: Vec<Named> = NESTINGS
        .iter()
        .map(|(name, open, close, times)| {
            let nested = format!(
                "let x = 1;\nlet y = {}x{};\ngo_on()",
                open.repeat(*times),
                close.repeat(*times)
            );
            script(&format!("a script nested in {name}"), &nested)
        })
        .collect();
    all.extend([
        script(
            "thousands of names made, and thousands that nobody knows",
            &lines(1_500, &|n| format!("let made{n:04} = other{n:04};")),
        ),
        script(
            "thousands of functions that nobody knows",
            &lines(1_900, &|n| format!("function{n:04}_of_nobody();")),
        ),
        script(
            "names of thirty thousand letters",
            &format!("let {} = {};\ngo_on()", "x".repeat(30_000), "y".repeat(30_000)),
        ),
        script(
            "a text of thirty thousand letters",
            &format!("if word == \"{}\" {{ stop(\"x\") }}\ngo_on()", "x".repeat(30_000)),
        ),
        script("a reason of thirty thousand letters", &format!("stop(\"{}\")", "x".repeat(30_000))),
        script(
            "every variable filled, only when it runs",
            &format!(
                "if attempts > 5 {{ {} }}\ngo_on()",
                lines(60, &|n| format!("let v{n} = \"x\"; while v{n}.len() < 16000 {{ v{n} += v{n}; }}"))
            ),
        ),
        spec("a key of thousands of dots", &format!("a{} = 1", ".a".repeat(50_000))),
        spec("a table of thousands of dots", &format!("[a{}]\n", ".a".repeat(50_000))),
        spec("lists in lists", &format!("a = {}", "[".repeat(50_000))),
        spec("tables in tables", &format!("a = {}", "{a=".repeat(50_000))),
        spec(
            "thousands of waits",
            &settings.replace("intervals_min = [", &format!("intervals_min = [{}", "99999, ".repeat(20_000))),
        ),
        spec(
            "moves between thousands of strangers",
            &with(
                "[transitions]",
                &lines(5_000, &|n| format!("stranger_number_{n} = [\"somewhere_{n}\"]")),
            ),
        ),
        spec(
            "thousands of statuses",
            &with(
                "[[status]]",
                &lines(2_000, &|n| {
                    format!("name = \"status_number_{n}\"\nlabels = {{ en = \"\", he = \"\" }}\ncolor = \"x\"\norder = {n}\nkind = \"open\"\n[[status]]")
                }),
            ),
        ),
        spec(
            "thousands of words that never match",
            &sales(&lines(10_000, &|n| format!("\"wrong word {n}\","))),
        ),
        spec(
            "one word thousands of times",
            &sales(&"\"DNC\", ".repeat(20_000)),
        ),
        cases(
            "an unknown column of many letters",
            &format!("{},expected,because\n", "x".repeat(20_000)),
        ),
        cases(
            "thousands of rows",
            &format!("{header}{}", "no_answer,,,,,,,,,,,,,,x,y\n".repeat(3_000)),
        ),
        cases(
            "thousands of wrong rows",
            &format!("{header}{}", "nobody,,,,,,,,,,,,,,x,y\n".repeat(3_000)),
        ),
    ]);
    for (name, from, to) in [
        (
            "numbers at the edges",
            "intervals_min = [",
            "intervals_min = [4294967295, ",
        ),
        (
            "a number of no type",
            "attempts_per_day_max = ",
            "attempts_per_day_max = 99999999999999999999 # ",
        ),
        (
            "a number that is no number",
            "attempts_per_day_max = ",
            "attempts_per_day_max = nan # ",
        ),
        ("hours that are none", "start = ", "start = \"24:01\" # "),
        (
            "a date that is none",
            "start = ",
            "blackout_dates = [2026-02-30]\nstart = ",
        ),
    ] {
        assert!(settings.contains(from), "{from}");
        all.push(spec(name, &settings.replace(from, to)));
    }
    all
}

/// The largest body that a function URL takes is 6 MB; providers' talks stay below this.
const BODY_BYTES_MAX: usize = 5 << 20;

/// Two hours of talk are a tenth of this. Every line is searched for a stop, which takes an unoptimised build its time.
const TALK_BYTES_MAX: usize = 1 << 20;

/// Bodies of webhooks.
pub(crate) fn deliveries() -> Vec<Named> {
    let rows: Vec<_> = (0..3_000)
        .map(|n| json!({"user": if n % 2 == 0 { "user" } else { "assistant" }, "text": format!("line {n} \"quoted\" \\ of a talk")}))
        .collect();
    let talk =
        json!({"call_id": "c-1", "completed": true, "answered_by": "human", "to": "+12125550142", "transcripts": rows});
    let escapes = json!({"call_id": "c-1", "completed": true, "transcripts": [{"user": "user", "text": "\u{1}\"\\".repeat(20_000)}]});
    let form = (0..3_000).map(|n| format!("&k{n}={n}")).collect::<String>();
    let summary = json!({"call_id": "x", "completed": true, "summary": "x".repeat(BODY_BYTES_MAX)});
    let joined = "user: hello \\n assistant: hi \\n ".repeat(TALK_BYTES_MAX / 32);
    [
        ("a talk of thousands of lines", talk.to_string().into_bytes()),
        ("one line of escapes", escapes.to_string().into_bytes()),
        (
            "a form of thousands of fields",
            format!("phone=2125550142{form}").into_bytes(),
        ),
        (
            "one field thousands of times",
            "phone=2125550142&".repeat(3_000).into_bytes(),
        ),
        ("five megabytes of opening brackets", vec![b'['; BODY_BYTES_MAX]),
        ("five megabytes of no letter", vec![0xff; BODY_BYTES_MAX]),
        ("five megabytes of equals signs", vec![b'='; BODY_BYTES_MAX]),
        ("five megabytes of summary", summary.to_string().into_bytes()),
        (
            "a megabyte of talk",
            format!("{{\"call_id\":\"x\",\"concatenated_transcript\":\"{joined}\"}}").into_bytes(),
        ),
    ]
    .map(|(name, body)| (name.to_owned(), body))
    .into()
}

/// Requests to the API.
pub(crate) fn requests() -> Vec<Named> {
    let custom: serde_json::Map<_, _> = (0..60)
        .map(|n| (format!("{n:02}{}", "x".repeat(60)), json!("y".repeat(500))))
        .collect();
    let lead = json!({
        "phone": "+12125550164", "name": "ש".repeat(500), "email": "İ".repeat(500), "city": "x".repeat(500), "state": "x".repeat(16),
        "crm_id": "x".repeat(64), "list_id": "x".repeat(500), "source": "x".repeat(500), "custom": custom,
    });
    let named = json!({"name": "x".repeat(20_000), "description": "y".repeat(20_000)});
    let dates: Vec<_> = (0..1_400)
        .map(|n| format!("20{:02}-{:02}-{:02}", 26 + n / 336, 1 + n / 28 % 12, 1 + n % 28))
        .collect();
    let closed = json!({"name": "x", "id": "closed", "blackout_dates": dates});
    let post = |name: &str, path: &str, body: &serde_json::Value| {
        (name.to_owned(), format!("POST {path}\n\n{body}").into_bytes())
    };
    vec![
        post("a lead with its fields at their longest", "/api/leads", &lead),
        post("a campaign with a name of many letters", "/campaigns", &named),
        post("a campaign that is closed for years", "/campaigns", &closed),
    ]
}
