//! The rules themselves: which room may import which, and what a circle is.

use std::collections::BTreeMap;

use super::imports::{File, Graph, named};

/// The floors, from the ground up. A room imports from rooms of lower floors and from itself.
const FLOORS: [&[&str]; 11] = [
    &["allocator", "memory", "wording"],
    &["findings", "identifier", "name", "processors", "strict", "waiting", "workplaces"],
    &["learning", "data", "storage"],
    &["config", "client", "dashboard", "plots"],
    &["telemetry"],
    &["models", "datasets", "keys"],
    &["jobs", "monitoring"],
    &["app", "backup", "check"],
    &["serving", "webhooks"],
    &["api"],
    &["cli", "fuzzing"],
];

/// Crates that only the rooms beside them name.
const CRATES: [(&str, &[&str]); 17] = [
    ("axum", &["api"]),
    ("hyper", &["api"]),
    ("hyper_util", &["api"]),
    ("tower", &["api"]),
    ("tower_http", &["api"]),
    ("tokio_rustls", &["api"]),
    ("sqlx", &["storage"]),
    ("object_store", &["storage"]),
    (
        "tokio",
        &[
            "processors",
            "workplaces",
            "storage",
            "telemetry",
            "models",
            "datasets",
            "keys",
            "jobs",
            "monitoring",
            "app",
            "backup",
            "check",
            "serving",
            "webhooks",
            "api",
            "client",
            "main",
        ],
    ),
    ("clap", &["cli", "client", "config"]),
    ("clap_complete", &["cli", "client"]),
    ("indicatif", &["client"]),
    ("plotters", &["plots"]),
    ("pulldown_cmark", &["dashboard"]),
    ("rust_embed", &["dashboard"]),
    ("reqwest", &["client", "config", "storage", "telemetry", "webhooks"]),
    ("hmac", &["monitoring", "webhooks"]),
];

/// The room that a file belongs to.
fn room(path: &str) -> &str {
    path.split(['/', '.']).next().expect("a path has a first part")
}

/// The floor of a file; the files at the very top, `lib.rs` and `main.rs`, see all.
fn floor(path: &str) -> usize {
    let room = room(path);
    match FLOORS.iter().position(|floor| floor.contains(&room)) {
        Some(floor) => floor,
        None if matches!(room, "lib" | "main") => FLOORS.len(),
        None => panic!("{path} is in a room that has no floor: give it one in tests/tidy/rules.rs"),
    }
}

/// Imports from a room to one that is not below it.
pub fn upward_imports(graph: &Graph) -> Vec<String> {
    let arrows = graph.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to)));
    let wrong = arrows.filter(|(from, to)| room(from) != room(to) && floor(from) <= floor(to));
    wrong.map(|(from, to)| format!("{from} imports {to}")).collect()
}

/// Crates named outside the rooms that they belong to.
pub fn crates_out_of_place(files: &[File]) -> Vec<String> {
    let mut strays = Vec::new();
    for file in files {
        let outside = named(file).outside;
        let wrong = CRATES.iter().filter(|(name, rooms)| outside.contains(*name) && !rooms.contains(&room(&file.path)));
        strays.extend(wrong.map(|(name, _)| format!("{} names {name}", file.path)));
    }
    strays
}

/// The circles of files: each set of files of which every one reaches every other.
pub fn circles(graph: &Graph) -> Vec<Vec<String>> {
    let reached: BTreeMap<&str, Vec<&str>> = graph.keys().map(|from| (from.as_str(), reach(graph, from))).collect();
    let mut circles: Vec<Vec<String>> = Vec::new();
    for from in graph.keys() {
        let back = |to: &&str| reached.get(*to).is_some_and(|there| there.contains(&from.as_str()));
        let mut circle: Vec<String> =
            reached[from.as_str()].iter().filter(|to| back(to)).map(|to| (*to).into()).collect();
        circle.sort();
        if !circle.is_empty() && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

/// The files that are reached from `start` over one import or more.
fn reach<'a>(graph: &'a Graph, start: &str) -> Vec<&'a str> {
    let (mut reached, mut ahead): (Vec<&str>, Vec<&str>) = (Vec::new(), vec![]);
    ahead.extend(graph[start].iter().map(String::as_str));
    while let Some(next) = ahead.pop() {
        if !reached.contains(&next) {
            reached.push(next);
            ahead.extend(graph.get(next).into_iter().flatten().map(String::as_str));
        }
    }
    reached
}
