//! Predictions of a model by data set for a file of rows: some rows after others, so that a million need no more memory than
//! a thousand.

use super::answered_rows::AnsweredRows;
use super::error::ServingError;
use super::extras::something_is_known;
use super::file_rows::{FileRows, RowFormat};
use super::memory::RequestMemory;
use super::table_version::TableVersion;
use crate::app::App;
use crate::data::error::DataError;
use crate::datasets::Arriving;
use crate::waiting::WaitedFor;

/// Rows that are worked off at once, and cells and encoded values of these rows.
const ROWS: usize = 4096;
const VALUES: usize = 1 << 20;
/// Memory of a cell or value of them: a cell as text, typed, encoded, and flagged if it lies outside what training saw.
const VALUE_BYTES: usize = 64;

/// The predictions for the rows of a file. Reads and computes: not for async threads.
pub struct FilePredictions<'a> {
    app: &'a App,
    version: &'a TableVersion,
    file: Arriving,
    rows: FileRows,
    /// How many columns of the file are known.
    columns: usize,
    /// Where each feature stands among them.
    places: Vec<Option<usize>>,
    /// Where the columns stand that the reply repeats.
    passed: Vec<Option<usize>>,
    waited_for: WaitedFor,
    /// Held for the rows that are worked off, and for what was read of a stream.
    memory: RequestMemory,
    /// What is held for the rows, in bytes.
    working: u64,
    /// Rows that are answered.
    before: usize,
}

impl<'a> FilePredictions<'a> {
    /// Opens a file, whose rows are worked off within `memory`. It is given up when `waited_for` no longer holds: a packed
    /// (compressed) one may have very many rows.
    ///
    /// # Errors
    /// `Data`: it is no file of this format, or there is no memory for it; `Field`: it has a column that the model does not
    /// know, or none that it does; `Parameter`: it lacks a column that the reply is to repeat.
    pub fn open(
        app: &'a App,
        version: &'a TableVersion,
        file: Arriving,
        format: RowFormat,
        waited_for: WaitedFor,
        mut memory: RequestMemory,
    ) -> Result<Self, ServingError> {
        let file = file.while_waited_for(waited_for.clone());
        let rows = FileRows::open(file.clone(), format, memory.charge(app))?;
        let (mut places, mut passed) = (Vec::new(), Vec::new());
        if !rows.may_grow() {
            places = rows.places(version.encoder(), &version.extras)?;
            something_is_known(version.encoder(), &places)?;
            passed = rows.passed(&version.extras)?;
        }
        let columns = rows.headers().len();
        let (working, before) = (0, 0);
        Ok(FilePredictions { app, version, file, rows, columns, places, passed, waited_for, memory, working, before })
    }

    /// How many bytes of the file have arrived.
    pub fn bytes_sent(&self) -> u64 {
        self.file.bytes()
    }

    /// Cells, encoded values and answers of a row.
    pub fn width(&self) -> usize {
        let encoder = self.version.encoder();
        self.rows.headers().len() + encoder.width() + encoder.target.classes().len()
    }

    /// What is answered to the next rows; `None` at the end. Columns that the reply repeats keep the type that an Arrow file
    /// gives them if the reply is `typed`.
    ///
    /// # Errors
    /// `Data`: a row cannot be read; `Field`: a value is none of its column.
    pub fn next_rows(&mut self, typed: bool) -> Result<Option<AnsweredRows>, ServingError> {
        if !self.waited_for.holds() {
            return Err(DataError::stopped().into());
        }
        let most = ROWS.min(VALUES / self.width()).max(16);
        let Some(batch) = self.rows.next(most)? else {
            // At the end alone all columns are known of a file whose rows name them.
            self.version.extras.passed_in(self.rows.headers())?;
            return Ok(None);
        };
        if self.rows.may_grow() && (self.before == 0 || self.rows.headers().len() > self.columns) {
            self.columns = self.rows.headers().len();
            self.places = self.rows.places(self.version.encoder(), &self.version.extras)?;
            self.passed = self.rows.passed(&self.version.extras)?;
        }
        let working = batch.rows().saturating_mul(self.width() * VALUE_BYTES) as u64;
        if working > self.working {
            self.memory.charge(self.app).grow(working - self.working)?;
            self.working = working;
        }
        let passed = self.rows.cells_of(&batch, &self.version.extras.passthrough, &self.passed, typed)?;
        let answered = self.version.answer(self.before, passed, &|| true, |on_misfit| {
            self.rows.table(&batch, self.version.encoder(), &self.places, on_misfit)
        })?;
        self.app.meters.predictions.inc_by(answered.predictions.rows as u64);
        self.before += batch.rows();
        Ok(Some(answered))
    }
}
