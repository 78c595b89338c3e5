//! Data files on their way to the service.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use indicatif::ProgressBar;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method, RequestBuilder};
use serde_json::Value;
use tokio::sync::mpsc;

use super::error::{ClientError, Unreadable};
use super::screen::Screen;
use super::service::Service;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;
/// Such pieces that wait to be sent, at most.
const PIECES: usize = 2;
/// Bytes that show whether JSON is a list.
const HEAD: u64 = 1024;
/// What the file is called that has no path.
const STDIN: &str = "standard input";
/// Characters of a name that is made of a file's, at most: the service takes as many.
const MOST_NAME: usize = 63;
/// Endings of names, and the content types they stand for.
const TYPES: [(&str, &str); 12] = [
    ("csv", "text/csv"),
    ("tsv", "text/tab-separated-values"),
    ("txt", "text/csv"),
    ("json", "application/json"),
    ("ndjson", "application/x-ndjson"),
    ("jsonl", "application/x-ndjson"),
    ("parquet", "application/vnd.apache.parquet"),
    ("arrow", "application/vnd.apache.arrow.file"),
    ("feather", "application/vnd.apache.arrow.file"),
    ("ipc", "application/vnd.apache.arrow.file"),
    ("arrows", "application/vnd.apache.arrow.stream"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
];

/// Where bytes are read from.
type Bytewise = Box<dyn Read + Send>;

/// A data file, or standard input.
#[derive(Debug)]
pub struct DataFile {
    path: Option<PathBuf>,
    /// What the file is.
    pub content_type: String,
    is_packed: bool,
}

impl DataFile {
    /// The file at a path, which `-` or nothing is standard input.
    ///
    /// # Errors
    /// Its ending does not say what it is, and nor does `content_type`.
    pub fn of(path: Option<&Path>, content_type: Option<&str>) -> Result<Self, ClientError> {
        let path = path.filter(|path| *path != Path::new("-"));
        let (ending, is_packed) = path.map(ending_of).unwrap_or_default();
        let found = content_type.or_else(|| path.map_or(Some("text/csv"), |_| type_of(&ending)));
        let unknown = || {
            let endings: Vec<&str> = TYPES.iter().map(|(ending, _)| *ending).collect();
            let name = path.unwrap_or(Path::new("-")).display();
            format!("{name}: the ending does not say what it is ({}): add --content-type", endings.join(", "))
        };
        let content_type = found.ok_or_else(|| ClientError::Usage(unknown()))?.to_owned();
        Ok(DataFile { path: path.map(Path::to_owned), content_type, is_packed })
    }

    /// The name that the file gives to what is made of it; none for standard input.
    pub fn name(&self) -> Option<String> {
        let name = self.path.as_ref()?.file_name()?.to_str()?;
        let name = name.split('.').find(|part| !part.is_empty())?.to_lowercase();
        let allowed = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
        let name: String = name.chars().map(allowed).take(MOST_NAME).collect();
        let name = name.trim_matches(['-', '_']);
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// Why [`DataFile::name`] gives none.
    pub fn why_no_name(&self) -> String {
        match &self.path {
            None => format!("{STDIN} has no name"),
            Some(path) => format!("{} has no letter or digit from which to make a name", path.display()),
        }
    }

    /// What the service replies to the file, posted to a path with these parameters.
    ///
    /// # Errors
    /// The file cannot be opened; the service refuses it.
    pub async fn post(
        &self,
        service: &Service,
        screen: &Screen,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Value, ClientError> {
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (request, bar) = self.send(service.request(Method::POST, path, &query), screen)?;
        let reply = service.json(request).await;
        bar.finish_and_clear();
        reply
    }

    /// The request with the file as its body, which is read as it is sent; a bar shows how far it is.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn send(&self, request: RequestBuilder, screen: &Screen) -> Result<(RequestBuilder, ProgressBar), ClientError> {
        self.send_bytes(request, screen, self.open()?)
    }

    /// The same of rows to predict for: a list in JSON becomes the object around it that the service takes, so that a file that was
    /// trained on can be predicted for.
    ///
    /// # Errors
    /// The file cannot be opened or read.
    pub fn send_rows(
        &self,
        request: RequestBuilder,
        screen: &Screen,
    ) -> Result<(RequestBuilder, ProgressBar), ClientError> {
        let (reader, length) = self.open()?;
        let is_json = self.content_type.split(';').next() == Some("application/json") && !self.is_packed;
        if !is_json {
            return self.send_bytes(request, screen, (reader, length));
        }
        self.send_bytes(request, screen, as_object(reader, length).map_err(ClientError::io(self.shown()))?)
    }

    fn send_bytes(
        &self,
        request: RequestBuilder,
        screen: &Screen,
        (reader, length): (Bytewise, Option<u64>),
    ) -> Result<(RequestBuilder, ProgressBar), ClientError> {
        let name = self.path.as_ref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        let bar = screen.bytes_bar(name.as_deref().unwrap_or(STDIN), length);
        let request = request.header(CONTENT_TYPE, &self.content_type).body(body(reader, self.shown(), bar.clone()));
        let request = if self.is_packed { request.header(CONTENT_ENCODING, "gzip") } else { request };
        let request = match length {
            Some(length) => request.header(CONTENT_LENGTH, length),
            None => request,
        };
        Ok((request, bar))
    }

    /// What it is called in errors.
    fn shown(&self) -> String {
        self.path.as_ref().map_or(STDIN.to_owned(), |path| path.display().to_string())
    }

    /// Its bytes, and how many they are where that is known.
    fn open(&self) -> Result<(Bytewise, Option<u64>), ClientError> {
        let Some(path) = &self.path else { return Ok((Box::new(io::stdin()), None)) };
        let opened = File::open(path).and_then(|file| file.metadata().map(|about| (file, about)));
        let (file, about) = opened.map_err(ClientError::io(path.display()))?;
        if about.is_dir() {
            return Err(ClientError::io(path.display())(io::ErrorKind::IsADirectory.into()));
        }
        // Files that the system makes while they are read say 0 as well.
        let length = Some(about.len()).filter(|length| about.is_file() && *length > 0);
        Ok((Box::new(file), length))
    }
}

/// Bytes of JSON, and how many they are where that is known, with an object around them if they are a list: of `records`, or of `inputs`
/// where it begins with no record.
fn as_object(mut reader: Bytewise, length: Option<u64>) -> io::Result<(Bytewise, Option<u64>)> {
    let mut head = Vec::new();
    reader.by_ref().take(HEAD).read_to_end(&mut head)?;
    let mut shown = head.iter().filter(|byte| !byte.is_ascii_whitespace());
    let before: &[u8] = match (shown.next(), shown.next()) {
        (Some(b'['), Some(b'{' | b']')) => b"{\"records\":",
        (Some(b'['), _) => b"{\"inputs\":",
        _ => return Ok((Box::new(Cursor::new(head).chain(reader)), length)),
    };
    let around = before.len() as u64 + 1;
    let whole = Cursor::new(before).chain(Cursor::new(head)).chain(reader).chain(Cursor::new(b"}"));
    Ok((Box::new(whole), length.map(|length| length + around)))
}

/// The bytes of a reader. A thread of its own reads them: it may wait for good, for bytes of standard input, and the service may have
/// answered before all are sent.
fn body(mut reader: Bytewise, what: String, bar: ProgressBar) -> Body {
    let (pieces, mut read) = mpsc::channel(PIECES);
    std::thread::spawn(move || {
        while let Some(piece) = piece(&mut reader) {
            let is_last = piece.is_err();
            bar.inc(piece.as_ref().map_or(0, Bytes::len) as u64);
            if pieces.blocking_send(piece).is_err() || is_last {
                break;
            }
        }
    });
    let read = stream::poll_fn(move |context| read.poll_recv(context));
    Body::wrap_stream(read.map_err(move |error| Unreadable { what: what.clone(), error }))
}

/// The next bytes of a reader; none at its end.
fn piece(reader: &mut impl Read) -> Option<io::Result<Bytes>> {
    let mut piece = vec![0; PIECE];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return None,
            Ok(read) => {
                piece.truncate(read);
                return Some(Ok(Bytes::from(piece)));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

/// The ending of a name in small letters, `.gz` apart, and whether there was one of that.
fn ending_of(path: &Path) -> (String, bool) {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let (stem, is_packed) = name.strip_suffix(".gz").map_or((name.as_str(), false), |stem| (stem, true));
    (stem.rsplit_once('.').map_or("", |(_, ending)| ending).to_owned(), is_packed)
}

/// The content type that an ending stands for.
fn type_of(ending: &str) -> Option<&'static str> {
    TYPES.iter().find(|(known, _)| *known == ending).map(|(_, content_type)| *content_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_becomes_an_object_around_it() {
        let of = |text: &'static str| {
            let (mut reader, length) =
                as_object(Box::new(text.as_bytes()), Some(text.len() as u64)).expect("it is read");
            let mut read = String::new();
            reader.read_to_string(&mut read).expect("text");
            assert_eq!(length, Some(read.len() as u64));
            read
        };
        assert_eq!(of(" [ {\"a\": 1}]"), "{\"records\": [ {\"a\": 1}]}");
        assert_eq!(of("[[0, 1]]"), "{\"inputs\":[[0, 1]]}");
        assert_eq!(of("{\"records\": []}"), "{\"records\": []}");
        assert_eq!((of(""), of("[]")), (String::new(), "{\"records\":[]}".to_owned()));
    }

    #[test]
    fn the_ending_says_what_a_file_is() {
        let of = |path: &str| {
            let file = DataFile::of(Some(Path::new(path)), None).ok()?;
            Some((file.content_type.clone(), file.is_packed, file.name()))
        };
        let told = |kind: &str, packed, name: &str| Some((kind.to_owned(), packed, Some(name.to_owned())));
        assert_eq!(of("a/b.CSV"), told("text/csv", false, "b"));
        assert_eq!(of("_Größe (1).tsv"), told("text/tab-separated-values", false, "gr--e--1"));
        assert_eq!(of("2024 sales.jsonl.gz"), told("application/x-ndjson", true, "2024-sales"));
        assert_eq!(of("-"), Some(("text/csv".into(), false, None)));
        let nameless = DataFile::of(Some(Path::new("数据.csv")), None).expect("a type");
        assert!(nameless.name().is_none() && nameless.why_no_name().starts_with("数据.csv has no letter"));
        assert_eq!((of("rows.pdf"), of("rows")), (None, None));
        let named = DataFile::of(Some(Path::new("rows")), Some("text/csv")).expect("a type");
        assert_eq!(named.content_type, "text/csv");
    }
}
