//! For people: the page at `/` with its files, and the reference.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::operations::OPENAPI_JSON;
use crate::api::body::media::{takes_gzip, takes_html};
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{NoQuery, Words};
use crate::api::reply::json as reply;
use crate::dashboard::reference::{self, ErrorEntry};
use crate::dashboard::{self, File, INDEX, POLICY};

/// The reference, written when it is first asked for.
static REFERENCE: LazyLock<String> = LazyLock::new(|| {
    let contract = serde_json::from_str(OPENAPI_JSON).expect("the contract is JSON");
    reference::page(&contract, &errors())
});
/// The errors alone.
static ERRORS: LazyLock<String> = LazyLock::new(|| reference::errors_page(&errors()));

fn errors() -> Vec<ErrorEntry> {
    let entries = ErrorCode::ALL.iter().map(|code| code.entry());
    entries.map(|(code, status, title, remedy)| ErrorEntry { code, status, title, remedy }).collect()
}

/// What answers at `/`, for programs.
#[derive(Serialize)]
struct Alive {
    status: &'static str,
    name: &'static str,
    version: &'static str,
    docs: &'static str,
}

/// `GET /`: the page, for browsers; who answers, for others.
pub async fn root(headers: HeaderMap, _: NoQuery) -> Response {
    let mut response = match dashboard::file(INDEX) {
        Some(index) if takes_html(&headers) => of_page(index, &headers),
        _ => {
            let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
            reply::json(StatusCode::OK, &Alive { status: "alive", name, version, docs: "/docs" })
        }
    };
    response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
    response
}

/// `GET /page/{name}`
pub async fn file(Words(file): Words<String>, headers: HeaderMap, _: NoQuery) -> Result<Response, ApiError> {
    found(&file, &headers)
}

/// `GET /page/{folder}/{name}`
pub async fn file_in(
    Words((folder, file)): Words<(String, String)>,
    headers: HeaderMap,
    _: NoQuery,
) -> Result<Response, ApiError> {
    found(&format!("{folder}/{file}"), &headers)
}

fn found(path: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let file = dashboard::file(path);
    let missing = || ApiError::new(ErrorCode::RouteNotFound, "the page has no such file");
    file.map(|file| of_page(file, headers)).ok_or_else(missing)
}

/// A file of the page, packed if the browser takes it so, or that the browser has it already.
fn of_page(file: File, headers: &HeaderMap) -> Response {
    let packed = file.packed.filter(|_| takes_gzip(headers));
    let is_packed = packed.is_some();
    let tag = format!("\"{}{}\"", file.tag, if is_packed { "-gzip" } else { "" });
    let has_it = has_already(headers, &tag);
    let mut response = Response::new(if has_it { Body::empty() } else { Body::from(packed.unwrap_or(file.bytes)) });
    let headers = response.headers_mut();
    if !has_it {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
        if is_packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits"));
    // Each load asks whether it is still the same: another release may run by then.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if has_it {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response
}

/// Whether the client has what is tagged so, as its `If-None-Match` says (RFC 9110 section 13.1.2): `*`, or a list that has the tag,
/// whether or not as a weak one.
fn has_already(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    // The tags of the page have no comma in them.
    let mut named = lists.flat_map(|list| list.split(',')).map(str::trim);
    named.any(|named| named == "*" || named.strip_prefix("W/").unwrap_or(named) == tag)
}

/// `GET /docs`: the contract as a page.
pub async fn docs(_: NoQuery) -> Response {
    html(&REFERENCE)
}

/// `GET /docs/errors`: what the `type` of a problem document points at.
pub async fn error_guide(_: NoQuery) -> Response {
    html(&ERRORS)
}

fn html(page: &'static str) -> Response {
    let mut response = reply::with_type(StatusCode::OK, "text/html; charset=utf-8", page);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_in_any_list() {
        let has = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            let values = lines.iter().map(|line| HeaderValue::from_static(line));
            values.for_each(|value| _ = headers.append(IF_NONE_MATCH, value));
            has_already(&headers, "\"ab\"")
        };
        for lines in [&["\"ab\""][..], &["*"], &["\"x\", W/\"ab\""], &["\"x\"", "\"ab\""]] {
            assert!(has(lines), "{lines:?}");
        }
        for lines in [&[][..], &["\"x\""], &["\"abc\""], &["ab"], &["\"ab-gzip\""]] {
            assert!(!has(lines), "{lines:?}");
        }
    }
}
