//! The cage: everything a script may do, and how much of it, set in one function.
//!
//! No clock, files, network, modules, randomness or output exist in here; the engine is built without them.

use std::cell::Cell;
use std::sync::LazyLock;

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicStringPackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{Engine, OptimizationLevel};

use crate::answers;

/// Steps of one run. The shipped scripts take under 100; a loop over every word of a long talk about 10,000. A run
/// of plain steps ends within milliseconds, the dearest known one within a second of a debug build.
pub(crate) const OPERATIONS_MAX: u64 = 20_000;

/// Functions calling functions. Rules are flat; more than this is recursion.
pub(crate) const CALL_LEVELS_MAX: usize = 8;

/// Nesting in a script. Each `else if` counts as one level, and a set of 40 statuses is a chain of 40; a debug build
/// parses 64 levels within a test thread's 2 MB of stack.
pub(crate) const EXPR_DEPTH_MAX: usize = 64;

/// The same inside a script's own functions.
pub(crate) const FN_EXPR_DEPTH_MAX: usize = 32;

/// Bytes of one text. Twice the longest fact, so that a script can take a talk and change it once.
pub(crate) const STRING_BYTES_MAX: usize = 32 * 1_024;

/// Entries of a list: every word of a talk of some minutes.
pub(crate) const ARRAY_LEN_MAX: usize = 1_000;

/// Entries of a table, as in a list of keywords with weights.
pub(crate) const MAP_LEN_MAX: usize = 500;

/// Variables alive at once, beside the facts.
pub(crate) const VARIABLES_MAX: usize = 64;

/// Functions that one script may define.
pub(crate) const FUNCTIONS_MAX: usize = 16;

/// Bytes of one script. Read by people: some hundred lines.
pub(crate) const SCRIPT_BYTES_MAX: usize = 64 * 1_024;

/// Facts are texts, numbers and yes or no; each script adds its own variables to them.
const FACTS_ALLOWANCE: usize = 32;

/// What else a script may call: small things with texts, numbers and lists. The rest of the language's library is
/// refused at the check, by name.
pub(crate) const HELPERS: [&str; 25] = [
    "abs",
    "contains",
    "ends_with",
    "get",
    "index_of",
    "is_empty",
    "keys",
    "len",
    "max",
    "min",
    "push",
    "range",
    "replace",
    "split",
    "starts_with",
    "sub_string",
    "to_lower",
    "to_string",
    "to_upper",
    "trim",
    "values",
    "truncate",
    "reverse",
    "sort",
    "dedup",
];

/// Words of the language that do nothing good in a rule. `eval` would run text as a script, `print` and `debug` would
/// bring a talk into the log.
const DISABLED: [&str; 3] = ["eval", "print", "debug"];

/// Runs scripts. One for the process: it holds no state of any run.
pub(crate) static RUNNER: LazyLock<Engine> = LazyLock::new(|| cage(OptimizationLevel::Simple, false));

/// Reads scripts for the check: keeps the text as written, and knows the names of all facts.
pub(crate) static CHECKER: LazyLock<Engine> = LazyLock::new(|| cage(OptimizationLevel::None, false));

/// As [`CHECKER`], and refuses a name that means nothing at its place.
pub(crate) static STRICT: LazyLock<Engine> = LazyLock::new(|| cage(OptimizationLevel::None, true));

thread_local! {
    /// Steps of this thread's current run in [`COUNTING`], and of all its runs.
    static STEPS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// As [`RUNNER`], and counts steps; counting makes each step dearer.
pub(crate) static COUNTING: LazyLock<Engine> = LazyLock::new(|| {
    let mut engine = cage(OptimizationLevel::Simple, false);
    engine.on_progress(|steps| {
        let (before, all) = STEPS.get();
        // A new run counts from one again.
        let more = if steps > before { steps - before } else { steps };
        STEPS.set((steps, all + more));
        None
    });
    engine
});

/// Steps of all runs of this thread in [`COUNTING`].
pub(crate) fn steps() -> u64 {
    STEPS.get().1
}

fn cage(optimization: OptimizationLevel, strict: bool) -> Engine {
    let mut engine = Engine::new_raw();
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    answers::register(&mut engine);

    engine
        .set_max_operations(OPERATIONS_MAX)
        .set_max_call_levels(CALL_LEVELS_MAX)
        .set_max_expr_depths(EXPR_DEPTH_MAX, FN_EXPR_DEPTH_MAX)
        .set_max_string_size(STRING_BYTES_MAX)
        .set_max_array_size(ARRAY_LEN_MAX)
        .set_max_map_size(MAP_LEN_MAX)
        .set_max_variables(VARIABLES_MAX + FACTS_ALLOWANCE)
        .set_max_functions(FUNCTIONS_MAX)
        .set_optimization_level(optimization)
        .set_strict_variables(strict)
        .set_allow_shadowing(false)
        .set_fail_on_invalid_map_property(true);
    for word in DISABLED {
        engine.disable_symbol(word);
    }
    engine
}
