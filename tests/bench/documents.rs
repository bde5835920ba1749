//! The blocks of documents that are made from figures, so that nobody types one.

use std::path::{Path, PathBuf};

use crate::{growth, report::Figures};

/// Between these a block stands.
const FROM: &str = "<!-- made by `make bench ARGS=--readme`; do not edit -->";
const TO: &str = "<!-- end -->";

/// Where the figures of the documents are kept.
pub(crate) fn kept() -> PathBuf {
    root().join("tests/bench/figures.json")
}

/// The sources' top folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

type Block = fn(&Figures) -> String;

/// Documents with a block, and how it is made.
const BLOCKS: [(&str, Block); 2] = [("README.md", Figures::markdown), ("GROWTH.md", growth::block)];

/// Writes the blocks.
pub(crate) fn write(figures: &Figures) -> Result<(), String> {
    for (document, block) in BLOCKS {
        let file = root().join(document);
        let text = std::fs::read_to_string(&file).map_err(|error| format!("failed to read {document}: {error}"))?;
        let text = with_block(&text, &block(figures)).ok_or_else(|| format!("{document} has no place for a block"))?;
        std::fs::write(&file, text).map_err(|error| format!("failed to write {document}: {error}"))?;
    }
    Ok(())
}

/// Whether each block is what its figures make.
pub(crate) fn check(figures: &Figures) -> Result<(), String> {
    for (document, block) in BLOCKS {
        let text = std::fs::read_to_string(root().join(document));
        let text = text.map_err(|error| format!("failed to read {document}: {error}"))?;
        if with_block(&text, &block(figures)).as_deref() != Some(&text) {
            return Err(format!(
                "the figures in {document} are not those of tests/bench/figures.json: run `make bench ARGS=--readme`"
            ));
        }
    }
    Ok(())
}

fn with_block(text: &str, block: &str) -> Option<String> {
    let (before, rest) = text.split_once(FROM)?;
    let (_, after) = rest.split_once(TO)?;
    Some(format!("{before}{FROM}\n\n{}\n\n{TO}{after}", block.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_takes_the_place_of_what_stood_there_and_nothing_else_moves() {
        let text = format!("before\n{FROM}\nold\n{TO}\nafter\n");
        let once = with_block(&text, "new\n").unwrap();
        assert_eq!(once, format!("before\n{FROM}\n\nnew\n\n{TO}\nafter\n"));
        assert_eq!(with_block(&once, "new").unwrap(), once);
        assert_eq!(with_block("no place", "new"), None);
    }
}
