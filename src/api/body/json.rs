//! A JSON body, parsed and checked for unknown fields.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::bounds::announced;
use super::parse::parse_json;
use super::read::{check_content_type, read_body};
use crate::api::error::ApiError;
use crate::api::idempotency::{Idempotency, Repeatable};
use crate::app::App;
use crate::serving::memory::{LARGE, RequestMemory};
use crate::serving::threads::{blocking, long_work_may_begin};

/// See the module.
pub struct JsonBody<T> {
    /// What the body says.
    pub value: T,
    /// What makes a repetition of the request known.
    pub idempotency: Idempotency,
    /// Held while the request is worked on.
    pub memory: RequestMemory,
}

impl<T: DeserializeOwned + Send + 'static> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        JsonBody::read(request, app, parse_json).await
    }
}

impl<T: Send + 'static> JsonBody<T> {
    /// Reads the body of a request, and parses it with `parse`; a large one away from the async threads, and what is made of
    /// it is charged.
    ///
    /// # Errors
    /// Those of [`read_body`] and of `parse`; `overloaded` for a large one where too much long work waits.
    pub async fn read(request: Request, app: &App, parse: fn(&[u8]) -> Result<T, ApiError>) -> Result<Self, ApiError> {
        let advice = "send the body as Content-Type: application/json (curl: use --json instead of -d)";
        check_content_type(request.headers(), "application/json", advice)?;
        let repeatable = Repeatable::of(&request)?;
        if announced(&request) >= LARGE {
            long_work_may_begin(app)?;
        }
        let (bytes, mut memory) = read_body(request, app).await?;
        if bytes.len() < LARGE {
            let (idempotency, value) = (repeatable.with_body(&bytes), parse(&bytes)?);
            return Ok(JsonBody { value, idempotency, memory });
        }
        long_work_may_begin(app)?;
        let within = app.clone();
        let parse = move || {
            let value = memory.scope(&within, || parse(&bytes))??;
            let idempotency = repeatable.with_body(&bytes);
            // What is made of the bytes stays, and they go.
            memory.give_back(bytes.len() as u64);
            Ok(JsonBody { value, idempotency, memory })
        };
        blocking(app, parse).await?
    }
}
