//! Whether the catalog and the blobs belong together: an identifier of the state stands in both.
//!
//! State of releases that wrote none is given one at its first start, if what is there fits.

use bytes::Bytes;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Blobs, Catalog, StorageError};

/// The blob that has the identifier.
pub const IDENTITY: &str = "state.json";

#[derive(Serialize, Deserialize)]
struct Identity {
    format: u32,
    id: Uuid,
}

/// Why a catalog and blobs are not of one state; none if they are.
///
/// # Errors
/// `Unavailable`, `Damaged`.
pub async fn mismatch(catalog: &Catalog, blobs: &Blobs) -> Result<Option<&'static str>, StorageError> {
    let (in_catalog, in_blobs) = (catalog.identity().await?, of_blobs(blobs).await?);
    if let (Some(here), Some(there)) = (in_catalog, in_blobs) {
        return Ok((here != there).then_some("each has the identifier of another state"));
    }
    let referred = catalog.some_blobs().await?;
    if !referred.is_empty() {
        let found = any_exists(blobs, &referred).await?;
        return Ok((!found).then_some("none of the files that the catalog refers to is there"));
    }
    let strangers = catalog.is_empty().await? && any_but_identity(blobs).await?;
    Ok(strangers.then_some("the catalog is empty, and there are files"))
}

/// Writes one identifier into the catalog and into the blobs, where it is missing or another.
///
/// # Errors
/// `Full`, `Unavailable`.
pub async fn stamp(catalog: &Catalog, blobs: &Blobs) -> Result<(), StorageError> {
    let (in_catalog, in_blobs) = (catalog.identity().await?, of_blobs(blobs).await.unwrap_or(None));
    let id = in_catalog.or(in_blobs).unwrap_or_else(Uuid::new_v4);
    if in_blobs != Some(id) {
        let text = serde_json::to_vec(&Identity { format: 1, id }).expect("an identifier is text");
        blobs.put(IDENTITY, Bytes::from(text)).await?;
    }
    if in_catalog != Some(id) {
        let mut write = catalog.write().await?;
        write.set_identity(id).await?;
        write.commit().await?;
    }
    Ok(())
}

async fn of_blobs(blobs: &Blobs) -> Result<Option<Uuid>, StorageError> {
    match blobs.get(IDENTITY).await {
        Ok(text) => {
            let identity: Identity =
                serde_json::from_slice(&text).map_err(|error| StorageError::damaged(IDENTITY, error))?;
            Ok(Some(identity.id))
        }
        Err(StorageError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn any_exists(blobs: &Blobs, keys: &[String]) -> Result<bool, StorageError> {
    for key in keys {
        match blobs.size(key).await {
            Ok(_) => return Ok(true),
            Err(StorageError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

async fn any_but_identity(blobs: &Blobs) -> Result<bool, StorageError> {
    let mut keys = std::pin::pin!(blobs.keys());
    while let Some(key) = keys.next().await {
        if key? != IDENTITY {
            return Ok(true);
        }
    }
    Ok(false)
}
