//! What the crate depends on, and where it says why; and which files may do without the compiler's proofs.

use std::collections::BTreeSet;

use super::imports::File;

/// Files that may allow `unsafe`; so may what lies below them.
const UNSAFE: [&str; 4] = ["allocator.rs", "learning/kernels/matmul.rs", "learning/team.rs", "processors.rs"];

/// The crates that a `Cargo.toml` names, for the binary, its tests or its build.
pub fn named_crates(manifest: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let mut is_list = false;
    for line in manifest.lines() {
        match line.strip_prefix('[') {
            Some(section) => is_list = section.ends_with("dependencies]"),
            None if is_list => named.extend(line.split_once(" = ").map(|(name, _)| name.to_owned())),
            None => {}
        }
    }
    named
}

/// The crates that the page has a line for: those of its first two tables.
pub fn told_crates(page: &str) -> BTreeSet<String> {
    let tables = page.split("## Unmaintained").next().unwrap_or_default();
    let names = tables.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// Files that allow `unsafe` or use it and may not.
pub fn unsafe_out_of_place(files: &[File]) -> Vec<&str> {
    let may = |path: &str| {
        UNSAFE.iter().any(|known| path == *known || path.starts_with(&format!("{}/", known.trim_end_matches(".rs"))))
    };
    let is_unsafe = |file: &&File| {
        let code = file.text.lines().map(|line| line.split("//").next().unwrap_or_default());
        let mut words = code.flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || c == '_')));
        words.any(|word| word == "unsafe" || word == "unsafe_code")
    };
    let found = files.iter().filter(is_unsafe).map(|file| file.path.as_str());
    found.filter(|path| !may(path)).collect()
}
