//! Documents: what they name exists.

use std::collections::BTreeSet;

use super::tree::{Source, none, read, root, sources};

#[test]
fn make_commands_in_documents_exist() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, _)| name)
        .collect();
    let unknown = documents().flat_map(|document| {
        let commands = commands(&document.text)
            .into_iter()
            .filter(|name| !targets.contains(name.as_str()));
        commands
            .map(|name| format!("{}: make {name}", document.path))
            .collect::<Vec<_>>()
    });
    none("the Makefile has no such target", unknown);
}

#[test]
fn links_in_documents_lead_somewhere() {
    let broken = documents().flat_map(|document| {
        let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let links = document
            .text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'));
        let files = links.map(|(link, _)| link.split_once('#').map_or(link, |(file, _)| file));
        let missing =
            files.filter(|file| !file.is_empty() && !file.contains("://") && !root().join(folder).join(file).exists());
        missing
            .map(|file| format!("{}: {file}", document.path))
            .collect::<Vec<_>>()
    });
    none("these links lead nowhere", broken);
}

#[test]
fn files_named_in_documents_exist() {
    let missing = documents().flat_map(|document| {
        let quoted = document.text.split('`').skip(1).step_by(2);
        let files = quoted.filter(|text| !text.contains([' ', '<', '*', '…', '{']) && names_a_file(text));
        let missing = files.filter(|file| !root().join(file).exists());
        missing
            .map(|file| format!("{}: {file}", document.path))
            .collect::<Vec<_>>()
    });
    none("these files do not exist", missing);
}

/// Prose about the whole project; a folder's own README names files of its folder.
fn documents() -> impl Iterator<Item = Source> {
    sources()
        .into_iter()
        .filter(|source| source.path.ends_with(".md") && source.path != "CHANGELOG.md")
}

fn names_a_file(text: &str) -> bool {
    ["functions/", "tests/", "events/", "infra/", "rules/", ".ci/"]
        .iter()
        .any(|top| text.starts_with(top))
}

/// Names after `make` in quotes or at the beginning of a line.
fn commands(text: &str) -> Vec<String> {
    let starts = ["`make ", "\nmake "];
    let rests = starts.iter().flat_map(|start| text.split(start).skip(1));
    let names = rests.map(|rest| {
        rest.chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '-')
            .collect::<String>()
    });
    names.filter(|name| !name.is_empty()).collect()
}
