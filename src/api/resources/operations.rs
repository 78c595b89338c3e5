//! For those who run the service: health, the contract, the list of errors.

use std::fmt::Write;

use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;

use crate::api::error::{ApiError, Check, ErrorCode};
use crate::api::extract::NoQuery;
use crate::api::reply::json as reply;
use crate::app::App;
use crate::serving::readiness::Readiness;

/// The contract, as it stands in the project.
const OPENAPI: &str = include_str!("../../../openapi.yaml");
/// The same as JSON: `build.rs` writes it.
pub const OPENAPI_JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// The style of the page of errors.
const STYLE: &str = "body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}\
                     td,th{text-align:left;padding:.3rem .8rem .3rem 0;vertical-align:top}:target{background:#ffd}";
/// What that page may do: have this style, named by its hash, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'sha256-9+pW9aI31vT9IA13DyV3Wz04OF6k8sbVEvPI1kYBxEE='; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Check>,
}

/// `GET /livez`: the process answers.
pub async fn livez(_: NoQuery) -> Response {
    reply::json(StatusCode::OK, &Health { status: "ok", checks: Vec::new() })
}

/// `GET /readyz`: the service takes work.
pub async fn readyz(State(app): State<App>, _: NoQuery) -> Result<Response, ApiError> {
    let ready = Readiness::of(&app).await;
    let status = |(name, works): (&'static str, bool)| {
        let broken = match name {
            "jobs" => "stopping",
            "hold" => "lost",
            _ => "unavailable",
        };
        Check { name, status: if works { "ok" } else { broken } }
    };
    let checks: Vec<Check> = ready.parts().map(status).into();
    let unavailable = |detail| Err(ApiError::new(ErrorCode::StorageUnavailable, detail).with_checks(checks.clone()));
    match () {
        () if !ready.hold => unavailable("another process has taken the database: this one stops"),
        () if !ready.jobs => Err(ApiError::new(ErrorCode::Stopping, "the service is stopping").with_checks(checks)),
        () if !ready.catalog => {
            unavailable("the catalog does not answer: models that are not in memory cannot be reached")
        }
        () if !ready.blobs => unavailable("the blobs cannot be reached: versions and data sets that are not in memory"),
        () => Ok(reply::json(StatusCode::OK, &Health { status: "ready", checks })),
    }
}

/// `GET /openapi.yaml`
pub async fn openapi(_: NoQuery) -> Response {
    reply::with_type(StatusCode::OK, "application/yaml", OPENAPI)
}

/// `GET /openapi.json`
pub async fn openapi_json(_: NoQuery) -> Response {
    reply::with_type(StatusCode::OK, "application/json", OPENAPI_JSON)
}

/// `GET /docs/errors`: what the `type` of a problem document points at.
pub async fn errors(_: NoQuery) -> Response {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>Errors of epochd</title><style>{STYLE}</style><h1>Errors</h1><p>Every error is an RFC 9457 problem document \
         with one of these codes.<table><tr><th>code<th>status<th>what it means<th>what to do"
    );
    for (code, status, title, remedy) in ErrorCode::ALL.iter().map(|code| code.entry()) {
        write!(page, "<tr id={code}><td><code>{code}</code><td>{status}<td>{title}<td>{remedy}")
            .expect("writing to a string does not fail");
    }
    page.push_str("</table></html>");
    let mut reply = reply::with_type(StatusCode::OK, "text/html; charset=utf-8", page);
    reply.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    reply
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// As RFC 4648 has it.
    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for three in bytes.chunks(3) {
            let bits = three.iter().chain([&0, &0]).take(3).fold(0, |bits, byte| bits << 8 | usize::from(*byte));
            (0..=three.len()).for_each(|digit| text.push(char::from(DIGITS[bits >> (18 - 6 * digit) & 63])));
            (three.len()..3).for_each(|_| text.push('='));
        }
        text
    }

    #[test]
    fn the_policy_of_the_page_of_errors_names_its_style() {
        assert_eq!(
            (base64(b"foob"), base64(b"fooba"), base64(b"foobar")),
            ("Zm9vYg==".into(), "Zm9vYmE=".into(), "Zm9vYmFy".into())
        );
        let hash = base64(&Sha256::digest(STYLE));
        assert!(POLICY.contains(&format!("style-src 'sha256-{hash}'")), "{hash}");
    }
}
