//! Packages: where they are, what they may depend on, what they say of themselves.

use std::collections::BTreeSet;

use super::tree::{names_in, none, read, root, rust, sources};

/// Longest `main.rs` of a function: log, connect, run.
const MAIN_LINES_MAX: usize = 45;

/// The order of the shared packages: each may name those beside it only.
const SHARED: [(&str, &[&str]); 4] = [
    ("redial-domain", &[]),
    ("redial-rules", &["redial-domain"]),
    ("redial-telephony", &["redial-domain"]),
    ("redial-aws", &["redial-domain", "redial-rules"]),
];

/// Who may talk to AWS without asking `redial-aws`: the engines that stand in for it, and tests.
const KNOWS_SDK: [&str; 3] = ["redial-aws", "redial-local", "redial-tests"];

/// Packages that are workspaces of their own, and why.
const APART: [(&str, &str); 1] = [(
    "tests/fuzz",
    "the fuzzer is built by a nightly compiler, with flags that nothing else is built with",
)];

#[test]
fn a_plain_folder_of_functions_is_one_lambda_with_one_binary() {
    let expected: BTreeSet<String> = lambdas().iter().map(|name| format!("functions/{name}")).collect();
    assert_eq!(workspace_list("default-members"), expected);
    for name in lambdas() {
        let manifest = Manifest::read(&format!("functions/{name}/Cargo.toml"));
        let binaries = manifest.table["bin"].as_array().unwrap();
        assert_eq!(
            (manifest.name.as_str(), binaries.len(), binaries[0]["name"].as_str()),
            (name.as_str(), 1, Some(name.as_str()))
        );
        assert!(
            root().join(format!("functions/{name}/src/handler.rs")).exists(),
            "{name} has no handler.rs"
        );
        let main = read(&format!("functions/{name}/src/main.rs")).lines().count();
        assert!(
            main <= MAIN_LINES_MAX,
            "functions/{name}/src/main.rs has {main} lines; it only starts the function"
        );
    }
}

#[test]
fn every_package_is_a_member() {
    assert_eq!(
        workspace_list("members"),
        manifests().iter().map(Manifest::folder).collect()
    );
}

#[test]
fn every_package_takes_licence_edition_and_lints_from_the_workspace() {
    let workspace = Manifest::table("Cargo.toml");
    assert_eq!(
        workspace["workspace"]["package"]["license"].as_str(),
        Some("MIT OR Apache-2.0")
    );
    assert!(workspace["workspace"]["package"]["rust-version"].is_str());
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(read(licence).len() > 1_000, "{licence} is the whole text");
    }
    let inherited =
        |value: Option<&toml::Value>| value.and_then(|value| value.get("workspace")?.as_bool()) == Some(true);
    for Manifest { path, table, .. } in manifests() {
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            assert!(inherited(table["package"].get(key)), "{path}: {key}");
        }
        assert!(
            inherited(Some(&table["lints"]).map(|_| &table["lints"])),
            "{path}: lints"
        );
        assert!(
            table["package"]["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{path}: description"
        );
    }
}

#[test]
fn dependencies_point_one_way() {
    let mut below: BTreeSet<String> = SHARED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let shared = below.clone();
    below.extend(lambdas());
    let may_name = |from: &str, to: &str| match SHARED.iter().find(|(name, _)| *name == from) {
        Some((_, allowed)) => allowed.contains(&to),
        None if lambdas().contains(from) => shared.contains(to),
        None if from == "redial-local" => below.contains(to),
        None => below.contains(to) || to == "redial-local",
    };
    let wrong = manifests().into_iter().flat_map(|from| {
        let ours = from
            .dependencies()
            .into_iter()
            .filter(|to| to.starts_with("redial-") || lambdas().contains(to));
        ours.filter(|to| !may_name(&from.name, to))
            .map(|to| format!("{}: {to}", from.path))
            .collect::<Vec<_>>()
    });
    none("these dependencies point the wrong way", wrong);
}

#[test]
fn only_the_adapter_and_the_local_machine_name_an_aws_sdk() {
    let is_sdk = |name: &str| {
        ["aws-sdk-", "aws-smithy-", "aws-config", "aws-types", "aws-cred"]
            .iter()
            .any(|sdk| name.starts_with(sdk))
    };
    let named = manifests()
        .into_iter()
        .filter(|manifest| !KNOWS_SDK.contains(&manifest.name.as_str()))
        .flat_map(|manifest| {
            let sdks = manifest.dependencies().into_iter().filter(|name| is_sdk(name));
            sdks.map(|name| format!("{}: {name}", manifest.path))
                .collect::<Vec<_>>()
        });
    none("only redial-aws names an SDK; these should ask it", named);
}

#[test]
fn every_dependency_is_used() {
    let all: Vec<_> = rust().collect();
    let unused = manifests().into_iter().flat_map(|manifest| {
        let folder = format!("{}/", manifest.folder());
        let text: String = all
            .iter()
            .filter(|source| source.is_in(&folder))
            .map(|source| source.text.as_str())
            .collect();
        let names = manifest
            .dependencies()
            .into_iter()
            .filter(|name| !text.contains(&lib_name(name)));
        names
            .map(|name| format!("{}: {name}", manifest.path))
            .collect::<Vec<_>>()
    });
    none("these dependencies are not used", unused);
}

/// A `Cargo.toml`.
struct Manifest {
    path: String,
    name: String,
    table: toml::Table,
}

impl Manifest {
    fn read(path: &str) -> Self {
        let table = Self::table(path);
        Self {
            path: path.to_owned(),
            name: table["package"]["name"].as_str().unwrap().to_owned(),
            table,
        }
    }

    fn table(path: &str) -> toml::Table {
        read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn folder(&self) -> String {
        self.path.trim_end_matches("/Cargo.toml").to_owned()
    }

    fn dependencies(&self) -> BTreeSet<String> {
        let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
        let tables = kinds.iter().filter_map(|kind| self.table.get(*kind)?.as_table());
        tables.flat_map(|table| table.keys().cloned()).collect()
    }
}

/// All packages of the workspace.
fn manifests() -> Vec<Manifest> {
    let paths = sources()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| path.ends_with("/Cargo.toml"));
    let (apart, ours): (Vec<_>, Vec<_>) = paths
        .map(|path| Manifest::read(&path))
        .partition(|manifest| APART.iter().any(|(folder, _)| *folder == manifest.folder()));
    assert!(
        apart.len() == APART.len() && apart.iter().all(|manifest| manifest.table.contains_key("workspace")),
        "these are workspaces of their own: {APART:?}"
    );
    ours
}

fn workspace_list(key: &str) -> BTreeSet<String> {
    let workspace = Manifest::table("Cargo.toml");
    let list = workspace["workspace"][key].as_array().unwrap();
    list.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// Names of the folders that are Lambdas.
fn lambdas() -> BTreeSet<String> {
    let folders = names_in("functions")
        .into_iter()
        .filter_map(|name| Some(name.strip_suffix('/')?.to_owned()));
    folders.filter(|name| !name.starts_with('_')).collect()
}

/// The name under which code uses a package.
fn lib_name(package: &str) -> String {
    match package {
        "dynoxide-rs" => "dynoxide".to_owned(),
        name if lambdas().contains(name) => format!("redial_{name}"),
        name => name.replace('-', "_"),
    }
}
