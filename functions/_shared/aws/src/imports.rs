//! Imports: a file that comes in parts, what was said about it, and how it is read when all of it is here.
//!
//! Data flow: [`Import`] → parts, each in pieces and sealed when all of them are written → a plan, written once, with the job
//! that works by it. INVARIANT: pieces are named by their part's hash, and the plan names the hashes, so bytes that are sent
//! again, twice at once or otherwise never mix, and a job that is repeated reads the same file.
//!
//! What the job writes is in [`crate::import_leads`], reading in [`crate::import_file`].

use std::collections::BTreeMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use redial_domain::import::{Columns, ImportRules};
use redial_domain::sheet::{Dialect, Place};
use redial_domain::{Actor, CampaignId, Region};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::jobs::Job;
use crate::kept::pack;
use crate::keys;
use crate::layout::EXPIRES_AT;
use crate::leads::Activity;
use crate::table::{Change, Item, Key, Query, Table, TableError, read};

/// Bytes of every part but the last. A function URL takes 6 MB, which are 4.5 MB in base64.
pub const PART_BYTES: usize = 4 * 1_024 * 1_024;
/// Bytes of a piece: an item holds 350 KB, and what cannot be compressed grows by less than a hundredth.
pub const PIECE_BYTES: usize = 256 * 1_024;
/// Parts of a file: a gibibyte, ten million leads.
pub const PARTS_MAX: u32 = 256;
/// Pieces that are written at once.
const AT_ONCE_MAX: usize = 4;
/// Pages of leads that an undo left, at once: each is of one step, five hundred at most.
const KEPT_PAGES: i32 = 4;
/// Parts are read in pages of this many.
const PARTS_PAGE: i32 = 300;
/// An import is told of as long as its job.
const IMPORT_KEPT: TimeDelta = TimeDelta::days(30);
/// The file itself: long enough to correct a fix file and to notice that the list was the wrong one. It holds what a person
/// who is forgotten meanwhile wants to have deleted, so it is no longer than a week.
pub const FILE_KEPT: TimeDelta = TimeDelta::days(7);

/// What its sender wants of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportOptions {
    /// What headings mean, where they do not say so themselves.
    pub map: BTreeMap<String, String>,
    /// Count everything and write nothing.
    pub dry_run: bool,
    /// Add phones that another campaign has, too.
    pub also_in_other_campaigns: bool,
    /// When all phones of the file were looked for in the do-not-call registry.
    pub registry_checked_at: Option<DateTime<Utc>>,
    /// The name of the file, for people.
    pub file_name: Option<String>,
    /// What tells this file from others: its sender finds an import again by it.
    pub fingerprint: Option<String>,
}

/// How a file is read; fixed when all of it is here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportPlan {
    /// Hashes of the parts.
    pub parts: Vec<String>,
    /// Bytes of all parts.
    pub bytes: u64,
    /// How it is written.
    pub dialect: Dialect,
    /// Its first row, as it stands there.
    pub headings: Vec<String>,
    /// What its columns hold.
    pub columns: Columns,
    /// Where the first row of data begins.
    pub begins: Place,
    /// What the campaign asked of its files.
    pub rules: ImportRules,
    /// Where numbers without a country code are from.
    pub region: Region,
}

/// An import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Import {
    /// Its id, and that of its job.
    pub id: String,
    /// Into which campaign.
    pub campaign: CampaignId,
    /// Who wanted it.
    pub actor: Actor,
    /// When.
    #[serde(rename = "at", with = "chrono::serde::ts_milliseconds")]
    pub created_at: DateTime<Utc>,
    /// What was wanted.
    pub options: ImportOptions,
    /// How the file is read; none while parts are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<ImportPlan>,
    /// The newest job that undoes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
}

/// A part that is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportPart {
    /// Its number, from 0.
    #[serde(rename = "n")]
    pub number: u32,
    /// Its bytes.
    pub bytes: usize,
    /// Their hash.
    pub hash: String,
}

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartPut {
    /// It is here.
    Here,
    /// Under this number other bytes are here.
    Other,
}

impl Import {
    /// Until when the file is kept, and the import can be undone.
    pub fn file_until(&self) -> DateTime<Utc> {
        self.created_at + FILE_KEPT
    }

    /// When nobody is told of it any more.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.created_at + IMPORT_KEPT
    }

    fn key(&self) -> Key {
        keys::import(&self.campaign, &self.id)
    }

    fn file_expiry(&self) -> AttributeValue {
        AttributeValue::N(self.file_until().timestamp().to_string())
    }
}

/// The hash of bytes, in hex.
pub fn hash_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Table {
    /// Makes an import.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn create_import(&self, import: &Import) -> Result<(), TableError> {
        let expires = AttributeValue::N(import.expires_at().timestamp().to_string());
        let change = Change::put(import.key(), import).with(EXPIRES_AT, expires);
        self.write(change).await.map(|_| ())
    }

    /// An import, as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn import(&self, campaign: &CampaignId, id: &str) -> Result<Option<Import>, TableError> {
        let item = self.get(&keys::import(campaign, id), true).await?;
        item.map(read).transpose()
    }

    /// The imports of a campaign, newest first, before a given one.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn imports(
        &self,
        campaign: &CampaignId,
        before: Option<&str>,
        limit: i32,
    ) -> Result<Vec<Import>, TableError> {
        let partition = keys::imports(campaign);
        let all = Query {
            descending: true,
            ..Query::table(&partition, limit)
        };
        let query = match before {
            Some(id) => all.range("#range < :before", vec![(":before", id.to_owned())]),
            None => all,
        };
        let wanted = usize::try_from(limit).unwrap_or_default();
        let (mut imports, mut from) = (Vec::new(), None);
        // A plan may have tens of kilobytes, and a page ends at a megabyte.
        loop {
            let page = self.query(&query, from).await?;
            for item in page.items {
                imports.push(read(item)?);
            }
            from = page.next.filter(|_| imports.len() < wanted);
            if from.is_none() {
                imports.truncate(wanted);
                return Ok(imports);
            }
        }
    }

    /// Keeps a part of a file: its pieces first, then that it is here. Doing it again writes the same.
    ///
    /// # Errors
    /// When the table cannot be reached; the part must be sent again.
    pub async fn put_import_part(&self, import: &Import, number: u32, bytes: &[u8]) -> Result<PartPut, TableError> {
        let part = ImportPart {
            number,
            bytes: bytes.len(),
            hash: hash_of(bytes),
        };
        let key = keys::import_part(&import.id, number);
        let here = self.get(&key, true).await?.map(read::<ImportPart>).transpose()?;
        match here {
            Some(here) if here == part => return Ok(PartPut::Here),
            Some(_) => return Ok(PartPut::Other),
            None => {}
        }
        let mut pieces = Vec::new();
        for (n, piece) in (0..).zip(bytes.chunks(PIECE_BYTES)) {
            let change = Change::put(
                keys::import_piece(&import.id, number, &part.hash, n),
                &serde_json::json!({}),
            )
            .with("packed", AttributeValue::B(Blob::new(pack(piece))))
            .with(EXPIRES_AT, import.file_expiry());
            pieces.push(change);
        }
        let writes = pieces.into_iter().map(|change| self.write(change));
        stream::iter(writes)
            .buffer_unordered(AT_ONCE_MAX)
            .try_collect::<Vec<_>>()
            .await?;
        let seal = Change::put(key, &part)
            .with(EXPIRES_AT, import.file_expiry())
            .value(":hash", &part.hash)
            .when("attribute_not_exists(#pk) OR #hash = :hash");
        match self.write(seal).await {
            Ok(_) => Ok(PartPut::Here),
            Err(TableError::Condition(_)) => Ok(PartPut::Other),
            Err(error) => Err(error),
        }
    }

    /// The parts of a file that are here, by their numbers.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn import_parts(&self, id: &str) -> Result<Vec<ImportPart>, TableError> {
        let items = self.items_of_job(id, keys::IMPORT_PARTS, PARTS_PAGE).await?;
        items.into_iter().map(read).collect()
    }

    /// Fixes how a file is read and makes the job that does it, with what people are told, all in one. `false` when that was
    /// done before.
    ///
    /// # Errors
    /// When the table cannot be reached; doing it again does it once.
    pub async fn plan_import(&self, import: &Import, job: &Job, activity: &Activity) -> Result<bool, TableError> {
        let plan = Change::update(import.key(), "SET #plan = :plan, #options = :options")
            .value(":plan", &import.plan)
            .value(":options", &import.options)
            .when("attribute_exists(#pk) AND attribute_not_exists(#plan)");
        self.first_time(vec![plan, job.put(), told(import, activity)]).await
    }

    /// Notes the job that undoes an import and makes it, with what people are told. `false` when somebody else did.
    ///
    /// # Errors
    /// When the table cannot be reached; doing it again does it once.
    pub async fn undo_import(&self, import: &Import, job: &Job, activity: &Activity) -> Result<bool, TableError> {
        let noted = Change::update(import.key(), "SET #undo = :job").value(":job", &job.id);
        let noted = match &import.undo {
            Some(before) => noted.value(":before", before).when("#undo = :before"),
            None => noted.when("attribute_exists(#pk) AND attribute_not_exists(#undo)"),
        };
        self.first_time(vec![noted, job.put(), told(import, activity)]).await
    }

    /// Some pages of the leads that an undo left, compressed, and where the next ones begin.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn undo_kept(
        &self,
        job: &str,
        after: Option<&str>,
    ) -> Result<(Vec<Vec<u8>>, Option<String>), TableError> {
        let partition = keys::job_items(job);
        let from = after.map_or_else(|| keys::UNDO_KEPT.to_owned(), |last| format!("{last}\u{0}"));
        let query = Query {
            consistent: true,
            ..Query::table(&partition, KEPT_PAGES)
        }
        .range(
            "#range BETWEEN :from AND :upto",
            vec![(":from", from), (":upto", format!("{}~", keys::UNDO_KEPT))],
        );
        let page = self.query(&query, None).await?;
        let last = page.items.last().and_then(Key::of).map(|key| key.sk);
        let packed = |item: &Item| Some(item.get("packed")?.as_b().ok()?.as_ref().to_vec());
        let next = last.filter(|_| page.next.is_some());
        Ok((page.items.iter().filter_map(packed).collect(), next))
    }

    async fn first_time(&self, changes: Vec<Change>) -> Result<bool, TableError> {
        match self.transact(changes).await {
            Ok(()) => Ok(true),
            Err(error) if error.condition_at(0) || error.condition_at(1) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All items of a job whose keys begin so, in their order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) async fn items_of_job(&self, id: &str, begin: &str, page: i32) -> Result<Vec<Item>, TableError> {
        let partition = keys::job_items(id);
        let query = Query {
            consistent: true,
            ..Query::table(&partition, page)
        }
        .range("begins_with(#range, :begin)", vec![(":begin", begin.to_owned())]);
        let (mut items, mut from) = (Vec::new(), None);
        loop {
            let page = self.query(&query, from).await?;
            items.extend(page.items);
            from = page.next;
            if from.is_none() {
                return Ok(items);
            }
        }
    }
}

fn told(import: &Import, activity: &Activity) -> Change {
    Change::put(keys::system_activity(import.campaign.as_str(), &activity.id), activity)
}
