//! What is wrong with the rows of an import: as a list, and as a file to correct and import again.
//!
//! Both are read from the file itself, a bounded piece a request, so nothing has to be kept for them and nothing is left
//! out. Answers hold phone numbers, those of the caller's own file; cursors and logs hold none.

use redial_aws::import_file::{GoOn, ImportFile};
use redial_aws::imports::{Import, ImportPlan};
use redial_aws::web::{Answer, Problem};
use redial_domain::import::{CellFault, fix_file_heading, fix_file_row};
use redial_domain::sheet::{Place, Row};
use serde_json::{Value, json};

use crate::cursor;
use crate::import_api::{file_is_gone, import};
use crate::request::{Caller, unavailable};

/// Faults in one answer, unless asked for otherwise, and at most: some hundred kilobytes. The faults of a row stay together.
const LIMIT_DEFAULT: usize = 200;
pub(crate) const LIMIT_MAX: usize = 1_000;
/// Bytes of the file that one request goes through: a hundred thousand rows, within a second.
const LOOKED_AT_MAX: u64 = 8 * 1_024 * 1_024;
/// Bytes of a page of the fix file: a function's answer takes 6 MB, in which some signs need two.
const FIX_FILE_PAGE_MAX: usize = 2 * 1_024 * 1_024;
/// Characters of a cell that is shown as the phone it is not.
const SHOWN_PHONE_MAX: usize = 40;

pub(crate) async fn errors(caller: &Caller<'_>, campaign: &str, id: &str) -> Result<Answer, Problem> {
    let limit = caller.number("limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let import = import(caller, campaign, id).await?;
    let from = place(caller)?;
    let plan = readable(caller, &import)?;
    let (errors, next) = list(caller, &import, plan, from, limit).await?;
    Ok(Answer::json(
        200,
        &json!({
            "success": true,
            "import_id": import.id,
            "count": errors.len(),
            "errors": errors,
            "next_cursor": next.and_then(|next| cursor::write(&next)),
        }),
    ))
}

/// Faults from a row on, and where the next ones may be.
pub(crate) async fn list(
    caller: &Caller<'_>,
    import: &Import,
    plan: &ImportPlan,
    from: Option<Place>,
    limit: usize,
) -> Result<(Vec<Value>, Option<Place>), Problem> {
    let mut errors = Vec::new();
    let checker = ImportFile::checker(import, plan);
    let next = bad_rows(caller, import, plan, from, |row, faults| {
        let phone: String = checker.raw_phone(row).chars().take(SHOWN_PHONE_MAX).collect();
        let row = row.place.row.to_string();
        errors.extend(
            faults
                .iter()
                .map(|fault| json!({"row": row, "phone": phone, "field": fault.field, "error": fault.why})),
        );
        errors.len() < limit
    })
    .await?;
    Ok((errors, next))
}

pub(crate) async fn fix_file(caller: &Caller<'_>, campaign: &str, id: &str) -> Result<Answer, Problem> {
    let import = import(caller, campaign, id).await?;
    let from = place(caller)?;
    let plan = readable(caller, &import)?;
    let sign = plan.dialect.sign;
    let mut text = match from {
        None => fix_file_heading(&plan.headings, sign),
        Some(_) => String::new(),
    };
    let next = bad_rows(caller, &import, plan, from, |row, faults| {
        fix_file_row(row, faults, sign, &mut text);
        text.len() < FIX_FILE_PAGE_MAX
    })
    .await?;
    let mut answer = csv(text, "fix.csv");
    if let Some(next) = next.and_then(|next| cursor::write(&next)) {
        answer.headers.insert("x-next-cursor".to_owned(), next);
    }
    Ok(answer)
}

/// Goes through rows that are no leads, as long as `take` wants more and a request may.
async fn bad_rows(
    caller: &Caller<'_>,
    import: &Import,
    plan: &ImportPlan,
    from: Option<Place>,
    mut take: impl FnMut(&Row<'_>, &[CellFault]) -> bool,
) -> Result<Option<Place>, Problem> {
    let checker = ImportFile::checker(import, plan);
    let mut file = ImportFile::open(&caller.app.table, import, plan, from);
    let begin = file.place().byte;
    let mut faults = Vec::new();
    let ended = file
        .rows(|row| {
            let is_blank = row.is_blank() && row.fault.is_none();
            let wants = is_blank || checker.check(row, &mut faults).is_some() || take(row, &faults);
            if wants && row.place.byte - begin < LOOKED_AT_MAX {
                GoOn::Yes
            } else {
                GoOn::No
            }
        })
        .await
        .map_err(|error| unavailable(&error))?;
    Ok((!ended).then(|| file.place()))
}

fn place(caller: &Caller<'_>) -> Result<Option<Place>, Problem> {
    cursor::read(caller.request.query().get("cursor"), |_| true)
}

/// How the file is read, if it can be.
fn readable<'a>(caller: &Caller<'_>, import: &'a Import) -> Result<&'a ImportPlan, Problem> {
    if import.file_until() <= caller.app.clock.now() {
        return Err(file_is_gone());
    }
    import.plan.as_ref().ok_or_else(|| {
        Problem::new(
            409,
            "import_not_finished",
            "failed to read the file of the import: parts of it may be missing",
            "send them, then POST …/finish",
        )
    })
}

/// A file to be saved.
pub(crate) fn csv(text: String, name: &str) -> Answer {
    Answer::text(200, "text/csv; charset=utf-8", text)
        .with("content-disposition", format!("attachment; filename=\"{name}\""))
}
