//! Processes of other programs: each ends with its guard, on every way out, and what it wrote is kept to say why it failed.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child as Process, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A process that runs to its end is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A server that was asked to stop gets this long; PostgreSQL writes its buffers meanwhile. Then it is killed.
const STOP_WAIT_MAX: Duration = Duration::from_secs(10);
/// What is shown of a log: a line of a table has no room for more.
const SHOWN_CHARS_MAX: usize = 160;

/// Runs a server until standard input closes, which it does however the script ends. Ctrl-C reaches the whole group, so it
/// is ignored here: the server would outlive its keeper otherwise. `$0` is the log; the first line out is the server's id.
const KEEPER: &str = r#"
trap "" HUP INT TERM
"$@" </dev/null >"$0" 2>&1 &
echo $!
exec >/dev/null
cat >/dev/null
kill -INT $! 2>/dev/null
wait $!
"#;

/// A process that is killed with its guard.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    log: PathBuf,
}

impl Child {
    /// Starts it with everything that it writes going to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self, String> {
        let failed = |error| format!("failed to write `{}`: {error}", log.display());
        let file = File::create(log).map_err(failed)?;
        let same = file.try_clone().map_err(failed)?;
        Self::start_with(command.stdout(file).stderr(same), log)
    }

    fn start_with(command: &mut Command, log: &Path) -> Result<Self, String> {
        let process = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("failed to start `{}`: {error}", program(command)))?;
        Ok(Self {
            process,
            log: log.to_owned(),
        })
    }

    /// Resident memory now, in MiB, where the system tells it.
    pub(crate) fn resident_mib(&self) -> Option<f64> {
        resident_mib(self.process.id())
    }

    /// The last line that it wrote, to say why it failed.
    pub(crate) fn last_words(&self) -> String {
        last_line(&self.log)
    }

    async fn ended_within(&mut self, limit: Duration) -> Result<ExitStatus, String> {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            match self.process.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => tokio::time::sleep(LOOK_EVERY).await,
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!("it took more than {} s", limit.as_secs()))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a command to its end and gives what it wrote to standard output. The rest goes to `log`.
pub(crate) async fn run(command: &mut Command, log: &Path, limit: Duration) -> Result<String, String> {
    let named = program(command);
    let failed = |error: std::io::Error| format!("failed to write `{}`: {error}", log.display());
    let out = log.with_extension("out");
    command.stdout(File::create(&out).map_err(failed)?);
    command.stderr(File::create(log).map_err(failed)?);
    let mut child = Child::start_with(command, log)?;
    let status = child.ended_within(limit).await;
    let status = status.map_err(|error| format!("failed to run `{named}`: {error}"))?;
    if status.success() {
        fs::read_to_string(&out).map_err(|error| format!("failed to read `{}`: {error}", out.display()))
    } else {
        Err(format!("`{named}` failed: {}", child.last_words()))
    }
}

/// A server that stops in order with its guard, and also when the script is killed.
#[derive(Debug)]
pub(crate) struct Server {
    keeper: Process,
    id: u32,
    stop_wait: Duration,
}

impl Server {
    /// Starts it, and waits until its log says `ready`.
    pub(crate) async fn start(
        command: &Command,
        log: &Path,
        ready: &str,
        limit: Duration,
        prepare: impl FnOnce(&mut Command),
    ) -> Result<Self, String> {
        let mut keeper = Command::new("sh");
        keeper.arg("-c").arg(KEEPER).arg(log);
        keeper.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            keeper.env(name, value.unwrap_or_default());
        }
        if let Some(folder) = command.get_current_dir() {
            keeper.current_dir(folder);
        }
        prepare(&mut keeper);
        keeper
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut keeper = keeper
            .spawn()
            .map_err(|error| format!("failed to start `sh`: {error}"))?;
        let mut line = String::new();
        if let Some(out) = keeper.stdout.take() {
            let _ = BufReader::new(out).read_line(&mut line);
        }
        let id = line.trim().parse();
        // From here its guard stops it; without an id there is nothing to kill by force.
        let server = Self {
            keeper,
            id: id.unwrap_or_default(),
            stop_wait: STOP_WAIT_MAX,
        };
        let begun = Instant::now();
        while begun.elapsed() < limit {
            let text = fs::read_to_string(log).unwrap_or_default().to_lowercase();
            if text.contains(ready) {
                return Ok(server);
            }
            if server.id == 0 || resident_mib(server.id).is_none() {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(format!("failed to start `{}`: {}", program(command), last_line(log)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let begun = Instant::now();
        while begun.elapsed() < self.stop_wait {
            match self.keeper.try_wait() {
                Ok(None) => thread::sleep(LOOK_EVERY),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        if self.id != 0 {
            let _ = Command::new("kill").args(["-KILL", &self.id.to_string()]).status();
        }
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Resident memory of a process in MiB; none when there is no such process, or no `/proc`.
fn resident_mib(id: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1_024.0)
}

fn program(command: &Command) -> String {
    let path = Path::new(command.get_program());
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    line.unwrap_or("it wrote nothing")
        .chars()
        .take(SHOWN_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn log(name: &str) -> PathBuf {
        let folder = std::env::temp_dir();
        folder.join(format!("redial-children-{name}-{}.log", std::process::id()))
    }

    #[tokio::test]
    async fn a_command_gives_what_it_wrote_or_says_why_it_failed() {
        let (log, limit) = (log("run"), Duration::from_secs(10));
        assert_eq!(run(&mut shell("echo said"), &log, limit).await.as_deref(), Ok("said\n"));
        let failed = run(&mut shell("echo no such thing >&2; exit 3"), &log, limit).await;
        assert_eq!(failed, Err("`sh` failed: no such thing".to_owned()));
        let slow = run(&mut shell("exec sleep 60"), &log, Duration::from_millis(50)).await;
        assert_eq!(slow, Err("failed to run `sh`: it took more than 0 s".to_owned()));
    }

    #[tokio::test]
    async fn a_server_ends_with_its_guard_even_if_it_does_not_want_to() {
        let server = shell("echo ready now; exec sleep 60");
        let server = Server::start(&server, &log("server"), "ready now", Duration::from_secs(10), |_| {}).await;
        let mut server = server.unwrap();
        // What the keeper starts is deaf to Ctrl-C unless it listens of itself, and `sleep` does not.
        server.stop_wait = Duration::from_millis(100);
        let id = server.id;
        assert!(resident_mib(id).is_some());
        drop(server);
        let begun = Instant::now();
        while resident_mib(id).is_some() && begun.elapsed() < Duration::from_secs(5) {
            thread::sleep(LOOK_EVERY);
        }
        assert_eq!(resident_mib(id), None);
    }
}
