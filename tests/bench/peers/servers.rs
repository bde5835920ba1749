//! PostgreSQL and Redis for one run: in a temporary folder, on a socket of its own, stopped and forgotten with their guard.

use std::{
    fs, io,
    os::unix::{
        fs::{DirBuilderExt as _, MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::children::{self, Server};

/// The superuser of the cluster, which ends with the run.
pub(crate) const POSTGRES_USER: &str = "redial";
/// A new cluster is made in about 2 s; a busy machine gets more.
const INITDB_WAIT_MAX: Duration = Duration::from_secs(60);
/// An empty server is ready in less than a second.
const READY_WAIT_MAX: Duration = Duration::from_secs(20);
/// What both write to their log then, in small letters.
const READY: &str = "ready to accept connections";
/// PostgreSQL refuses to run as root. This is `nobody` and its group on every common Linux.
const NOBODY: u32 = 65_534;
/// Where Debian puts the programs of a server, by major version.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";

/// A folder for one server, for its user alone, deleted at the end.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn make(name: &str, owner: Option<u32>) -> Result<Self, String> {
        let failed = |error: io::Error| format!("failed to make a folder for {name}: {error}");
        let start = format!("redial-bench-{name}-");
        forget_killed(&std::env::temp_dir(), &start);
        let path = std::env::temp_dir().join(format!("{start}{}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        let folder = Self(path);
        if let Some(owner) = owner {
            chown(&folder.0, Some(owner), Some(owner)).map_err(failed)?;
        }
        Ok(folder)
    }
}

/// Deletes what runs left that were killed: their servers have ended, as [`Server`] says, but nobody cleared up.
fn forget_killed(folder: &Path, start: &str) {
    if !Path::new("/proc/self").exists() {
        return; // Nothing tells here which runs have ended.
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let run = name.strip_prefix(start).and_then(|run| run.parse::<u32>().ok());
        if run.is_some_and(|run| !Path::new(&format!("/proc/{run}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// PostgreSQL with its defaults, so with a commit that waits for the disk.
#[derive(Debug)]
pub(crate) struct Postgres {
    // Stops before its folder is deleted.
    _server: Server,
    folder: Folder,
}

impl Postgres {
    pub(crate) async fn start() -> Result<Self, String> {
        let user = other_user();
        let folder = Folder::make("postgres", user)?;
        let data = folder.0.join("data");
        let mut initdb = Command::new(postgres_program("initdb"));
        initdb.arg("--pgdata").arg(&data).current_dir(&folder.0);
        // Nobody else reaches the folder with the socket.
        initdb.args(["--username", POSTGRES_USER, "--auth", "trust"]);
        initdb.args(["--encoding", "UTF8", "--locale", "C", "--no-sync"]);
        become_user(&mut initdb, user);
        children::run(&mut initdb, &folder.0.join("initdb.log"), INITDB_WAIT_MAX)
            .await
            .map_err(|error| format!("PostgreSQL is not installed, or cannot be: {error}"))?;

        let mut command = Command::new(postgres_program("postgres"));
        command
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&folder.0)
            .current_dir(&folder.0);
        command.args(["-c", "listen_addresses="]);
        let log = folder.0.join("server.log");
        let server = Server::start(&command, &log, READY, READY_WAIT_MAX, |keeper| {
            become_user(keeper, user)
        })
        .await?;
        Ok(Self {
            _server: server,
            folder,
        })
    }

    pub(crate) fn socket_folder(&self) -> &Path {
        &self.folder.0
    }
}

/// Redis as BullMQ's documents advise: every write in the log, which goes to the disk each second, and nothing evicted.
#[derive(Debug)]
pub(crate) struct Redis {
    // Stops before its folder is deleted.
    _server: Server,
    folder: Folder,
}

impl Redis {
    pub(crate) async fn start(mut command: Command) -> Result<Self, String> {
        let folder = Folder::make("redis", None)?;
        command
            .args(["--port", "0", "--unixsocket"])
            .arg(folder.0.join("socket"));
        command.arg("--dir").arg(&folder.0);
        command.args(["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]);
        command.args(["--maxmemory-policy", "noeviction", "--daemonize", "no"]);
        let log = folder.0.join("server.log");
        let server = Server::start(&command, &log, READY, READY_WAIT_MAX, |_| ()).await?;
        Ok(Self {
            _server: server,
            folder,
        })
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.0.join("socket")
    }
}

/// The user that a server runs as, if it cannot be ours.
fn other_user() -> Option<u32> {
    let own = fs::metadata("/proc/self").map(|own| own.uid());
    matches!(own, Ok(0)).then_some(NOBODY)
}

fn become_user(command: &mut Command, user: Option<u32>) {
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
}

/// A program of PostgreSQL: Debian keeps them out of the path.
fn postgres_program(name: &str) -> PathBuf {
    let versions = fs::read_dir(DEBIAN_POSTGRES).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions
        .map(|version| version.path().join("bin").join(name))
        .filter(|program| program.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_forgotten_and_what_runs_is_kept() {
        let own = std::process::id();
        let folder = std::env::temp_dir().join(format!("redial-servers-test-{own}"));
        // Above the highest number that Linux gives a process.
        let (killed, runs, other) = (
            folder.join("run-4194305"),
            folder.join(format!("run-{own}")),
            folder.join("x"),
        );
        for path in [&killed, &runs, &other] {
            fs::create_dir_all(path).unwrap();
        }
        forget_killed(&folder, "run-");
        assert_eq!([&killed, &runs, &other].map(|path| path.exists()), [false, true, true]);
        fs::remove_dir_all(folder).unwrap();
    }
}
