//! `Idempotency-Key`: a request that is repeated with its key gets its first reply again, and does nothing.
//!
//! The receipt of a request is written in the same change as what the request made, so there is never one without the
//! other, whatever happens in between.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::{ApiError, ErrorCode};
use super::reply::json as reply;
use crate::app::App;
use crate::keys::Sight;
use crate::serving::memory::LARGE;
use crate::serving::threads::blocking;
use crate::storage::RECEIPT_AGE;
use crate::storage::catalog::ReceiptRow;

const HEADER: &str = "idempotency-key";
/// Longest key.
const MAX_KEY: usize = 255;
/// Longest body of a reply that is kept, in bytes: what is longer is made again.
const MAX_KEPT: usize = 4 << 10;
/// What stands before the part of a body that is kept, where that is not all of it: no JSON begins so.
const PART: &str = "part:";

/// A request's key, and what is known of the request before its body.
pub struct Repeatable(Option<Box<(String, Sha256)>>);

/// A request's key and the fingerprint of the whole request, if it has a key.
#[derive(Clone, Debug)]
pub struct Idempotency(Option<(String, String)>);

impl Repeatable {
    /// The key of `request`, if it has one.
    ///
    /// # Errors
    /// `malformed_request` if there are several, or it is too long or not visible ASCII.
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        let mut keys = request.headers().get_all(HEADER).iter();
        let Some(key) = keys.next() else { return Ok(Repeatable(None)) };
        let key = key.to_str().ok().filter(|key| (1..=MAX_KEY).contains(&key.len()));
        let key = key.filter(|key| key.bytes().all(|byte| byte.is_ascii_graphic()) && keys.next().is_none());
        let Some(key) = key else {
            let detail =
                format!("Idempotency-Key is one key of 1 to {MAX_KEY} visible ASCII characters, such as a UUID");
            return Err(ApiError::new(ErrorCode::MalformedRequest, detail));
        };
        let head = format!("{} {}\n", request.method(), request.uri());
        // It counts for the API key that it came with.
        let sight = request.extensions().get::<Sight>();
        let key = sight.and_then(Sight::key).map_or_else(|| key.to_owned(), |api_key| api_key.scoped(key));
        Ok(Repeatable(Some(Box::new((key, Sha256::new_with_prefix(head))))))
    }

    /// Refuses a request before its body is read, unless it may be the repetition of one that is done: what that is
    /// answered, all of it tells.
    ///
    /// # Errors
    /// What `found` was refused for; storage.
    pub async fn or_refused<E: Into<ApiError>>(&self, app: &App, found: Result<(), E>) -> Result<(), ApiError> {
        let Err(error) = found else { return Ok(()) };
        match &self.0 {
            Some(keyed) if app.storage.catalog.receipt(&keyed.0, RECEIPT_AGE).await?.is_some() => Ok(()),
            _ => Err(error.into()),
        }
    }

    /// With the body of the request.
    pub fn with_body(mut self, body: &[u8]) -> Idempotency {
        self.update(body);
        self.finish()
    }

    /// The same of a body that may be long: it is not gone through on a thread that answers others.
    ///
    /// # Errors
    /// Too much long work waits.
    pub async fn with_long_body(self, app: &App, body: Bytes) -> Result<Idempotency, ApiError> {
        if self.0.is_none() || body.len() < LARGE {
            return Ok(self.with_body(&body));
        }
        Ok(blocking(app, move || self.with_body(&body)).await?)
    }

    /// Takes in a piece of the body.
    pub fn update(&mut self, piece: &[u8]) {
        if let Some(keyed) = &mut self.0 {
            keyed.1.update(piece);
        }
    }

    /// The fingerprint of the request, once its whole body was taken in.
    pub fn finish(self) -> Idempotency {
        Idempotency(self.0.map(|keyed| {
            let (key, sum) = *keyed;
            (key, hex::encode(sum.finalize()))
        }))
    }
}

impl Idempotency {
    /// With a further part of the request.
    pub fn with_part(self, part: &[u8]) -> Self {
        let both =
            |fingerprint: String| hex::encode(Sha256::new_with_prefix(fingerprint).chain_update(part).finalize());
        Idempotency(self.0.map(|(key, fingerprint)| (key, both(fingerprint))))
    }

    /// The reply that the request got before, if it did. Where less than the whole of it was kept, `again` makes it of what
    /// the request made, given its identifier and who asks: what he does not see any more is as if it were deleted.
    ///
    /// # Errors
    /// `idempotency_key_reused` if the key was another request's; what `again` ends with.
    pub async fn first_reply(
        &self,
        app: &App,
        who: &Sight,
        again: impl AsyncFnOnce(&App, &Sight, &str) -> Result<Response, ApiError>,
    ) -> Result<Option<Response>, ApiError> {
        let Some((key, fingerprint)) = &self.0 else { return Ok(None) };
        let Some(receipt) = app.storage.catalog.receipt(key, RECEIPT_AGE).await? else { return Ok(None) };
        if receipt.fingerprint != *fingerprint {
            let detail = "the Idempotency-Key was sent within 24 hours with another request";
            return Err(ApiError::new(ErrorCode::IdempotencyKeyReused, detail));
        }
        let status = StatusCode::from_u16(receipt.status).unwrap_or(StatusCode::OK);
        let kept = |body: &str| reply::with_type(status, "application/json", format!("{body}\n"));
        let mut response = match receipt.body.strip_prefix(PART) {
            None => kept(&receipt.body),
            Some(essentials) => {
                let id = receipt.location.rsplit('/').next().unwrap_or_default();
                match again(app, who, id).await {
                    // It is deleted, or not seen any more.
                    Err(error) if error.status() == 404 && !essentials.is_empty() => kept(essentials),
                    made => made?,
                }
            }
        };
        *response.status_mut() = status;
        if let Ok(location) = HeaderValue::from_str(&receipt.location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(Some(response))
    }

    /// What is kept of the reply to the request, if it has a key: all of it, unless it is long.
    pub fn receipt(&self, status: StatusCode, location: &str, body: &impl Serialize) -> Option<ReceiptRow> {
        self.keeping(status, location, || reply::short_text(body, MAX_KEPT).unwrap_or(PART.into()))
    }

    /// What is kept of a reply that is made again of what the request made: `essentials` for when that is deleted.
    pub fn receipt_of(&self, status: StatusCode, location: &str, essentials: &impl Serialize) -> Option<ReceiptRow> {
        self.keeping(status, location, || PART.to_owned() + &text(essentials))
    }

    /// What is kept where the whole reply is made again of what the request made.
    pub fn receipt_of_place(&self, status: StatusCode, location: &str) -> Option<ReceiptRow> {
        self.keeping(status, location, || PART.to_owned())
    }

    fn keeping(&self, status: StatusCode, location: &str, body: impl FnOnce() -> String) -> Option<ReceiptRow> {
        let (key, fingerprint) = self.0.clone()?;
        Some(ReceiptRow { key, fingerprint, status: status.as_u16(), location: location.to_owned(), body: body() })
    }

    /// The reply to what the request made; or, if it made nothing because the same request came first a moment ago, the
    /// reply to that.
    ///
    /// # Errors
    /// Why the request made nothing.
    pub async fn unless_repeated<T, E: Into<ApiError>>(
        &self,
        app: &App,
        who: &Sight,
        made: Result<T, E>,
        reply: impl AsyncFnOnce(&App, T) -> Result<Response, ApiError>,
        again: impl AsyncFnOnce(&App, &Sight, &str) -> Result<Response, ApiError>,
    ) -> Result<Response, ApiError> {
        match made {
            Ok(made) => reply(app, made).await,
            Err(error) => match self.first_reply(app, who, again).await? {
                Some(first) => Ok(first),
                None => Err(error.into()),
            },
        }
    }
}

fn text(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("replies are plain data with text keys")
}
