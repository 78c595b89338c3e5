//! What becomes of the pieces of a data file: they are hashed, unpacked and counted, and written to where the file is read.

use std::io::{self, BufWriter, Write};

use bytes::Bytes;
use bytesize::ByteSize;
use flate2::write::MultiGzDecoder;

use crate::api::error::{ApiError, ErrorCode};
use crate::api::idempotency::{Idempotency, Repeatable};
use crate::app::App;
use crate::datasets::ArrivingEnd;
use crate::serving::memory::RequestMemory;
use crate::storage::StorageError;
use crate::waiting::WaitedFor;

/// What a file begins with that is packed with gzip, and no file of the formats: it is unpacked even if nothing says so.
pub const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];
/// Unpacked bytes that are written at once.
const WRITTEN_AT_ONCE: usize = 64 << 10;
/// What unpacking takes: its window, tables and buffers.
const UNPACKING: u64 = 256 << 10;

/// The end of a file that pieces come in by.
pub struct Intake {
    app: App,
    form: Form,
    repeatable: Repeatable,
    /// Of unpacking.
    memory: RequestMemory,
}

/// How the file is packed (compressed).
enum Form {
    /// It is not known yet; `start` has what came, less than tells it.
    Unknown {
        start: Vec<u8>,
        packed: bool,
        out: Option<Out>,
    },
    Plain(Out),
    Gzip(Box<MultiGzDecoder<BufWriter<Out>>>),
}

/// Writes what is unpacked, up to a bound.
struct Out {
    end: ArrivingEnd,
    waited_for: WaitedFor,
    written: u64,
    most: ByteSize,
    /// Why it could not be written: the reader of gzip has no other errors than its own.
    failed: Option<ApiError>,
}

impl Intake {
    /// Of a new file that is written to `end` while `waited_for` holds; unpacking it is charged to `memory`.
    pub fn new(
        app: &App,
        end: ArrivingEnd,
        packed: bool,
        repeatable: Repeatable,
        waited_for: WaitedFor,
        memory: RequestMemory,
    ) -> Self {
        let out = Out { end, waited_for, written: 0, most: app.settings.max_upload, failed: None };
        let form = Form::Unknown { start: Vec::new(), packed, out: Some(out) };
        Intake { app: app.clone(), form, repeatable, memory }
    }

    /// Whether no piece was taken yet, and the file is not said to be packed.
    pub fn is_untouched(&self) -> bool {
        matches!(&self.form, Form::Unknown { start, packed: false, .. } if start.is_empty())
    }

    /// Takes pieces: reads, computes and writes, not for async threads.
    ///
    /// # Errors
    /// They cannot be unpacked, unpack to too much, or storage does not take them.
    pub fn take(&mut self, pieces: &[Bytes]) -> Result<(), ApiError> {
        for piece in pieces {
            self.repeatable.update(piece);
            self.write(piece)?;
        }
        Ok(())
    }

    /// The end of the file.
    ///
    /// # Errors
    /// As [`Intake::take`]; it ends too early.
    pub fn end(mut self) -> Result<Idempotency, ApiError> {
        if matches!(self.form, Form::Unknown { .. }) {
            self.begin()?;
        }
        if let Form::Gzip(decoder) = &mut self.form {
            let ended = decoder.try_finish().and_then(|()| decoder.get_mut().flush());
            ended.map_err(|error| unpacked(decoder, &error))?;
        }
        Ok(self.repeatable.finish())
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), ApiError> {
        match &mut self.form {
            Form::Unknown { start, .. } => {
                start.extend_from_slice(piece);
                if start.len() < GZIP.len() { Ok(()) } else { self.begin() }
            }
            Form::Plain(out) => out.write_all(piece).map_err(|error| out.error(&error)),
            Form::Gzip(decoder) => decoder.write_all(piece).map_err(|error| unpacked(decoder, &error)),
        }
    }

    /// Finds out how the file is packed.
    fn begin(&mut self) -> Result<(), ApiError> {
        let Form::Unknown { start, packed, out } = &mut self.form else { return Ok(()) };
        let (start, out) = (std::mem::take(start), out.take().expect("a file begins once"));
        let packed = *packed || start.starts_with(&GZIP);
        self.form = if packed {
            self.memory.cover(UNPACKING, &self.app)?;
            Form::Gzip(Box::new(MultiGzDecoder::new(BufWriter::with_capacity(WRITTEN_AT_ONCE, out))))
        } else {
            Form::Plain(out)
        };
        self.write(&start)
    }
}

/// Why a file cannot be unpacked.
fn unpacked(decoder: &mut MultiGzDecoder<BufWriter<Out>>, error: &io::Error) -> ApiError {
    let failed = decoder.get_mut().get_mut().failed.take();
    failed.unwrap_or_else(|| {
        ApiError::new(ErrorCode::MalformedRequest, format!("the body cannot be unpacked with gzip: {error}"))
    })
}

impl Out {
    fn error(&mut self, error: &io::Error) -> ApiError {
        self.failed.take().unwrap_or_else(|| StorageError::from_io(error).into())
    }

    /// Whether so many bytes more may be written.
    fn check(&mut self, more: usize) -> Result<(), ApiError> {
        self.written += more as u64;
        if self.written > self.most.as_u64() {
            let detail = format!("the data file is larger than {} (--max-upload)", self.most);
            return Err(ApiError::new(ErrorCode::PayloadTooLarge, detail));
        }
        if self.waited_for.holds() { Ok(()) } else { Err(ApiError::defect()) }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written =
            self.check(bytes.len()).and_then(|()| Ok(self.end.write_all(bytes).map_err(StorageError::from)?));
        written.map(|()| bytes.len()).map_err(|error| {
            self.failed = Some(error);
            io::ErrorKind::Other.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
