//! What people look at: the page at `/`, which talks only to the public API, and the reference at `/docs`. The files of the page
//! are built into the binary.

pub mod reference;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::Embed;

/// What the pages may do: load their own files, ask their own service, and nothing else.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The first file of the page.
pub const INDEX: &str = "index.html";

#[derive(Embed)]
#[folder = "src/dashboard/page"]
struct Files;

/// The files as gzip has them at its best, each packed when it is first asked for: a reply that is packed as it goes out is half as
/// long again.
static PACKED: LazyLock<BTreeMap<Cow<'static, str>, OnceLock<Bytes>>> =
    LazyLock::new(|| paths().map(|path| (path, OnceLock::new())).collect());

/// A file of the page.
#[derive(Debug)]
pub struct File {
    /// Its content type.
    pub content_type: &'static str,
    /// What is in it.
    pub bytes: Bytes,
    /// The same as gzip has it.
    pub packed: Option<Bytes>,
    /// Changes with what is in it.
    pub tag: String,
}

/// The file at a path below the page's folder, if it is one that a browser is to load.
pub fn file(path: &str) -> Option<File> {
    let content_type = content_type(path)?;
    let file = Files::get(path)?;
    let hash = file.metadata.sha256_hash();
    let tag = hex::encode(&hash[..8]);
    let bytes = match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let packed = PACKED.get(path).map(|packed| packed.get_or_init(|| gzip(&bytes)).clone());
    Some(File { content_type, bytes, packed, tag })
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let done = packed.write_all(bytes).and_then(|()| packed.finish());
    done.expect("memory can be written").into()
}

/// The paths of all files of the page.
pub fn paths() -> impl Iterator<Item = Cow<'static, str>> {
    Files::iter().filter(|path| content_type(path).is_some())
}

fn content_type(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "csv" => "text/csv; charset=utf-8",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_another_names_is_there() {
        let index = file(INDEX).expect("the page");
        let text = String::from_utf8(index.bytes.to_vec()).expect("text");
        let named: Vec<&str> = text.split('"').filter_map(|word| word.strip_prefix("/page/")).collect();
        assert!(named.len() >= 2, "{named:?}");
        for path in named {
            assert!(file(path).is_some(), "{path}");
        }
        assert!(file("app.js").is_some_and(|file| file.tag.len() == 16));
        assert!(file("../mod.rs").is_none() && file("none.js").is_none());
        // Routes have room for a folder and a name.
        assert!(paths().all(|path| path.matches('/').count() <= 1));
    }
}
