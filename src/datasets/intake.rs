//! Data files on their way in: read and typed, whole or while they arrive.

use std::io::{self, Write};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::source::BlobSource;
use super::{Arriving, Asked, Dataset, DatasetError, DatasetRegistry, Load, NewDataset};
use crate::data::error::DataError;
use crate::data::ingest::{IngestLimits, Output, ingest, ingest_appended};
use crate::identifier::new_id;
use crate::memory::{Charge, FOR_A_BYTE};
use crate::name::check_name;
use crate::storage::{BlobFile, StorageError};
use crate::waiting::{WaitedFor, Waiting};

impl DatasetRegistry {
    /// Reads a data file that is whole, and types its columns; those of `types` as they say. Waits while as many files are
    /// read as may be at once, by turns of the clients, and ends when nobody waits for it any more: the client has left, or the
    /// service stops. `load` is told how far it has come, `memory` is charged with what is made of it.
    ///
    /// # Errors
    /// `Name`, `Data` with what is wrong with the file, `Storage`.
    pub async fn read(
        &self,
        asked: &Asked,
        data: &Arriving,
        load: &Arc<Load>,
        memory: &Charge,
    ) -> Result<NewDataset, DatasetError> {
        asked.name.as_deref().map_or(Ok(()), check_name).map_err(DatasetError::Name)?;
        let turn = self.readers.take(memory.client()).await;
        let waiting = Waiting::default();
        let table = match &asked.parent {
            None => None,
            Some(parent) => match self.storage.reader(&parent.blob).await {
                Ok(blob) => Some(BlobSource::new(blob)),
                Err(error) => {
                    return Err(match self.unless_gone(parent, error.into()).await {
                        DatasetError::NotFound(title) => DatasetError::Overtaken(title),
                        error => error,
                    });
                }
            },
        };
        let reading = self.reading(turn, waiting.seen(), (asked, table.clone()), data, load, memory);
        let read = tokio::task::spawn_blocking(reading).await.map_err(defect)?;
        // What a store answers to its reader is no error of the file.
        match table.and_then(|table| table.trouble()) {
            Some(StorageError::Missing(_)) if read.is_err() => {
                Err(DatasetError::Overtaken(asked.parent.as_ref().map(Dataset::title).unwrap_or_default()))
            }
            Some(trouble) if read.is_err() => Err(trouble.into()),
            _ => read,
        }
    }

    /// As [`DatasetRegistry::read`] of a file that still arrives; nothing if it has to be read once it is whole: another
    /// is read early, it comes slowly, or has its beginning at its end.
    pub async fn read_early(
        &self,
        asked: &Asked,
        data: &Arriving,
        load: &Arc<Load>,
        memory: &Charge,
    ) -> Option<Result<NewDataset, DatasetError>> {
        // What is short is whole before a reader has begun.
        if asked.parent.is_some() || !asked.format.format.is_read_in_order() || !data.is_long().await {
            return None;
        }
        if let Err(error) = asked.name.as_deref().map_or(Ok(()), check_name) {
            return Some(Err(DatasetError::Name(error)));
        }
        let turn = self.early_reader.clone().try_acquire_owned().ok()?;
        let waiting = Waiting::default();
        let read = self.reading(turn, waiting.seen(), (asked, None), data, load, memory);
        let (tell, told) = oneshot::channel();
        // A thread of its own: it waits for the client now and then, which none of the pool's may.
        let reader = std::thread::Builder::new().name("early reader".into());
        reader.spawn(move || drop(tell.send(read()))).ok()?;
        Some(told.await.unwrap_or_else(|lost| Err(defect(lost)))).filter(|_| !data.was_given_up())
    }

    /// The work of reading a file while `waited_for` holds; `turn` is given back at its end.
    fn reading(
        &self,
        turn: impl Send + 'static,
        waited_for: WaitedFor,
        (asked, table): (&Asked, Option<BlobSource>),
        data: &Arriving,
        load: &Arc<Load>,
        memory: &Charge,
    ) -> impl FnOnce() -> Result<NewDataset, DatasetError> + Send + 'static {
        let (registry, asked, data, load, memory) =
            (self.clone(), asked.clone(), data.while_waited_for(waited_for.clone()), load.clone(), memory.clone());
        move || {
            let mut allowed_for = 0;
            let mut progress = |rows| {
                load.set_rows(rows);
                // What a reading may hold follows what was sent, while the file arrives.
                let sent = load.bytes();
                memory.widen((sent - allowed_for) * FOR_A_BYTE);
                allowed_for = sent;
                waited_for.holds()
            };
            progress(0);
            let read = registry.read_file((asked, table), data, &memory, &mut progress);
            drop(turn);
            read
        }
    }

    fn read_file(
        &self,
        (asked, table): (Asked, Option<BlobSource>),
        data: Arriving,
        memory: &Charge,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<NewDataset, DatasetError> {
        let Asked { name, format, columns, parent } = asked;
        let mut sink = Sink { file: self.storage.blob_file()?, failed: None };
        let (limits, parent_id) = (IngestLimits::default(), parent.as_ref().map(|parent| parent.id));
        let profile = match parent.zip(table) {
            None => ingest(data, format, &columns, &limits, memory, &mut sink, progress),
            Some((parent, table)) => {
                let sheet = columns.sheet.as_deref();
                ingest_appended((table, &parent.profile), data, (format, sheet), &limits, memory, &mut sink, progress)
            }
        };
        if let Some(failed) = sink.failed {
            return Err(failed.into());
        }
        Ok(NewDataset { id: new_id(), name, owner: None, parent_id, profile: profile?, columns: sink.file })
    }
}

/// The error of a file whose reader panicked.
fn defect<E>(_: E) -> DatasetError {
    DataError::malformed("the file met a defect of the service, whose log says more").into()
}

/// A file that remembers why it could not be written.
struct Sink {
    file: BlobFile,
    failed: Option<StorageError>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).inspect_err(|error| self.failed = Some(StorageError::from_io(error)))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Output for Sink {
    fn restart(&mut self) -> io::Result<()> {
        self.file.restart().inspect_err(|error| self.failed = Some(StorageError::from_io(error)))
    }
}
