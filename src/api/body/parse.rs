//! From bytes to checked values, and from what serde finds to an error with code, place and hint.

use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use crate::api::error::{ApiError, ErrorCode};
use crate::strict::Object;
use crate::wording::{beginning, nearest};

/// How alike two words must be (Jaro-Winkler, 0 to 1) for one to be suggested for the other.
const ALIKE: f64 = 0.75;

/// Most characters of a message: some quote what the client sent.
const MAX_MESSAGE: usize = 500;
/// Bodies up to so many bytes may write integers with a fraction of zeros. Longer ones hold rows, which are no integers.
const MAX_REWRITTEN: usize = 64 << 10;
/// What is said of a body that is a list in place of an object with rows.
const A_LIST: &str = "the body is a list, and an object is expected: {\"records\": [{…}]} for a model by data set, \
                      {\"inputs\": [[…]]} for one by layer sizes";

/// Parses a JSON body.
///
/// A body without errors is parsed once and without bookkeeping; only for a wrong one is the way to the error retraced.
///
/// # Errors
/// `malformed_json` with line and column; `unknown_field`, `missing_field`, `invalid_value` with a JSON pointer.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if let Ok(Object(value)) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    if let Some(Object(value)) = without_zero_fractions(bytes).and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        return Ok(value);
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ApiError::new(ErrorCode::MalformedJson, "the body is empty: a JSON object is expected"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let located = serde_path_to_error::deserialize::<_, Object<T>>(&mut deserializer);
    let (path, error) = match located {
        Err(error) => (pointer(error.path()), error.into_inner()),
        // The value itself is right, so something follows it.
        Ok(_) => match deserializer.end() {
            Err(error) => (String::new(), error),
            Ok(()) => return Err(ApiError::new(ErrorCode::Internal, "the body was read in two ways")),
        },
    };
    // A number that no f64 holds is JSON all the same.
    let out_of_range = error.to_string().starts_with("number out of range");
    if error.classify() != Category::Data && !out_of_range {
        return Err(ApiError::new(ErrorCode::MalformedJson, shortened(error.to_string())));
    }
    let message = shortened(without_position(&error.to_string()));
    let found = Finding::of(&message);
    Err(ApiError::at(found.code, found.pointer(&path), found.detail(&path)))
}

/// Parses a JSON body that is an object with rows. Of a list, which most likely is that of the rows, the error says where it
/// belongs.
///
/// # Errors
/// As [`parse_json`].
pub fn parse_rows<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    match bytes.trim_ascii_start().first() {
        Some(b'[') => Err(ApiError::at(ErrorCode::InvalidValue, "", A_LIST)),
        _ => parse_json(bytes),
    }
}

/// A short body whose numbers such as `5.0` are written as `5`: to JSON Schema both are the same integer. Nothing if there are
/// none.
fn without_zero_fractions(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() > MAX_REWRITTEN {
        return None;
    }
    let (mut rewritten, mut at, mut in_text) = (Vec::with_capacity(bytes.len()), 0, false);
    while let Some(byte) = bytes.get(at).copied() {
        let zeros = if !in_text && byte == b'.' { zero_fraction(&bytes[at + 1..]) } else { 0 };
        if zeros > 0 {
            at += 1 + zeros;
            continue;
        }
        let length = if in_text && byte == b'\\' { 2 } else { 1 };
        in_text ^= byte == b'"';
        rewritten.extend_from_slice(&bytes[at..bytes.len().min(at + length)]);
        at += length;
    }
    (rewritten.len() < bytes.len()).then_some(rewritten)
}

/// How many digits the fraction has that `bytes` begin with, if all of them are zeros and no exponent follows; else 0. Asked behind a
/// point alone, so that no zero is looked at twice.
fn zero_fraction(bytes: &[u8]) -> usize {
    let zeros = bytes.iter().take_while(|digit| **digit == b'0').count();
    if matches!(bytes.get(zeros), Some(b'0'..=b'9' | b'e' | b'E')) { 0 } else { zeros }
}

/// Parses a query string.
///
/// # Errors
/// `unknown_field` or `invalid_value` with the parameter's name.
pub fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let path = error.path().to_string();
        let message = shortened(error.into_inner().to_string());
        let found = Finding::of(&message);
        let name = found.field.unwrap_or(&path);
        ApiError::parameter(found.code, name, format!("query parameter {name}: {}", found.text()))
    })
}

/// The values of a parameter that may be given several times, in their order, and the query without it.
pub fn take_repeated(query: &str, name: &str) -> (Vec<String>, String) {
    let (given, others): (Vec<_>, Vec<_>) =
        form_urlencoded::parse(query.as_bytes()).partition(|(parameter, _)| parameter == name);
    let rest = form_urlencoded::Serializer::new(String::new()).extend_pairs(others).finish();
    (given.into_iter().map(|(_, value)| value.into_owned()).collect(), rest)
}

/// What serde's message says.
struct Finding<'a> {
    code: ErrorCode,
    /// The field that is unknown, missing or there twice.
    field: Option<&'a str>,
    message: &'a str,
}

impl<'a> Finding<'a> {
    fn of(message: &'a str) -> Self {
        let quoted = |rest: &'a str| rest.split('`').next();
        if let Some(rest) = message.strip_prefix("unknown field `") {
            Finding { code: ErrorCode::UnknownField, field: quoted(rest), message }
        } else if let Some(rest) = message.strip_prefix("missing field `") {
            Finding { code: ErrorCode::MissingField, field: quoted(rest), message }
        } else {
            let twice = message.strip_prefix("duplicate field `").and_then(quoted);
            Finding { code: ErrorCode::InvalidValue, field: twice, message }
        }
    }

    /// The place of the finding, when the value it was found in is at `path`.
    fn pointer(&self, path: &str) -> String {
        match self.field {
            // serde names the field both in its path and in its message, or only in the message.
            Some(field) if !path.ends_with(&format!("/{}", escape(field))) => format!("{path}/{}", escape(field)),
            _ => path.to_owned(),
        }
    }

    fn detail(&self, path: &str) -> String {
        // The field is named by the message; what leads to it is not.
        let parent = self.field.and_then(|field| path.strip_suffix(&format!("/{}", escape(field)))).unwrap_or(path);
        match parent {
            "" => self.text(),
            path => {
                let path = path.trim_start_matches('/').replace('/', ".");
                format!("{}: {}", beginning(&path), self.text())
            }
        }
    }

    /// The message, with the nearest of the expected words if one is near.
    fn text(&self) -> String {
        let word = self.message.strip_prefix("unknown field `").or(self.message.strip_prefix("unknown variant `"));
        let Some(word) = word.and_then(|rest| rest.split('`').next()) else { return self.message.to_owned() };
        let expected = self.message.split_once("`, expected ").map_or("", |(_, expected)| expected);
        let candidates = expected.split('`').skip(1).step_by(2);
        match nearest(word, candidates, ALIKE) {
            Some(name) => format!("{} (did you mean `{name}`?)", self.message),
            None => self.message.to_owned(),
        }
    }
}

/// At most [`MAX_MESSAGE`] characters of a message.
fn shortened(message: String) -> String {
    match message.char_indices().nth(MAX_MESSAGE) {
        None => message,
        Some((end, _)) => format!("{}…", &message[..end]),
    }
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escape(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    shortened(pointer)
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// serde_json's message without its closing ` at line 1 column 5`: the pointer says where.
fn without_position(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict::given;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        width: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Outer {
        #[serde(default, deserialize_with = "given")]
        epochs: Option<u64>,
        #[serde(default)]
        layers: Vec<Inner>,
    }

    fn problem(body: &str) -> (&'static str, String, String) {
        let problem = parse_json::<Outer>(body.as_bytes()).unwrap_err().problem("id");
        let pointer = problem.errors.first().and_then(|error| error.pointer.clone()).unwrap_or_default();
        (problem.code, pointer, problem.detail)
    }

    #[test]
    fn every_error_has_code_place_and_hint() {
        let (code, pointer, detail) = problem(r#"{"epoch":3}"#);
        assert_eq!((code, pointer.as_str()), ("unknown_field", "/epoch"));
        assert!(detail.contains("did you mean `epochs`?"), "{detail}");
        let (code, pointer, _) = problem(r#"{"layers":[{"width":1},{"widht":2}]}"#);
        assert_eq!((code, pointer.as_str()), ("unknown_field", "/layers/1/widht"));
        let (code, pointer, _) = problem(r#"{"layers":[{}]}"#);
        assert_eq!((code, pointer.as_str()), ("missing_field", "/layers/0/width"));
        for (body, at) in [(r#"{"epochs":"5"}"#, "/epochs"), (r#"{"epochs":null}"#, "/epochs"), ("[1]", "")] {
            let (code, pointer, _) = problem(body);
            assert_eq!((code, pointer.as_str()), ("invalid_value", at), "{body}");
        }
        for body in ["", "{", "{\"epochs\":1}x", "{\"epochs\":1,}", "nonsense"] {
            assert_eq!(problem(body).0, "malformed_json", "{body}");
        }
    }

    #[test]
    fn an_integer_may_have_a_fraction_of_zeros() {
        let read = |body: &str| parse_json::<Outer>(body.as_bytes()).map(|outer| (outer.epochs, outer.layers.len()));
        assert_eq!(read(r#"{"epochs":5.0}"#).ok(), Some((Some(5), 0)));
        assert_eq!(read(r#"{"layers":[{"width":2.000},{"width":3.0 }],"epochs":10.0}"#).ok(), Some((Some(10), 2)));
        for body in [
            r#"{"epochs":5.5}"#,
            r#"{"epochs":5.05}"#,
            r#"{"epochs":5.0e1}"#,
            r#"{"epochs":"5.0"}"#,
            r#"{"epochs":.0}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
        // A key twice stays an error, and texts stay as they are.
        assert!(read(r#"{"epochs":5.0,"epochs":6.0}"#).is_err());
        let rewritten = without_zero_fractions(br#"{"a":"1.0 \" 2.0","b":1.0}"#).expect("a number");
        assert_eq!(rewritten, br#"{"a":"1.0 \" 2.0","b":1}"#);
        assert_eq!(without_zero_fractions(b"{\"a\":1.5}"), None);
    }

    #[test]
    fn zeros_are_looked_at_once() {
        let zeros = "0".repeat(MAX_REWRITTEN - 16);
        for body in [format!("{{\"epochs\":{zeros}}}"), format!("{{\"epochs\":1.{zeros}x}}")] {
            let quickest = (0..3).map(|_| {
                let since = std::time::Instant::now();
                assert!(parse_json::<Outer>(body.as_bytes()).is_err());
                since.elapsed()
            });
            // Looked at behind each byte, they take half a second and more.
            assert!(quickest.min() < Some(std::time::Duration::from_millis(100)), "{}", &body[..16]);
        }
    }

    #[test]
    fn an_unknown_or_wrong_query_parameter_is_named() {
        let problem = parse_query::<Outer>("epoks=3").unwrap_err().problem("id");
        assert_eq!((problem.code, problem.errors[0].parameter.as_deref()), ("unknown_field", Some("epoks")));
        let problem = parse_query::<Outer>("epochs=x").unwrap_err().problem("id");
        assert_eq!((problem.code, problem.errors[0].parameter.as_deref()), ("invalid_value", Some("epochs")));
    }

    #[test]
    fn what_is_there_twice_is_named() {
        let twice = parse_query::<Outer>("epochs=3&epochs=4").unwrap_err().problem("id");
        assert_eq!((twice.code, twice.errors[0].parameter.as_deref()), ("invalid_value", Some("epochs")));
        assert_eq!(twice.detail, "query parameter epochs: duplicate field `epochs`");
        for (body, at, detail) in [
            (r#"{"epochs":3,"epochs":4}"#, "/epochs", "duplicate field `epochs`"),
            (r#"{"layers":[{"width":1,"width":2}]}"#, "/layers/0/width", "layers.0: duplicate field `width`"),
        ] {
            assert_eq!(problem(body), ("invalid_value", at.to_owned(), detail.to_owned()), "{body}");
        }
    }
}
