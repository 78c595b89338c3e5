//! What headers say of bodies: the forms in which rows come in and answers go out, and whether they are packed (compressed).

use std::borrow::Cow;

use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};

use crate::api::error::{ApiError, ErrorCode};
use crate::wording::Shown;

/// A form of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// An object with lists of numbers or records.
    Json,
    /// A header and a line for each row.
    Csv,
    /// Numbers without anything between them: f32, little-endian, row after row.
    Octets,
    /// Batches of typed columns, as a stream.
    Arrow,
}

impl Media {
    /// As it is named in headers.
    pub fn name(self) -> &'static str {
        match self {
            Media::Json => "application/json",
            Media::Csv => "text/csv",
            Media::Octets => "application/octet-stream",
            Media::Arrow => "application/vnd.apache.arrow.stream",
        }
    }

    /// The form of a body; one that is not `offered`, or none at all, counts as JSON, whose reader says what is wrong.
    pub fn of_body(headers: &HeaderMap, offered: &[Media]) -> Media {
        let given = media_type(headers);
        offered.iter().copied().find(|media| given.eq_ignore_ascii_case(media.name())).unwrap_or(Media::Json)
    }

    /// The form of the reply: that of those `offered` which `Accept` wants most, or that of the body where it names none.
    pub fn of_reply(headers: &HeaderMap, offered: &[Media], body: Media) -> Media {
        let mut best = (body, 0.0);
        for (name, weight) in preferences(headers, ACCEPT) {
            let named = offered.iter().find(|media| name.eq_ignore_ascii_case(media.name()));
            if let Some(media) = named.filter(|_| weight > best.1) {
                best = (*media, weight);
            }
        }
        best.0
    }
}

/// Whether a body is a form with files.
pub fn is_form(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case("multipart/form-data")
}

/// Whether the client takes what is packed with gzip, as its `Accept-Encoding` says.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    names(headers, ACCEPT_ENCODING, &["gzip", "x-gzip"])
}

/// Whether the client is a browser that wants a page, as its `Accept` says.
pub fn takes_html(headers: &HeaderMap) -> bool {
    names(headers, ACCEPT, &["text/html"])
}

/// Whether a header such as `text/csv;q=0.5, */*` names one of these in any writing, and not as what is not wanted.
fn names(headers: &HeaderMap, header: HeaderName, wanted: &[&str]) -> bool {
    preferences(headers, header)
        .any(|(name, weight)| weight > 0.0 && wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)))
}

/// What a header such as `text/csv;q=0.5, */*` names, in its order, each with its weight.
fn preferences(headers: &HeaderMap, header: HeaderName) -> impl Iterator<Item = (&str, f32)> {
    let values = headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|preference| {
        let mut parts = preference.split(';').map(str::trim);
        let name = parts.next().unwrap_or("");
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        (name, weight.and_then(|weight| weight.parse().ok()).unwrap_or(1.0))
    })
}

/// The type of a body without its parameters.
pub fn media_type(headers: &HeaderMap) -> &str {
    let given = content_type(headers);
    let end = given.bytes().position(|byte| byte == b';').unwrap_or(given.len());
    given[..end].trim_ascii()
}

/// The error of a body of a type that is not taken: what is taken say the detail's `advice` and the `remedy`.
pub fn not_taken(headers: &HeaderMap, advice: &str, remedy: impl Into<Cow<'static, str>>) -> ApiError {
    let got = match content_type(headers) {
        "" => "there is no Content-Type".to_owned(),
        given => format!("got {}", Shown(given)),
    };
    ApiError::new(ErrorCode::UnsupportedMediaType, format!("{got}: {advice}")).with_remedy(remedy)
}

/// The type of a body with its parameters.
pub fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// A parameter of a content type, such as `charset` of `text/csv; charset="utf-8"`.
pub fn parameter<'a>(content_type: &'a str, name: &str) -> Option<&'a str> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let found = parameters.find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().trim_matches('"'))
}

/// Whether a body is packed with gzip.
///
/// # Errors
/// `unsupported_media_type` for any other encoding.
pub fn is_packed(headers: &HeaderMap) -> Result<bool, ApiError> {
    if !headers.contains_key(CONTENT_ENCODING) {
        return Ok(false);
    }
    let encodings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .map(|encoding| String::from_utf8_lossy(encoding.as_bytes()).to_ascii_lowercase())
        .collect();
    match encodings.join(", ").as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        other => {
            let detail = format!("Content-Encoding {} is not taken: gzip or none", Shown(other));
            Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(accept: &[&'static str], body: Media) -> Media {
        let lines = accept.iter().map(|line| (ACCEPT, axum::http::HeaderValue::from_static(line)));
        let mut headers = HeaderMap::new();
        lines.for_each(|(name, line)| _ = headers.append(name, line));
        Media::of_reply(&headers, &[Media::Json, Media::Csv, Media::Arrow], body)
    }

    #[test]
    fn parameters_are_found_in_any_writing() {
        let of = |content_type: &'static str| [parameter(content_type, "charset"), parameter(content_type, "header")];
        assert_eq!(of("text/csv; Charset=\"ISO-8859-1\" ;header=absent"), [Some("ISO-8859-1"), Some("absent")]);
        assert_eq!([of("text/csv"), of("text/csv;charset"), of("charset=utf-8")], [[None; 2]; 3]);
    }

    #[test]
    fn gzip_is_taken_in_any_writing_unless_it_is_not_wanted() {
        let takes = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            let values = lines.iter().map(|line| axum::http::HeaderValue::from_static(line));
            values.for_each(|value| _ = headers.append(ACCEPT_ENCODING, value));
            takes_gzip(&headers)
        };
        for lines in [&["gzip"][..], &["GZIP"], &["br, Gzip;Q=0.1"], &["br", "x-gzip ; q=1"], &["gzip;q=0, X-GZIP"]] {
            assert!(takes(lines), "{lines:?}");
        }
        for lines in [&[][..], &["br"], &["gzip;q=0"], &["GZIP; Q=0.000"], &["notgzip"], &["br;x=gzip"]] {
            assert!(!takes(lines), "{lines:?}");
        }
    }

    #[test]
    fn accept_is_read_with_its_weights() {
        assert_eq!(reply(&[], Media::Csv), Media::Csv);
        assert_eq!(reply(&["*/*"], Media::Csv), Media::Csv);
        assert_eq!(reply(&["text/csv, application/json"], Media::Json), Media::Csv);
        assert_eq!(reply(&["text/csv;q=0.1, application/json"], Media::Csv), Media::Json);
        assert_eq!(reply(&["text/csv;q=0, application/json; charset=utf-8"], Media::Csv), Media::Json);
        assert_eq!(reply(&["text/html", "Application/Vnd.Apache.Arrow.Stream"], Media::Json), Media::Arrow);
        assert_eq!(reply(&["application/json-seq"], Media::Csv), Media::Csv);
    }
}
