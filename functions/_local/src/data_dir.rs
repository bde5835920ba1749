//! The directory in which the local machine keeps what survives it: which files are ours, and who may use them.
//!
//! Knows names, not contents. A directory without our mark in it is never written to and never deleted from.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Marks the directory as ours, and is locked by the process that uses it.
const MARK: &str = "redial.json";
/// What the mark says. A change of layout that older builds cannot read gets another number.
const MARK_TEXT: &str = "{\"made_by\":\"redial local\",\"layout\":1}\n";
/// Files of ours beside the mark; `--fresh` deletes these and no others. First those that say that the others are whole.
const OURS: [&str; 16] = [
    MADE,
    ENDPOINTS,
    TABLE,
    "table.sqlite-wal",
    "table.sqlite-shm",
    "table.sqlite-journal",
    QUEUES,
    "queues.sqlite-wal",
    "queues.sqlite-shm",
    PHONES,
    "phones.sqlite-wal",
    "phones.sqlite-shm",
    CLOCK,
    API_KEY,
    DEMO_ADDED,
    LOG,
];
/// Says that table and queues were made to the end. Their engines make them in many steps, and a process killed between
/// two would leave a table that refuses every write.
const MADE: &str = "made";
const TABLE: &str = "table.sqlite";
const QUEUES: &str = "queues.sqlite";
const PHONES: &str = "phones.sqlite";
const CLOCK: &str = "clock.json";
const API_KEY: &str = "api-key";
const DEMO_ADDED: &str = "demo-added";
const ENDPOINTS: &str = "endpoints.json";
const LOG: &str = "redial.log";

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It belongs to somebody else.
    #[error("failed to use `{0}` as the data directory: it has files in it and was not made by `redial local`")]
    Foreign(String),
    /// Another process uses it.
    #[error("failed to use the data directory `{0}`: another `redial local` uses it")]
    InUse(String),
    /// The system refuses.
    #[error("failed to use the data directory `{path}`: {reason}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
}

impl DataError {
    /// What to do.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Foreign(_) => "name a new or an empty directory with --data",
            Self::InUse(_) => "stop the other one, or name another directory with --data",
            Self::Io { .. } => "check its path and permissions, or name another directory with --data",
        }
    }
}

/// A data directory that this process has for itself until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Takes a directory for this process, and makes it if it is not there. `fresh` forgets what is in it; so does a
    /// first start that was killed before there was anything to keep.
    ///
    /// # Errors
    /// When it is not ours, or another process uses it.
    pub fn open(path: &Path, fresh: bool) -> Result<Self, DataError> {
        let shown = path.display().to_string();
        let failed = |error: &io::Error| DataError::Io {
            path: shown.clone(),
            reason: error.to_string(),
        };
        // Leads' phones and names are in it.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| failed(&error))?;
        let mark = path.join(MARK);
        if !mark.exists() && fs::read_dir(path).map_err(|error| failed(&error))?.next().is_some() {
            return Err(DataError::Foreign(shown));
        }
        let mut options = OpenOptions::new();
        let lock = options.read(true).append(true).create(true).open(&mark);
        let mut lock = lock.map_err(|error| failed(&error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => DataError::InUse(shown.clone()),
            TryLockError::Error(error) => failed(&error),
        })?;
        if lock.metadata().map_err(|error| failed(&error))?.len() == 0 {
            lock.write_all(MARK_TEXT.as_bytes()).map_err(|error| failed(&error))?;
        }
        // Builds before this mark noted the endpoints at the end of a start.
        let made = [MADE, ENDPOINTS].iter().any(|name| path.join(name).exists());
        if fresh || !made {
            for name in OURS {
                match fs::remove_file(path.join(name)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&error)),
                    _ => {}
                }
            }
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the table.
    pub fn table(&self) -> PathBuf {
        self.path.join(TABLE)
    }

    /// The file of the queues.
    pub fn queues(&self) -> PathBuf {
        self.path.join(QUEUES)
    }

    /// The file of the phone network.
    pub fn phones(&self) -> PathBuf {
        self.path.join(PHONES)
    }

    /// The file of the clock.
    pub fn clock(&self) -> PathBuf {
        self.path.join(CLOCK)
    }

    /// The file for the log.
    pub fn log(&self) -> PathBuf {
        self.path.join(LOG)
    }

    /// Notes that table and queues are there, so that they are kept from now on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_made(&self) -> Result<(), DataError> {
        self.write(MADE, "", 0o600)
    }

    /// The API key made for this directory, if there is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn api_key(&self) -> Result<Option<String>, DataError> {
        let key = self.read(API_KEY)?.map(|key| key.trim().to_owned());
        Ok(key.filter(|key| !key.is_empty()))
    }

    /// Keeps the API key, for this user only.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_api_key(&self, key: &str) -> Result<(), DataError> {
        self.write(API_KEY, &format!("{key}\n"), 0o600)
    }

    /// Whether all leads of the demo were added.
    pub fn demo_is_added(&self) -> bool {
        self.path.join(DEMO_ADDED).exists()
    }

    /// Notes that all leads of the demo were added.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_demo_added(&self) -> Result<(), DataError> {
        self.write(DEMO_ADDED, "", 0o600)
    }

    /// Notes where the parts of the machine are reached, for `redial keys --local`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_endpoints(&self, json: &str) -> Result<(), DataError> {
        self.write(ENDPOINTS, json, 0o600)
    }

    fn read(&self, name: &str) -> Result<Option<String>, DataError> {
        match fs::read_to_string(self.path.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Result<(), DataError> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(mode);
        let file = file.open(self.path.join(name));
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> DataError {
        DataError::Io {
            path: self.path.display().to_string(),
            reason: error.to_string(),
        }
    }
}

/// An address that the machine of a data directory noted last, such as `base_url`, for the command line.
pub fn noted_url(path: &Path, which: &str) -> Option<String> {
    let noted = fs::read(path.join(ENDPOINTS)).ok()?;
    let noted: serde_json::Value = serde_json::from_slice(&noted).ok()?;
    noted[which].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("redial-data-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn a_directory_with_foreign_files_is_neither_used_nor_emptied() {
        let path = folder("foreign");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("table.sqlite"), "somebody's").unwrap();
        for fresh in [false, true] {
            assert!(matches!(DataDir::open(&path, fresh), Err(DataError::Foreign(_))));
        }
        assert_eq!(fs::read_to_string(path.join("table.sqlite")).unwrap(), "somebody's");
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn fresh_forgets_what_is_ours_and_leaves_the_rest() {
        let path = folder("fresh");
        let data = DataDir::open(&path, false).unwrap();
        data.keep_api_key("rdl_x").unwrap();
        data.note_demo_added().unwrap();
        fs::write(path.join("notes.txt"), "mine").unwrap();
        drop(data);
        let data = DataDir::open(&path, true).unwrap();
        assert_eq!(data.api_key().unwrap(), None);
        assert!(!data.demo_is_added());
        assert!(path.join("notes.txt").exists());
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn what_a_first_start_left_half_made_is_forgotten_and_what_is_made_is_kept() {
        let path = folder("half-made");
        for (made, kept) in [(false, false), (true, true)] {
            let data = DataDir::open(&path, false).unwrap();
            fs::write(data.table(), "a table").unwrap();
            if made {
                data.note_made().unwrap();
            }
            drop(data);
            let data = DataDir::open(&path, false).unwrap();
            assert_eq!(data.table().exists(), kept);
        }
        // Made by a build that did not note it.
        fs::remove_file(path.join(MADE)).unwrap();
        let data = DataDir {
            path: path.clone(),
            _lock: File::open(path.join(MARK)).unwrap(),
        };
        data.note_endpoints("{}").unwrap();
        assert!(DataDir::open(&path, false).unwrap().table().exists());
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn two_processes_do_not_share_a_directory() {
        let path = folder("shared");
        let first = DataDir::open(&path, false).unwrap();
        assert!(matches!(DataDir::open(&path, true), Err(DataError::InUse(_))));
        drop(first);
        DataDir::open(&path, false).unwrap();
        fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn the_api_key_is_for_its_user_only() {
        use std::os::unix::fs::PermissionsExt;
        let path = folder("key");
        let data = DataDir::open(&path, false).unwrap();
        data.keep_api_key("rdl_x").unwrap();
        assert_eq!(data.api_key().unwrap().as_deref(), Some("rdl_x"));
        let mode = fs::metadata(path.join(API_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_dir_all(&path).unwrap();
    }
}
