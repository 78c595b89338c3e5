//! What a body may take: time between two pieces of it, and bytes.

use bytesize::ByteSize;

use crate::api::error::{ApiError, ErrorCode};
use crate::app::App;

/// Waits for something from the client, but not for ever.
///
/// # Errors
/// `request_timeout`.
pub async fn patient<T>(wait: impl Future<Output = T>, app: &App) -> Result<T, ApiError> {
    let seconds = app.settings.body_timeout.as_secs_f64();
    let late =
        |_| ApiError::new(ErrorCode::RequestTimeout, format!("nothing came for {seconds} s before the body's end"));
    tokio::time::timeout(app.settings.body_timeout, wait).await.map_err(late)
}

/// Whether a body may have so many bytes.
///
/// # Errors
/// `payload_too_large`.
pub fn check_size(bytes: u64, app: &App) -> Result<(), ApiError> {
    let most = ByteSize::b(app.max_body);
    let detail = || format!("the body is larger than {most} (--max-body)");
    if bytes <= most.as_u64() { Ok(()) } else { Err(ApiError::new(ErrorCode::PayloadTooLarge, detail())) }
}
