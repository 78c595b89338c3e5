//! Data files that are read as the rows of a model's version were.

use super::error::ClientError;
use super::service::Service;

/// The parameter that has a file read as the rows of this version were, or of the one that serves; none where a model has no such
/// rows yet.
///
/// # Errors
/// The service knows no such model.
pub async fn read_as(
    service: &Service,
    model: &str,
    version: Option<&str>,
) -> Result<Option<(&'static str, String)>, ClientError> {
    let known = service.get(&["models", model]).await?;
    let has_rows = !known["target"].is_null() && (version.is_some() || !known["active_version"].is_null());
    let named = version.map_or_else(|| model.to_owned(), |version| format!("{model}/{version}"));
    Ok(has_rows.then_some(("read_as", named)))
}
