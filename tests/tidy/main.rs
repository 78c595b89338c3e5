//! The rules of the house, held against the sources: imports go downwards, no circle of files, a first line that says what
//! a file is for, files that a reader can hold in mind. `CONTRIBUTING.md` has the rules in words.

mod dependencies;
mod imports;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use dependencies::{named_crates, told_crates, unsafe_out_of_place};
use imports::{File, graph};
use rules::{circles, crates_out_of_place, upward_imports};

/// Most lines of a file.
const MOST_LINES: usize = 400;

/// Every source file below `folder`, with its path from there.
fn sources(folder: &Path) -> Vec<File> {
    let (mut files, mut folders): (Vec<File>, Vec<PathBuf>) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder of sources").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let path = entry.strip_prefix(folder).expect("it lies below").to_str().expect("UTF-8").to_owned();
                files.push(File { path, text: fs::read_to_string(&entry).expect("a readable source") });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn house() -> Vec<File> {
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> =
        house().into_iter().filter(|file| !file.text.starts_with("//! ")).map(|file| file.path).collect();
    assert!(silent.is_empty(), "files without a first line `//! …`: {silent:#?}");
}

#[test]
fn every_file_can_be_held_in_mind() {
    let of = |folder: &str| sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let long: Vec<(String, usize)> = ["src", "tests", "benches", "fuzz/fuzz_targets"]
        .into_iter()
        .flat_map(of)
        .map(|file| (file.path, file.text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .collect();
    assert!(long.is_empty(), "files of more than {MOST_LINES} lines: {long:#?}");
}

#[test]
fn imports_go_downwards() {
    let upward = upward_imports(&graph(&house()));
    assert!(upward.is_empty(), "imports that go upwards or sideways: {upward:#?}");
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let graph = graph(&house());
    let circles = circles(&graph);
    let inside = |circle: &Vec<String>| {
        let arrows = circle.iter().flat_map(|from| graph[from].iter().map(move |to| (from, to)));
        arrows.filter(|(_, to)| circle.contains(to)).map(|(from, to)| format!("{from} imports {to}")).collect()
    };
    let arrows: Vec<Vec<String>> = circles.iter().map(inside).collect();
    assert!(circles.is_empty(), "circles of files: {arrows:#?}");
}

#[test]
fn each_outside_crate_stays_in_its_room() {
    let strays = crates_out_of_place(&house());
    assert!(strays.is_empty(), "crates named outside their rooms: {strays:#?}");
}

#[test]
fn each_dependency_has_its_reason_and_no_reason_is_stale() {
    let (named, told) =
        (named_crates(include_str!("../../Cargo.toml")), told_crates(include_str!("../../docs/dependencies.md")));
    let missing: Vec<_> = named.difference(&told).collect();
    let stale: Vec<_> = told.difference(&named).collect();
    assert!(named.len() > 40 && missing.is_empty(), "no line in docs/dependencies.md: {missing:?}");
    assert!(stale.is_empty(), "lines of docs/dependencies.md about what Cargo.toml does not name: {stale:?}");
}

#[test]
fn unsafe_stays_in_the_files_that_are_named() {
    let strays = |files: &[File]| unsafe_out_of_place(files).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(strays(&house()), Vec::<String>::new());
    let planted = [
        ("data/x.rs", "fn f() { unsafe { g() } }"),
        ("learning/y.rs", "#![allow(unsafe_code)]"),
        ("learning/team/z.rs", "unsafe fn f() {}"),
        ("data/w.rs", "// Nothing unsafe here.\nfn safe() {}"),
    ];
    let planted = planted.map(|(path, text)| File { path: path.into(), text: text.into() });
    assert_eq!(strays(&planted), ["data/x.rs", "learning/y.rs"]);
}

fn planted(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let files = files.iter().map(|(path, text)| File { path: (*path).into(), text: (*text).into() });
    circles(&graph(&files.collect::<Vec<_>>()))
}

/// The two files of the only circle.
fn pair(found: Vec<Vec<String>>) -> (String, String) {
    assert_eq!(found.len(), 1, "{found:?}");
    let [a, b] = &found[0][..] else { panic!("two files: {found:?}") };
    (a.clone(), b.clone())
}

#[test]
fn a_planted_circle_is_found_whatever_way_it_is_written() {
    let root = ("lib.rs", "pub mod room;");
    let circle = || ("room/a.rs".to_owned(), "room/b.rs".to_owned());
    let ways = [
        ("room/mod.rs", "mod a; mod b;", "use crate::room::b::B;", "use crate::room::a::A;"),
        ("room/mod.rs", "mod a; mod b;", "use super::b::B;", "use super::a::{A, Other as _};"),
        ("room/mod.rs", "mod a; mod b;", "use crate::{room::{b::B}};", "fn f() { crate::room::a::f() }"),
        ("room/mod.rs", "mod a; mod b; pub use b::B;", "use crate::room::B;", "use super::a::*;"),
        (
            "room/mod.rs",
            "mod a; mod b; pub use self::{a::A as First, b::{self as second}};",
            "use super::second::B;",
            "use super::First;",
        ),
        ("room.rs", "mod a; mod b;", "use super::{b, b::B};", "mod inner { use super::super::a::A; }"),
        (
            "room/mod.rs",
            "mod a; mod b;",
            "fn f() { println!(\"{}\", super::b::N) }",
            "macro_rules! m { () => { $crate::room::a::A } }",
        ),
    ];
    for (name, room, a, b) in ways {
        let found = planted(&[root, (name, room), ("room/a.rs", a), ("room/b.rs", b)]);
        assert_eq!(pair(found), circle(), "{room} | {a} | {b}");
    }
    let up =
        planted(&[root, ("room/mod.rs", "mod a; pub struct S; fn f() { a::f() }"), ("room/a.rs", "use super::S;")]);
    assert_eq!(pair(up), ("room/a.rs".to_owned(), "room/mod.rs".to_owned()));
}

#[test]
fn what_is_no_circle_is_not_taken_for_one() {
    let files = [
        ("lib.rs", "pub mod room;"),
        ("room/mod.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
        ("room/a.rs", "use super::B; // use super::a::A in words\nconst S: &str = \"crate::room::a\";"),
        ("room/b.rs", "pub(in crate::room) struct B; #[cfg(test)] mod tests { use super::*; use crate::room::A; }"),
    ];
    assert!(planted(&files).is_empty());
}

#[test]
fn a_planted_import_upwards_is_found() {
    let planted =
        [("lib.rs", "pub mod api; pub mod data;"), ("api.rs", "pub struct A;"), ("data.rs", "use crate::api::A;")];
    let files = planted.map(|(path, text)| File { path: path.into(), text: text.into() });
    assert_eq!(upward_imports(&graph(&files)), ["data.rs imports api.rs"]);
    let stray = [File { path: "data/x.rs".into(), text: "fn f() -> axum::Router { todo() }".into() }];
    assert_eq!(crates_out_of_place(&stray), ["data/x.rs names axum"]);
}
