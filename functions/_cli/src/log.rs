//! Where the log of `redial local` goes: beside a display that is redrawn it would be in the way.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// The log of a run with a display: nothing until it has its file.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogFile(Arc<Mutex<Option<File>>>);

impl LogFile {
    /// From here on lines go to this file, which begins anew.
    pub(crate) fn open(&self, path: &Path) -> io::Result<()> {
        let file = File::create(path)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(file) => file.write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Logs into a file that is named later; information and worse, unless `RUST_LOG` says otherwise.
pub(crate) fn to_file() -> LogFile {
    let file = LogFile::default();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter("info"))
        .with_ansi(false)
        .with_target(false);
    // There is no other logger to fail for.
    let _ = log.with_writer(file.clone()).try_init();
    file
}

/// Logs to the standard error stream; warnings and worse, unless `RUST_LOG` says otherwise.
pub(crate) fn to_stderr() {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter("warn"))
        .with_ansi(false)
        .with_target(false);
    let _ = log.with_writer(io::stderr).try_init();
}

fn filter(default: &str) -> EnvFilter {
    // The table engine warns of every condition that does not hold, which is how two writers agree.
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(format!("{default},dynoxide=error")))
}
