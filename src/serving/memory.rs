//! The memory for requests: what a request is made of, reads and answers counts against one budget.

use bytesize::ByteSize;
use parquet::file::reader::Length;
use tokio::sync::OwnedSemaphorePermit;

use super::error::ServingError;
use crate::app::App;
use crate::datasets::Arriving;

/// Requests from this size on count: small predictions get through while large uploads fill the memory.
pub const LARGE: usize = 64 * 1024;

/// A request's share of the memory for requests. It is given back when this is dropped.
#[derive(Default)]
pub struct RequestMemory(Option<OwnedSemaphorePermit>);

impl RequestMemory {
    /// Takes `bytes` more, for a reply much larger than the request.
    ///
    /// # Errors
    /// `Overloaded` if so much is not free.
    pub fn reserve(&mut self, bytes: usize, app: &App) -> Result<(), ServingError> {
        self.cover(((self.held() as u64) * 1024).saturating_add(bytes as u64), app)
    }

    /// Takes `bytes` more for rows of a stored data set, which a request of a few bytes can call for.
    ///
    /// # Errors
    /// `RowsTooLarge` if there is never so much, `Overloaded` if it is not free.
    pub fn reserve_rows(&mut self, bytes: usize, app: &App) -> Result<(), ServingError> {
        let (needed, limit) = (ByteSize::b(bytes as u64), app.settings.request_memory);
        if needed > limit {
            let detail = format!("the rows need {needed} of memory; requests have {limit} (--request-memory)");
            return Err(ServingError::RowsTooLarge(detail));
        }
        self.reserve(bytes, app)
    }

    /// Takes as much as a file has, which is read in batches that may be as large as the file.
    ///
    /// # Errors
    /// `FileTooLarge` if there is never so much, `Overloaded` if it is not free.
    pub fn reserve_file(&mut self, file: &Arriving, app: &App) -> Result<(), ServingError> {
        let bytes = file.len();
        let limit = app.settings.request_memory;
        if bytes > limit.as_u64() {
            let detail = format!("the stream is larger than {limit} (--request-memory): send it in parts, or as CSV");
            return Err(ServingError::FileTooLarge(detail));
        }
        self.cover(bytes, app)
    }

    /// Makes it cover `bytes` in all.
    ///
    /// # Errors
    /// `Overloaded` if so much is not free.
    pub fn cover(&mut self, bytes: u64, app: &App) -> Result<(), ServingError> {
        let missing = usize::try_from(bytes.div_ceil(1024)).unwrap_or(usize::MAX).saturating_sub(self.held());
        if missing == 0 || bytes < LARGE as u64 {
            return Ok(());
        }
        let more = app.request_memory.clone().try_acquire_many_owned(u32::try_from(missing).unwrap_or(u32::MAX));
        let more = more.map_err(|_| ServingError::Overloaded)?;
        match &mut self.0 {
            Some(permit) => permit.merge(more),
            None => self.0 = Some(more),
        }
        Ok(())
    }

    /// Whether it is so little that nothing is taken.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// In KiB.
    fn held(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}
