//! The forms in which rows come in and answers go out.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

use super::upload::media_type;

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

    /// The form of the reply: the first of those `offered` that `Accept` names, or that of the body where it names none.
    pub fn of_reply(headers: &HeaderMap, offered: &[Media], body: Media) -> Media {
        let Some(accept) = headers.get(ACCEPT).and_then(|value| value.to_str().ok()) else { return body };
        let accept = accept.to_ascii_lowercase();
        let named = offered.iter().filter_map(|media| Some((accept.find(media.name())?, *media)));
        named.min_by_key(|(place, _)| *place).map_or(body, |(_, media)| media)
    }
}
