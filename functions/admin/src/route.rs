//! A route: what is asked, who may, which action answers. One row serves the dispatch, the table of roles and the
//! API's own description, so that none of them can say what another does not.

use std::pin::Pin;

use redial_aws::web::{Answer, Problem};
use redial_domain::Permission;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::request::Caller;

/// The work of an action.
pub(crate) type Answering<'a> = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send + 'a>>;
/// An action: the caller, and what stands in the path where the row has `{…}`.
pub(crate) type Action = for<'a> fn(&'a Caller<'a>, &'a [&'a str]) -> Answering<'a>;

/// Makes the shape of a body.
type Shape = fn(&mut SchemaGenerator) -> Schema;

/// Largest body of a request, in bytes: a draft of a rule set with all its cases is below half of it.
pub(crate) const BODY_BYTES_MAX: usize = 1_024 * 1_024;

/// A name in the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) name: &'static str,
    pub(crate) means: &'static str,
    /// Largest whole number; none is a text.
    pub(crate) max: Option<usize>,
}

/// One row.
pub(crate) struct Route {
    /// Under which heading it stands.
    pub(crate) group: &'static str,
    pub(crate) method: &'static str,
    /// As in `/campaigns/{id}/start`.
    pub(crate) path: &'static str,
    /// None: everybody may, without a key.
    pub(crate) needs: Option<Permission>,
    pub(crate) does: &'static str,
    pub(crate) action: Action,
    pub(crate) query: Vec<Asked>,
    /// The shape of the body, and whether there has to be one.
    pub(crate) body: Option<(Shape, bool)>,
    /// What the body may be instead of JSON.
    pub(crate) takes: &'static [&'static str],
    /// Largest body, in bytes.
    pub(crate) body_bytes_max: usize,
    /// Statuses of answers that are no refusal.
    pub(crate) answers: &'static [u16],
    /// What the answer is, where it is no JSON.
    pub(crate) gives: &'static str,
    /// Statuses of refusals beside those that follow from the rest of the row.
    pub(crate) refuses: &'static [u16],
    /// Whether a request that is sent twice with the same `Idempotency-Key` is done once.
    pub(crate) once: bool,
}

impl Route {
    /// A row that takes nothing and answers 200.
    pub(crate) const fn new(
        group: &'static str,
        (method, path): (&'static str, &'static str),
        needs: Permission,
        does: &'static str,
        action: Action,
    ) -> Self {
        Self {
            group,
            method,
            path,
            needs: Some(needs),
            does,
            action,
            query: Vec::new(),
            body: None,
            takes: &[],
            body_bytes_max: BODY_BYTES_MAX,
            answers: &[200],
            gives: "application/json",
            refuses: &[],
            once: false,
        }
    }

    /// A row for which nobody needs a key.
    pub(crate) const fn open(
        group: &'static str,
        at: (&'static str, &'static str),
        does: &'static str,
        action: Action,
    ) -> Self {
        let mut row = Self::new(group, at, Permission::View, does, action);
        row.needs = None;
        row
    }

    /// It needs a body of this shape.
    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some((|generator| generator.subschema_for::<T>(), true));
        self
    }

    /// It takes a body of this shape, or none.
    pub(crate) fn may_have<T: JsonSchema>(mut self) -> Self {
        self.body = Some((|generator| generator.subschema_for::<T>(), false));
        self
    }

    /// It reads this name in the query.
    pub(crate) fn asks(mut self, name: &'static str, means: &'static str) -> Self {
        self.query.push(Asked { name, means, max: None });
        self
    }

    /// It answers with so many entries at most.
    pub(crate) fn limits(mut self, limit_max: usize) -> Self {
        self.query.push(Asked {
            name: "limit",
            means: "entries of a page",
            max: Some(limit_max),
        });
        self
    }

    /// It answers in pages.
    pub(crate) fn pages(self, limit_max: usize) -> Self {
        self.limits(limit_max)
            .asks("cursor", "`next_cursor` of the page before")
    }

    /// Its body may be of these types instead.
    pub(crate) const fn takes(mut self, types: &'static [&'static str], bytes_max: usize) -> Self {
        self.takes = types;
        self.body_bytes_max = bytes_max;
        self
    }

    /// Its answer is of this type.
    pub(crate) const fn gives(mut self, kind: &'static str) -> Self {
        self.gives = kind;
        self
    }

    /// It answers with one of these statuses.
    pub(crate) const fn answers(mut self, statuses: &'static [u16]) -> Self {
        self.answers = statuses;
        self
    }

    /// It may be refused with 409, for how things stand.
    pub(crate) const fn conflicts(self) -> Self {
        self.refuses(&[409])
    }

    /// It may be refused with these, too.
    pub(crate) const fn refuses(mut self, statuses: &'static [u16]) -> Self {
        self.refuses = statuses;
        self
    }

    /// It creates or calls, and takes an `Idempotency-Key`.
    pub(crate) const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// The names in its path.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        segments(self.path).filter_map(name_of)
    }

    /// What stands where the row has `{…}`, if the path fits.
    pub(crate) fn fits<'p>(&self, path: &[&'p str]) -> Option<Vec<&'p str>> {
        let mut parts = Vec::new();
        let mut row = segments(self.path);
        for part in path {
            let expected = row.next()?;
            if name_of(expected).is_some() {
                parts.push(*part);
            } else if expected != *part {
                return None;
            }
        }
        row.next().is_none().then_some(parts)
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

fn segments(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter(|part| !part.is_empty())
}

fn name_of(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}
