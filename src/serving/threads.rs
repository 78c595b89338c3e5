//! Work off the async threads, and work that outlives who asked for it.

use super::error::ServingError;

/// Runs `work` on the blocking pool.
///
/// # Errors
/// `Defect` if it panicked.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ServingError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ServingError::Defect)
}

/// Does `work` to its end, even if the client that asked for it goes away: a change is made whole and then known.
///
/// # Errors
/// `Defect` if it panicked.
pub async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, ServingError> {
    tokio::spawn(work).await.map_err(|_| ServingError::Defect)
}

/// How many threads a large request may keep busy.
pub fn cores() -> usize {
    tokio::runtime::Handle::current().metrics().num_workers()
}
