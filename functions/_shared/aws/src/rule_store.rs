//! Rule sets in the table: the draft that people work on, the published versions, and which of them is in use.
//!
//! One partition per set. A version is written once and never changes; what is in use is one item, `ACTIVE`, and every
//! change of it is one conditional write on its `epoch`, so that two people at once cannot overwrite each other.
//! Whether a draft is any good is decided before; nothing is compiled here.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use redial_domain::{Phone, RuleSetName};
pub use redial_rules::Files;
use serde::{Deserialize, Serialize};

use crate::kept::{pack, unpack};
use crate::keys;
use crate::leads::Activity;
use crate::table::{Change, Item, Query, Table, TableError, read};

/// Bytes of all files of a set, packed: DynamoDB takes 400 KB an item, and names, notes and keys need some of it.
pub const PACKED_BYTES_MAX: usize = 350_000;

/// Rule sets of one deployment.
pub const SETS_MAX: i32 = 200;

/// The attribute that holds the packed files.
const FILES: &str = "files";

/// What to do with the leads that wait when a version becomes the one in use (R6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// They keep their next time; the new version decides about their next call.
    #[default]
    Keep,
    /// Their last call is decided again, so that their next time and status follow the new version.
    Replan,
}

/// A draft that somebody asked to publish, where a second person has to agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The revision that was proposed; an edit afterwards makes it void.
    pub revision: u64,
    /// Who.
    pub by: String,
    /// When.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Why.
    pub note: String,
    /// Share of phones in per cent, if not all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<u32>,
    /// What to do with the waiting leads.
    #[serde(default)]
    pub waiting: Waiting,
}

/// The one draft of a set. It may be anything; the check says what is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// Counts saves; the condition of the next one.
    pub revision: u64,
    /// The version that it was made from; 0 is the built-in one.
    pub based_on: u32,
    /// Who saved it last.
    pub by: String,
    /// When.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Somebody wants to publish it and waits for a second person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Proposal>,
    /// The version that it became; then there is no draft any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<u32>,
    /// The files.
    #[serde(skip)]
    pub files: Files,
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Its number, from 1.
    pub version: u32,
    /// The first 12 hex digits of the SHA-256 of its files' names and contents.
    pub hash: String,
    /// The version that it was made from.
    pub based_on: u32,
    /// Who wrote it.
    pub by: String,
    /// Who agreed, where two people are needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// When it was published.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Why.
    pub note: String,
    /// The files.
    #[serde(skip)]
    pub files: Files,
}

/// A version that decides for a share of the phones first (R9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The version on trial.
    pub version: u32,
    /// Phones that it decides for, in per cent, 1 to 99.
    pub share: u32,
    /// Makes the share of this roll-out another one than that of the last.
    pub salt: String,
    /// Since when.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub since: DateTime<Utc>,
}

impl Rollout {
    /// Whether the version on trial decides for this phone: always the same answer for one phone, and a phone that is
    /// in at 10 % is also in at 50 %.
    pub fn takes(&self, phone: &Phone) -> bool {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in self.salt.bytes().chain(phone.as_str().bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // The low digits of this hash (FNV-1a) depend on few of its input's bits; folded, on all.
        (hash ^ (hash >> 32)) % 100 < u64::from(self.share)
    }
}

/// Which version of a set is in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Active {
    /// Counts changes of this item; the condition of the next one.
    #[serde(default)]
    pub epoch: u64,
    /// The version in use; 0 is the built-in one.
    pub version: u32,
    /// The one before, which is used where this one does not compile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u32>,
    /// A version on trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// Who made it so.
    pub by: String,
    /// When.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// Why.
    pub note: String,
}

/// A set that somebody has worked on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownSet {
    /// Its name.
    pub set: RuleSetName,
}

/// Files as one attribute.
///
/// # Errors
/// The size that they have, when it is more than an item takes.
pub fn pack_files(files: &Files) -> Result<Vec<u8>, usize> {
    // A map of texts is always JSON; should that ever fail, an empty set is refused by its check.
    let packed = pack(&serde_json::to_vec(files).unwrap_or_default());
    if packed.len() > PACKED_BYTES_MAX {
        Err(packed.len())
    } else {
        Ok(packed)
    }
}

/// Files from their attribute.
///
/// # Errors
/// When they are not files.
pub fn unpack_files(packed: &[u8]) -> Result<Files, TableError> {
    serde_json::from_slice(&unpack(packed)).map_err(|error| TableError::Corrupt(format!("rule files: {error}")))
}

fn files_of(item: &Item) -> Result<Files, TableError> {
    match item.get(FILES) {
        Some(AttributeValue::B(packed)) => unpack_files(packed.as_ref()),
        _ => Err(TableError::Corrupt("a rule set without files".to_owned())),
    }
}

fn too_large(bytes: usize) -> TableError {
    TableError::Corrupt(format!(
        "the files are {bytes} bytes packed, more than {PACKED_BYTES_MAX}"
    ))
}

fn with_files<T: Serialize>(key: crate::table::Key, value: &T, files: &Files) -> Result<Change, TableError> {
    let packed = pack_files(files).map_err(too_large)?;
    Ok(Change::put(key, value).with(FILES, AttributeValue::B(Blob::new(packed))))
}

/// Writes `ACTIVE` only if it is as it was seen; none is "there was none".
fn active_change(set: &RuleSetName, active: &Active, seen: Option<u64>) -> Change {
    let change = Change::put(keys::rules_active(set), active);
    match seen {
        None => change.when("attribute_not_exists(#pk)"),
        Some(epoch) => change.value(":seen", epoch).when("#epoch = :seen"),
    }
}

impl Table {
    /// What is in use of a set; none when nothing was ever published.
    ///
    /// # Errors
    /// When it cannot be read; then nothing may be concluded.
    pub async fn rules_active(&self, set: &RuleSetName) -> Result<Option<Active>, TableError> {
        self.get(&keys::rules_active(set), true)
            .await?
            .map_or(Ok(None), |item| read(item).map(Some))
    }

    /// A published version.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn rules_version(&self, set: &RuleSetName, version: u32) -> Result<Option<Version>, TableError> {
        let found = self.get(&keys::rules_version(set, version), true).await?;
        found.map_or(Ok(None), |item| version_of(item).map(Some))
    }

    /// Published versions, newest first, older than a given one.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn rules_versions(
        &self,
        set: &RuleSetName,
        before: Option<u32>,
        limit: i32,
    ) -> Result<Vec<Version>, TableError> {
        let key = keys::rules_version(set, before.unwrap_or(u32::MAX));
        let first = keys::rules_version(set, 0);
        let query = Query {
            descending: true,
            consistent: true,
            ..Query::table(&key.pk, limit)
        }
        // BETWEEN takes both ends, and no version has the number 0.
        .range(
            "#range BETWEEN :first AND :last",
            vec![(":first", first.sk), (":last", just_before(&key.sk))],
        );
        let (mut versions, mut next) = (Vec::new(), None);
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        loop {
            let page = self.query(&query, next).await?;
            for item in page.items {
                versions.push(version_of(item)?);
            }
            next = page.next;
            if next.is_none() || versions.len() >= most {
                versions.truncate(most);
                return Ok(versions);
            }
        }
    }

    /// The draft of a set, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn rules_draft(&self, set: &RuleSetName) -> Result<Option<Draft>, TableError> {
        let Some(item) = self.get(&keys::rules_draft(set), true).await? else {
            return Ok(None);
        };
        let files = files_of(&item)?;
        Ok(Some(Draft { files, ..read(item)? }))
    }

    /// Saves a draft. `seen` is the revision that it replaces. `false` when somebody saved another one meanwhile.
    ///
    /// # Errors
    /// When the table cannot be reached, or the files are too large; nothing was saved.
    pub async fn save_rules_draft(
        &self,
        set: &RuleSetName,
        draft: &Draft,
        seen: Option<u64>,
        activity: &Activity,
    ) -> Result<bool, TableError> {
        let change = with_files(keys::rules_draft(set), draft, &draft.files)?;
        let change = match seen {
            None => change.when("attribute_not_exists(#pk)"),
            Some(revision) => change.value(":seen", revision).when("#revision = :seen"),
        };
        let known = Change::put(keys::rule_set(set), &KnownSet { set: set.clone() });
        self.all_or_nothing(vec![change, known, activity_of(set, activity)])
            .await
    }

    /// Makes a draft the next version: the version, what is in use, the end of the draft, the activity, and what goes
    /// with it (the job that re-plans), together. `false` when somebody changed any of it since it was read.
    ///
    /// # Errors
    /// When the table cannot be reached; then nothing was published.
    pub async fn publish_rules(&self, publication: &Publication<'_>) -> Result<bool, TableError> {
        let Publication {
            set,
            version,
            active,
            seen,
            draft,
            activity,
            also,
        } = publication;
        let key = keys::rules_version(set, version.version);
        let mut changes = vec![
            with_files(key, version, &version.files)?.when("attribute_not_exists(#pk)"),
            active_change(set, active, *seen),
            Change::update(keys::rules_draft(set), "SET #published = :version REMOVE #proposal")
                .value(":version", version.version)
                .value(":revision", draft)
                .when("#revision = :revision AND attribute_not_exists(#published)"),
            activity_of(set, activity),
        ];
        changes.extend(also.iter().cloned());
        self.all_or_nothing(changes).await
    }

    /// Changes what is in use. `false` when somebody changed it since it was read.
    ///
    /// # Errors
    /// When the table cannot be reached; then nothing was changed.
    pub async fn change_active_rules(
        &self,
        set: &RuleSetName,
        active: &Active,
        seen: Option<u64>,
        activity: &Activity,
        also: &[Change],
    ) -> Result<bool, TableError> {
        let mut changes = vec![active_change(set, active, seen), activity_of(set, activity)];
        changes.extend(also.iter().cloned());
        self.all_or_nothing(changes).await
    }

    /// Sets that somebody has worked on, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn rule_sets(&self) -> Result<Vec<RuleSetName>, TableError> {
        let page = self.query(&Query::table(keys::RULE_SETS, SETS_MAX), None).await?;
        page.items
            .into_iter()
            .map(|item| read::<KnownSet>(item).map(|known| known.set))
            .collect()
    }

    async fn all_or_nothing(&self, changes: Vec<Change>) -> Result<bool, TableError> {
        let count = changes.len();
        match self.transact(changes).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_conflict() || (0..count).any(|n| error.condition_at(n)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// All that becomes true when a draft is published.
#[derive(Debug)]
pub struct Publication<'a> {
    /// The set.
    pub set: &'a RuleSetName,
    /// The new version.
    pub version: &'a Version,
    /// What is in use from now on.
    pub active: &'a Active,
    /// The epoch of what was in use; none when nothing was.
    pub seen: Option<u64>,
    /// The revision of the draft.
    pub draft: u64,
    /// Who, why.
    pub activity: &'a Activity,
    /// What else is written with it.
    pub also: &'a [Change],
}

fn activity_of(set: &RuleSetName, activity: &Activity) -> Change {
    Change::put(keys::system_activity(&activities_of(set), &activity.id), activity)
}

/// Where the activities of a set are kept.
pub fn activities_of(set: &RuleSetName) -> String {
    // A colon is in no campaign's id that people choose.
    format!("rules:{set}")
}

fn version_of(item: Item) -> Result<Version, TableError> {
    let files = files_of(&item)?;
    Ok(Version { files, ..read(item)? })
}

/// The largest key before this one, as far as version keys go: their last character is a digit.
fn just_before(key: &str) -> String {
    let mut bytes = key.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        *last -= 1;
    }
    bytes.push(b'~');
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_phones_is_about_that_share_and_grows_without_changing_its_members() {
        let rollout = |share| Rollout {
            version: 2,
            share,
            salt: "01J9".to_owned(),
            since: DateTime::UNIX_EPOCH,
        };
        let phones: Vec<Phone> = (0..4_000)
            .map(|n| Phone::parse(&format!("+1212555{n:04}"), redial_domain::Region::US).unwrap())
            .collect();
        let taken = |share| phones.iter().filter(|phone| rollout(share).takes(phone)).count();
        for share in [1, 10, 50, 99] {
            let (found, wanted) = (taken(share), phones.len() * share as usize / 100);
            assert!(
                found.abs_diff(wanted) <= 40 + wanted / 10,
                "{share} %: {found} of {wanted}"
            );
        }
        assert!(
            phones
                .iter()
                .all(|phone| !rollout(10).takes(phone) || rollout(50).takes(phone))
        );
        let other = Rollout {
            salt: "01JA".to_owned(),
            ..rollout(50)
        };
        assert!(
            phones
                .iter()
                .any(|phone| other.takes(phone) != rollout(50).takes(phone))
        );
    }

    #[test]
    fn versions_older_than_one_do_not_include_it() {
        let key = |n| keys::rules_version(&RuleSetName::parse("x").unwrap(), n).sk;
        for n in [1, 10, 99_999_999] {
            let upto = just_before(&key(n));
            assert!(upto < key(n) && key(n - 1) <= upto, "{n}: {upto}");
        }
    }

    #[test]
    fn files_come_back_as_they_were_and_too_many_are_refused() {
        let files = Files::from([("ruleset.toml".to_owned(), "שלום".repeat(1_000))]);
        assert_eq!(unpack_files(&pack_files(&files).unwrap()).unwrap(), files);
        assert!(unpack_files(b"nonsense").is_err());
    }
}
