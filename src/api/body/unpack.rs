//! Bodies packed (compressed) with gzip, unpacked within the bounds on the size and the memory of bodies.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::bounds::check_size;
use crate::api::error::{ApiError, ErrorCode};
use crate::app::App;
use crate::serving::memory::RequestMemory;

/// Bytes that are unpacked at once.
const STEP: u64 = 256 << 10;

/// Unpacks a body. Takes as long as the body is large: not for async threads.
///
/// # Errors
/// `malformed_request`: it is not gzip; `payload_too_large`; `overloaded`.
pub fn unpack(packed: &[u8], memory: &mut RequestMemory, app: &App) -> Result<Vec<u8>, ApiError> {
    let (mut decoder, mut bytes) = (MultiGzDecoder::new(packed), Vec::new());
    loop {
        let read = decoder.by_ref().take(STEP).read_to_end(&mut bytes);
        let broken = |error| format!("the body cannot be unpacked with gzip: {error}");
        let read = read.map_err(|error| ApiError::new(ErrorCode::MalformedRequest, broken(error)))?;
        check_size(bytes.len() as u64, app)?;
        memory.cover((packed.len() + bytes.capacity()) as u64, app)?;
        if read == 0 {
            memory.settle(bytes.len() as u64);
            return Ok(bytes);
        }
    }
}
