//! Which file names what of which other: read from the tokens of the sources, so that `use` trees, paths inside code and
//! paths inside macros all count.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A source file.
pub struct File {
    /// From the folder of sources: `api/mod.rs`.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

/// For each file the files that it names something of.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// A path as it is written, resolved to begin at the crate's root: `["models", "error", "ModelError"]`.
type Names = Vec<String>;

/// What a file names.
#[derive(Default)]
pub struct Named {
    /// Paths that begin in this crate.
    pub inside: Vec<Names>,
    /// First names of other paths: crates, or what is in scope.
    pub outside: BTreeSet<String>,
    /// Names that the file hands on with `use`, and what they stand for.
    handed_on: BTreeMap<String, Names>,
}

/// Who names whom among `files`.
pub fn graph(files: &[File]) -> Graph {
    let by_module: BTreeMap<Names, &File> = files.iter().map(|file| (module(&file.path), file)).collect();
    let named: BTreeMap<&str, Named> = files.iter().map(|file| (file.path.as_str(), named(file))).collect();
    let target = |names: &Names| {
        let mut names = names.clone();
        // A name that is handed on is followed to where it is defined; a chain of them has an end.
        for _ in 0..16 {
            let depth = (0..=names.len()).rev().find(|depth| by_module.contains_key(&names[..*depth]))?;
            let file = by_module[&names[..depth]];
            let next = names.get(depth).and_then(|item| named[file.path.as_str()].handed_on.get(item));
            match next {
                None => return Some(file.path.clone()),
                Some(next) => names = [next.as_slice(), &names[depth + 1..]].concat(),
            }
        }
        None
    };
    let targets = |file: &File| {
        let found = named[file.path.as_str()].inside.iter().filter_map(target);
        found.filter(|found| *found != file.path).collect()
    };
    let structure = files.iter().filter(|file| !is_test(&file.path));
    structure.map(|file| (file.path.clone(), targets(file))).collect()
}

/// Whether a file holds tests of its room and nothing else.
fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs")
}

/// The module that a file is: `api/mod.rs` and `api.rs` are `["api"]`.
fn module(path: &str) -> Names {
    let mut names: Names = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if names.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        names.pop();
    }
    names
}

/// What a file names, but for what stands in its tests.
pub fn named(file: &File) -> Named {
    let tokens: TokenStream = file.text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.path));
    let mut named = Named::default();
    let reading = Reading { children: children(&tokens), module: module(&file.path) };
    reading.read(tokens, &mut named);
    named
}

/// The modules that a file declares, whose names may begin a path in it.
fn children(tokens: &TokenStream) -> BTreeSet<String> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let declared = tokens.windows(3).filter_map(|window| match window {
        [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Punct(end)]
            if word == "mod" && end.as_char() == ';' =>
        {
            Some(name.to_string())
        }
        _ => None,
    });
    declared.collect()
}

/// A module whose tokens are read.
struct Reading {
    children: BTreeSet<String>,
    module: Names,
}

impl Reading {
    fn read(&self, tokens: TokenStream, named: &mut Named) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at..] {
                [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), ..] if word == "mod" => {
                    if name != "tests" {
                        let module = [&self.module[..], &[name.to_string()]].concat();
                        let inner = Reading { children: children(&body.stream()), module };
                        inner.read(body.stream(), named);
                    }
                    at + 3
                }
                // Who may see a thing, as in `pub(in crate::jobs)`, is no import.
                [TokenTree::Ident(word), TokenTree::Group(_), ..] if word == "pub" => at + 2,
                [TokenTree::Ident(word), ..] if word == "use" => {
                    let mut paths = Vec::new();
                    let end = tree(&tokens, at + 1, Vec::new(), &mut paths);
                    paths.into_iter().for_each(|(path, alias)| self.take(path, Some(alias), named));
                    end
                }
                [TokenTree::Ident(_), TokenTree::Punct(colon), ..] if colon.as_char() == ':' => {
                    let mut path = Vec::new();
                    let end = straight(&tokens, at, &mut path);
                    if path.len() > 1 {
                        self.take(path, None, named);
                    }
                    end
                }
                [TokenTree::Group(group), ..] => {
                    self.read(group.stream(), named);
                    at + 1
                }
                _ => at + 1,
            };
        }
    }

    /// Takes in a path, under the name that a `use` gives it.
    fn take(&self, path: Names, alias: Option<String>, named: &mut Named) {
        let Some(path) = self.whole(&path) else {
            named.outside.extend(path.into_iter().next());
            return;
        };
        if let Some(alias) = alias {
            named.handed_on.insert(alias, path.clone());
        }
        named.inside.push(path);
    }

    /// The path from the crate's root, if it begins in this crate.
    fn whole(&self, path: &[String]) -> Option<Names> {
        let supers = path.iter().take_while(|name| *name == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (&self.module[..0], &path[1..]),
            "self" => (&self.module[..], &path[1..]),
            "super" => (&self.module[..self.module.len().checked_sub(supers)?], &path[supers..]),
            child if self.children.contains(child) => (&self.module[..], path),
            _ => return None,
        };
        Some([base, rest].concat())
    }
}

/// Reads names joined by `::` from `at`; returns where they end.
fn straight(tokens: &[TokenTree], mut at: usize, path: &mut Names) -> usize {
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        path.push(name.to_string());
        at += 1;
        match tokens.get(at..at + 2) {
            Some([TokenTree::Punct(a), TokenTree::Punct(b)]) if a.as_char() == ':' && b.as_char() == ':' => at += 2,
            _ => return at,
        }
    }
    at
}

/// Reads one tree of a `use` from `at`, after `before`; returns where it ends. Each leaf gets the name it is used by.
fn tree(tokens: &[TokenTree], at: usize, before: Names, paths: &mut Vec<(Names, String)>) -> usize {
    let mut path = before;
    let end = straight(tokens, at, &mut path);
    match tokens.get(end) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            let mut next = 0;
            while next < inner.len() {
                // Behind the comma.
                next = tree(&inner, next, path.clone(), paths) + 1;
            }
            end + 1
        }
        Some(TokenTree::Ident(word)) if word == "as" => {
            let alias = tokens.get(end + 1).map(ToString::to_string).unwrap_or_default();
            paths.push((without_self(path), alias));
            end + 2
        }
        star => {
            let end = if matches!(star, Some(TokenTree::Punct(star)) if star.as_char() == '*') { end + 1 } else { end };
            let path = without_self(path);
            let alias = path.last().cloned().unwrap_or_default();
            paths.push((path, alias));
            end
        }
    }
}

/// `a::self` in a group is `a`.
fn without_self(mut path: Names) -> Names {
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    path
}
