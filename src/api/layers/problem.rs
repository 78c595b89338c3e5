//! The document of an error: handlers leave an [`ApiError`] in the reply, whose request only the layers know.

use axum::extract::Request;
use axum::response::Response;

use super::around::Around;
use super::request_id::RequestId;
use crate::api::error::ApiError;

/// Writes out the error that a reply carries.
#[derive(Clone, Copy)]
pub struct Problems;

impl Around for Problems {
    type Noted = RequestId;

    fn note(&self, request: &Request) -> RequestId {
        RequestId::of(request.extensions())
    }

    fn finish(&self, id: RequestId, mut reply: Response) -> Response {
        match reply.extensions_mut().remove::<ApiError>() {
            Some(error) => error.reply(id.as_str()),
            None => reply,
        }
    }
}
