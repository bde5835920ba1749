//! The answers a script may give. Each keeps the line that gave it and its reason.
//!
//! An answer is a wish in words; whether the rule set knows the words is checked in `decide`.

use redial_domain::StopScope;
use rhai::{Engine, EvalAltResult, ImmutableString, NativeCallContext};

use crate::Script;

/// A wait of a year is a mistake, not a wish.
const IN_MINUTES_MAX: i64 = 365 * 24 * 60;

/// What a script said, where, and why.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) says: Says,
    pub(crate) why: ImmutableString,
    pub(crate) line: usize,
}

/// What a script said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Says {
    /// Outcome, disposition and status, each in words.
    Result {
        outcome: ImmutableString,
        disposition: ImmutableString,
        status: ImmutableString,
    },
    Status(ImmutableString),
    Keep,
    /// With no scope it reaches as far as its disposition asks.
    Stop(Option<StopScope>),
    GoOn,
    InMinutes(u32),
    AtCallbackTime,
    NextDay,
    Ladder,
}

impl Says {
    /// Whether this is an answer to the question of that script.
    pub(crate) fn answers(&self, script: Script) -> bool {
        match self {
            Self::Result { .. } => script == Script::OutcomeToStatus,
            Self::Status(_) | Self::Keep => matches!(script, Script::OutcomeToStatus | Script::AutoStatus),
            Self::Stop(_) | Self::GoOn => script == Script::StopRedial,
            Self::InMinutes(_) | Self::AtCallbackTime | Self::NextDay | Self::Ladder => {
                script == Script::RedialInterval
            }
        }
    }
}

/// An answer as scripts write it.
pub(crate) struct AnswerFn {
    pub(crate) name: &'static str,
    /// How it is written, for people.
    pub(crate) usage: &'static str,
    /// Fewest and most values it takes.
    pub(crate) takes: (usize, usize),
    /// The scripts whose question it answers.
    pub(crate) scripts: &'static [Script],
    /// Places of its values that must be an outcome, a disposition, a status.
    pub(crate) words: Words,
}

/// Places of words among an answer's values.
#[derive(Default, Clone, Copy)]
pub(crate) struct Words {
    pub(crate) outcome: Option<usize>,
    pub(crate) disposition: Option<usize>,
    pub(crate) status: Option<usize>,
}

const STATUS: &[Script] = &[Script::OutcomeToStatus, Script::AutoStatus];
const STOP: &[Script] = &[Script::StopRedial];
const NEXT: &[Script] = &[Script::RedialInterval];
const NONE: Words = Words {
    outcome: None,
    disposition: None,
    status: None,
};

/// All answers.
pub(crate) const ANSWERS: [AnswerFn; 12] = [
    AnswerFn {
        name: "set_status",
        usage: r#"set_status("status", "why")"#,
        takes: (2, 2),
        scripts: STATUS,
        words: Words {
            status: Some(0),
            ..NONE
        },
    },
    AnswerFn {
        name: "keep",
        usage: r#"keep() or keep("why")"#,
        takes: (0, 1),
        scripts: STATUS,
        words: NONE,
    },
    AnswerFn {
        name: "result",
        usage: r#"result("outcome", "disposition", "status", "why")"#,
        takes: (4, 4),
        scripts: &[Script::OutcomeToStatus],
        words: Words {
            outcome: Some(0),
            disposition: Some(1),
            status: Some(2),
        },
    },
    AnswerFn {
        name: "stop",
        usage: r#"stop("why")"#,
        takes: (1, 1),
        scripts: STOP,
        words: NONE,
    },
    AnswerFn {
        name: "stop_lead",
        usage: r#"stop_lead("why")"#,
        takes: (1, 1),
        scripts: STOP,
        words: NONE,
    },
    AnswerFn {
        name: "stop_subject",
        usage: r#"stop_subject("why")"#,
        takes: (1, 1),
        scripts: STOP,
        words: NONE,
    },
    AnswerFn {
        name: "stop_phone",
        usage: r#"stop_phone("why")"#,
        takes: (1, 1),
        scripts: STOP,
        words: NONE,
    },
    AnswerFn {
        name: "go_on",
        usage: r#"go_on() or go_on("why")"#,
        takes: (0, 1),
        scripts: STOP,
        words: NONE,
    },
    AnswerFn {
        name: "ladder",
        usage: r#"ladder() or ladder("why")"#,
        takes: (0, 1),
        scripts: NEXT,
        words: NONE,
    },
    AnswerFn {
        name: "in_minutes",
        usage: r#"in_minutes(30) or in_minutes(30, "why")"#,
        takes: (1, 2),
        scripts: NEXT,
        words: NONE,
    },
    AnswerFn {
        name: "at_callback_time",
        usage: r#"at_callback_time() or at_callback_time("why")"#,
        takes: (0, 1),
        scripts: NEXT,
        words: NONE,
    },
    AnswerFn {
        name: "next_day",
        usage: r#"next_day() or next_day("why")"#,
        takes: (0, 1),
        scripts: NEXT,
        words: NONE,
    },
];

/// How the answers to a script's question are written.
pub(crate) fn usages(script: Script) -> String {
    let usages: Vec<&str> = ANSWERS
        .iter()
        .filter(|f| f.scripts.contains(&script))
        .map(|f| f.usage)
        .collect();
    usages.join(", ")
}

fn answer(ctx: &NativeCallContext, says: Says, why: ImmutableString) -> Answer {
    Answer {
        says,
        why,
        line: ctx.call_position().line().unwrap_or(0),
    }
}

/// Puts the answers into the cage.
pub(crate) fn register(engine: &mut Engine) {
    type Text = ImmutableString;
    type Ctx<'a> = NativeCallContext<'a>;

    engine.register_type_with_name::<Answer>("answer");

    engine.register_fn("set_status", |ctx: Ctx, status: Text, why: Text| {
        answer(&ctx, Says::Status(status), why)
    });
    engine.register_fn("keep", |ctx: Ctx| {
        answer(&ctx, Says::Keep, "nothing changes the status".into())
    });
    engine.register_fn("keep", |ctx: Ctx, why: Text| answer(&ctx, Says::Keep, why));
    engine.register_fn(
        "result",
        |ctx: Ctx, outcome: Text, disposition: Text, status: Text, why: Text| {
            answer(
                &ctx,
                Says::Result {
                    outcome,
                    disposition,
                    status,
                },
                why,
            )
        },
    );

    engine.register_fn("stop", |ctx: Ctx, why: Text| answer(&ctx, Says::Stop(None), why));
    engine.register_fn("stop_lead", |ctx: Ctx, why: Text| {
        answer(&ctx, Says::Stop(Some(StopScope::Lead)), why)
    });
    engine.register_fn("stop_subject", |ctx: Ctx, why: Text| {
        answer(&ctx, Says::Stop(Some(StopScope::Subject)), why)
    });
    engine.register_fn("stop_phone", |ctx: Ctx, why: Text| {
        answer(&ctx, Says::Stop(Some(StopScope::Phone)), why)
    });
    engine.register_fn("go_on", |ctx: Ctx| answer(&ctx, Says::GoOn, "nothing says stop".into()));
    engine.register_fn("go_on", |ctx: Ctx, why: Text| answer(&ctx, Says::GoOn, why));

    engine.register_fn("ladder", |ctx: Ctx| answer(&ctx, Says::Ladder, Text::new()));
    engine.register_fn("ladder", |ctx: Ctx, why: Text| answer(&ctx, Says::Ladder, why));
    engine.register_fn("in_minutes", |ctx: Ctx, minutes: i64| {
        in_minutes(&ctx, minutes, Text::new())
    });
    engine.register_fn("in_minutes", |ctx: Ctx, minutes: i64, why: Text| {
        in_minutes(&ctx, minutes, why)
    });
    engine.register_fn("at_callback_time", |ctx: Ctx| {
        answer(&ctx, Says::AtCallbackTime, "a time was promised".into())
    });
    engine.register_fn("at_callback_time", |ctx: Ctx, why: Text| {
        answer(&ctx, Says::AtCallbackTime, why)
    });
    engine.register_fn("next_day", |ctx: Ctx| {
        answer(&ctx, Says::NextDay, "again on another day".into())
    });
    engine.register_fn("next_day", |ctx: Ctx, why: Text| answer(&ctx, Says::NextDay, why));
}

fn in_minutes(ctx: &NativeCallContext, minutes: i64, why: ImmutableString) -> Result<Answer, Box<EvalAltResult>> {
    match u32::try_from(minutes) {
        Ok(fits) if minutes <= IN_MINUTES_MAX => Ok(answer(ctx, Says::InMinutes(fits), why)),
        _ => {
            let text = format!("`in_minutes` takes 0 to {IN_MINUTES_MAX} minutes, not {minutes}");
            Err(Box::new(EvalAltResult::ErrorRuntime(text.into(), ctx.call_position())))
        }
    }
}
