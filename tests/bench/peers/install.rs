//! What the alternatives need: packages by name from committed lists, kept in the build folder, never in the sources.
//!
//! A quick run installs nothing: it takes what an earlier run left, or its rows say that it is missing. Everything that is
//! installed is said on standard error first.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{Size, children};

/// The files of this folder that the scripts need. They are copied, so that `node_modules` is beside them and not here.
const FILES: [(&str, &str); 13] = [
    ("package.json", include_str!("package.json")),
    (LOCK, include_str!("package-lock.json")),
    (REQUIREMENTS, include_str!("requirements.txt")),
    ("figure.js", include_str!("figure.js")),
    ("json_file.js", include_str!("json_file.js")),
    ("bullmq.js", include_str!("bullmq.js")),
    ("postgres.js", include_str!("postgres.js")),
    ("runtime.js", include_str!("runtime.js")),
    ("webhook.js", include_str!("webhook.js")),
    ("webhook.py", include_str!("webhook.py")),
    (IMPORT_REQUIREMENTS, include_str!("import-requirements.txt")),
    ("import_literal.py", include_str!("import_literal.py")),
    ("import_tuned.py", include_str!("import_tuned.py")),
];
const LOCK: &str = "package-lock.json";
const REQUIREMENTS: &str = "requirements.txt";
const IMPORT_REQUIREMENTS: &str = "import-requirements.txt";
/// Node's packages are 44 MB; a slow line or a busy registry gets some minutes.
const INSTALL_WAIT_MAX: Duration = Duration::from_secs(300);
/// What answers at once when it is there.
const LOOK_WAIT_MAX: Duration = Duration::from_secs(20);
/// Debian's names of servers that speak Redis, the first of them that there is.
const REDIS_PACKAGES: [&str; 2] = ["redis-server", "valkey-server"];

/// Where everything of the alternatives is: `bench/peers` in the build folder.
pub(crate) fn folder() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("failed to find the own program: {error}"))?;
    let target = own.parent().and_then(Path::parent);
    let folder = target.ok_or("the own program has no folder")?.join("bench/peers");
    fs::create_dir_all(&folder).map_err(|error| format!("failed to make `{}`: {error}", folder.display()))?;
    for (name, text) in FILES {
        let file = folder.join(name);
        if fs::read_to_string(&file).is_ok_and(|there| there == text) {
            continue;
        }
        fs::write(&file, text).map_err(|error| format!("failed to write `{}`: {error}", file.display()))?;
    }
    Ok(folder)
}

/// Where the scripts are that need Node and no packages.
pub(crate) async fn scripts() -> Result<PathBuf, String> {
    let folder = folder()?;
    let mut version = Command::new("node");
    children::run(version.arg("--version"), &folder.join("node.log"), LOOK_WAIT_MAX)
        .await
        .map_err(|_| "Node is not installed".to_owned())?;
    Ok(folder)
}

/// Where Node finds the scripts and their packages.
pub(crate) async fn node(size: Size) -> Result<PathBuf, String> {
    let folder = scripts().await?;
    let lock = include_str!("package-lock.json");
    if is_installed(&folder, LOCK, lock) {
        return Ok(folder);
    }
    may_install(size, "Node's packages")?;
    tell("Node's packages of package-lock.json", &folder);
    let mut npm = Command::new("npm");
    // No package needs its own script, so none is run.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
    children::run(npm.current_dir(&folder), &folder.join("npm.log"), INSTALL_WAIT_MAX).await?;
    note_installed(&folder, LOCK, lock)?;
    Ok(folder)
}

/// The webhook function and its loop in one file, as functions for Node are deployed. A folder of its own, without packages.
pub(crate) async fn bundle(folder: &Path) -> Result<PathBuf, String> {
    let made = folder.join("bundled/bundle.cjs");
    let mut esbuild = Command::new(folder.join("node_modules/.bin/esbuild"));
    esbuild.args([
        "runtime.js",
        "--bundle",
        "--minify",
        "--platform=node",
        "--target=node20",
    ]);
    esbuild.args(["--format=cjs", "--log-level=error"]);
    esbuild.arg(format!("--outfile={}", made.display())).current_dir(folder);
    children::run(&mut esbuild, &folder.join("esbuild.log"), LOOK_WAIT_MAX).await?;
    Ok(made)
}

/// Python with its packages, and the folder with the function.
pub(crate) async fn python(size: Size) -> Result<(PathBuf, PathBuf), String> {
    venv(size, "venv", REQUIREMENTS, include_str!("requirements.txt")).await
}

/// Python with pandas and pydantic, and the folder with the scripts that read a file of leads.
pub(crate) async fn python_with_pandas(size: Size) -> Result<(PathBuf, PathBuf), String> {
    venv(
        size,
        "venv-import",
        IMPORT_REQUIREMENTS,
        include_str!("import-requirements.txt"),
    )
    .await
}

/// Python in a folder of its own, with the packages of a list.
async fn venv(size: Size, name: &str, list: &str, wanted: &str) -> Result<(PathBuf, PathBuf), String> {
    let folder = folder()?;
    let python = folder.join(name).join("bin/python");
    if is_installed(&folder, list, wanted) {
        return Ok((python, folder));
    }
    may_install(size, &format!("Python's packages of {list}"))?;
    tell(&format!("Python's packages of {list}"), &folder);
    let log = folder.join("pip.log");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear", name]).current_dir(&folder);
    children::run(&mut venv, &log, INSTALL_WAIT_MAX).await?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    // The Runtime Interface Client would build C++ otherwise.
    pip.args(["--only-binary", ":all:", "--requirement", list]);
    children::run(pip.current_dir(&folder), &log, INSTALL_WAIT_MAX).await?;
    note_installed(&folder, list, wanted)?;
    Ok((python, folder))
}

/// A Redis server, as a command without arguments: that of this machine, or one that is unpacked here. Nothing is installed
/// into the system, where the package would start a service.
pub(crate) async fn redis(size: Size) -> Result<Command, String> {
    let folder = folder()?;
    let log = folder.join("redis-install.log");
    for name in REDIS_PACKAGES {
        let mut version = Command::new(name);
        if children::run(version.arg("--version"), &log, LOOK_WAIT_MAX)
            .await
            .is_ok()
        {
            return Ok(Command::new(name));
        }
    }
    let unpacked = folder.join("redis");
    if let Some(server) = unpacked_redis(&unpacked) {
        return Ok(server);
    }
    may_install(size, "Redis")?;
    tell("Debian's package of a Redis server, unpacked only", &unpacked);
    let why = match unpack_redis(&unpacked, &log).await {
        Ok(()) => None,
        Err(why) => {
            // An old list names files that are gone. Only root can renew it.
            let mut update = Command::new("apt-get");
            match children::run(update.args(["update", "--quiet"]), &log, INSTALL_WAIT_MAX).await {
                Ok(_) => unpack_redis(&unpacked, &log).await.err(),
                Err(_) => Some(why),
            }
        }
    };
    match (unpacked_redis(&unpacked), why) {
        (Some(server), _) => Ok(server),
        (None, why) => Err(format!("Redis is not installed: {}", why.unwrap_or_default())),
    }
}

/// Fetches a server's package with those that this machine has not, and unpacks them.
async fn unpack_redis(to: &Path, log: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).map_err(|error| format!("failed to make `{}`: {error}", to.display()))?;
    let mut why = String::new();
    for name in REDIS_PACKAGES {
        let mut ask = Command::new("apt-get");
        ask.args([
            "install",
            "--print-uris",
            "--yes",
            "--quiet",
            "--no-install-recommends",
            name,
        ]);
        let needed = match children::run(&mut ask, log, LOOK_WAIT_MAX).await {
            Ok(listed) => package_names(&listed),
            Err(error) => {
                why = error;
                continue;
            }
        };
        let mut fetch = Command::new("apt-get");
        fetch.arg("download").args(&needed).current_dir(to);
        children::run(&mut fetch, log, INSTALL_WAIT_MAX).await?;
        for package in files(to, |file| file.extension().is_some_and(|end| end == "deb")) {
            let mut unpack = Command::new("dpkg-deb");
            unpack.arg("-x").arg(&package).arg(to);
            children::run(&mut unpack, log, LOOK_WAIT_MAX).await?;
        }
        return Ok(());
    }
    Err(why)
}

/// Names in lines such as `'ADDRESS' NAME_VERSION_MACHINE.deb SIZE`.
fn package_names(listed: &str) -> Vec<String> {
    let lines = listed.lines().filter(|line| line.starts_with('\''));
    lines
        .filter_map(|line| Some(line.split_whitespace().nth(1)?.split_once('_')?.0.to_owned()))
        .collect()
}

fn unpacked_redis(folder: &Path) -> Option<Command> {
    let server = REDIS_PACKAGES
        .iter()
        .map(|name| folder.join("usr/bin").join(name))
        .find(|server| server.exists())?;
    let is_library = |file: &Path| {
        file.file_name()
            .is_some_and(|name| name.to_string_lossy().contains(".so"))
    };
    let mut places: Vec<PathBuf> = files(&folder.join("usr/lib"), is_library)
        .iter()
        .filter_map(|library| Some(library.parent()?.to_owned()))
        .collect();
    places.sort();
    places.dedup();
    let mut command = Command::new(server);
    command.env("LD_LIBRARY_PATH", std::env::join_paths(places).ok()?);
    Some(command)
}

/// Files of a folder and all below it.
fn files(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            // A link to a folder could lead in a circle.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if wanted(&path) {
                found.push(path);
            }
        }
    }
    found
}

/// Whether what a list asks for was installed to its end: its text was noted then.
fn is_installed(folder: &Path, list: &str, text: &str) -> bool {
    fs::read_to_string(folder.join(format!("{list}.installed"))).is_ok_and(|noted| noted == text)
}

fn note_installed(folder: &Path, list: &str, text: &str) -> Result<(), String> {
    fs::write(folder.join(format!("{list}.installed")), text)
        .map_err(|error| format!("failed to note what was installed: {error}"))
}

fn may_install(size: Size, what: &str) -> Result<(), String> {
    if size == Size::Quick {
        return Err(format!("{what}: not installed yet, and a quick run installs nothing"));
    }
    Ok(())
}

fn tell(what: &str, to: &Path) {
    eprintln!("  installing {what} in {}", to.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_by_what_apt_lists() {
        let listed = "Reading package lists...\n'ADDRESS/liblzf1_3.6-3_amd64.deb' liblzf1_3.6-3_amd64.deb 10192 MD5Sum:69\n\
            'ADDRESS/redis.deb' redis-tools_5%3a7.0.15-1_amd64.deb 991988 \n";
        assert_eq!(package_names(listed), ["liblzf1", "redis-tools"]);
        assert_eq!(package_names("Reading package lists...\n"), Vec::<String>::new());
    }
}
