//! Counts of what the active version of a model was asked since it was activated.
//!
//! A prediction adds to them without a lock. Threads have counters of their own (stripes), so that cores which predict with one
//! model do not take the memory of its counters from each other; what they add up to is taken off now and then.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use uuid::Uuid;

use super::reference::Reference;
use crate::data::column::Values;
use crate::data::encoder::Slot;
use crate::memory::Charge;
use crate::processors;

/// Stripes at most.
const MAX_STRIPES: usize = 8;
/// Rows from which on a prediction adds up by itself first.
const MANY_ROWS: usize = 16;

/// The counters of a version.
#[derive(Debug)]
pub struct DriftCounts {
    /// The model.
    pub model: Uuid,
    /// The version's number.
    pub version: u64,
    /// When it was activated.
    pub since: Timestamp,
    /// What it is measured against.
    pub reference: Reference,
    /// Each is made when a thread of it comes first. 32 bits: they are taken off every some seconds.
    stripes: Vec<OnceLock<Box<[AtomicU32]>>>,
    /// What was taken off the stripes and is not written down yet. Held for a loop over the bins.
    pending: Mutex<Vec<u64>>,
    _memory: Charge,
}

impl DriftCounts {
    /// Memory that counters for `reference` take at most, about.
    pub fn bytes(reference: &Reference) -> usize {
        let of_cell = stripes() * size_of::<AtomicU32>() + size_of::<u64>();
        size_of::<Self>() + reference.bytes() + reference.cells() * of_cell
    }

    /// Counters at zero, which hold `memory`.
    pub fn new(model: Uuid, version: u64, since: Timestamp, reference: Reference, memory: Charge) -> Self {
        let pending = Mutex::new(vec![0; reference.cells()]);
        let stripes = (0..stripes()).map(|_| OnceLock::new()).collect();
        DriftCounts { model, version, since, reference, stripes, pending, _memory: memory }
    }

    /// Begins to count `rows` rows.
    pub fn tally(&self, rows: usize) -> Tally<'_> {
        let cells = self.reference.cells();
        let stripe = self.stripes[own_stripe() % self.stripes.len()]
            .get_or_init(|| (0..cells).map(|_| AtomicU32::new(0)).collect());
        let own = if rows < MANY_ROWS { Vec::new() } else { vec![0; cells] };
        Tally { reference: &self.reference, stripe, own }
    }

    /// What was counted and is not written down yet.
    pub fn pending(&self) -> Vec<u64> {
        let mut pending = self.lock();
        for stripe in self.stripes.iter().filter_map(OnceLock::get) {
            let taken = stripe.iter().map(|cell| cell.swap(0, Ordering::Relaxed));
            pending.iter_mut().zip(taken).for_each(|(sum, taken)| *sum += u64::from(taken));
        }
        pending.clone()
    }

    /// Notes that so much of it is written down.
    pub fn written(&self, counts: &[u64]) {
        self.lock().iter_mut().zip(counts).for_each(|(sum, count)| *sum -= count);
    }

    // A panic while the lock is held leaves numbers that are as good as before.
    fn lock(&self) -> MutexGuard<'_, Vec<u64>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rows that are being counted.
pub struct Tally<'a> {
    reference: &'a Reference,
    stripe: &'a [AtomicU32],
    /// Of many rows: what they add up to.
    own: Vec<u32>,
}

impl Tally<'_> {
    /// Counts the values of a feature of the encoder, whose words belong to `slots`.
    pub fn feature(&mut self, index: usize, values: &Values, slots: &[Slot]) {
        let reference = self.reference;
        if let Some(column) = reference.feature(index) {
            let start = column.start();
            column.bins.each(values, slots, |bin| self.add(start + bin));
        }
    }

    /// Counts an answer that is a class.
    pub fn class(&mut self, class: usize) {
        if let Some(column) = self.reference.answers() {
            self.add(column.start() + column.bins.of_class(class));
        }
    }

    /// Counts an answer that is a value.
    pub fn value(&mut self, value: f64) {
        if let Some(column) = self.reference.answers() {
            self.add(column.start() + column.bins.of_number(value));
        }
    }

    /// Adds everything up.
    pub fn end(self) {
        for (cell, count) in self.stripe.iter().zip(self.own).filter(|(_, count)| *count > 0) {
            cell.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn add(&mut self, cell: usize) {
        match self.own.get_mut(cell) {
            Some(count) => *count += 1,
            None => _ = self.stripe[cell].fetch_add(1, Ordering::Relaxed),
        }
    }
}

fn stripes() -> usize {
    processors::available().min(MAX_STRIPES)
}

/// The number of this thread among those that count.
fn own_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static OWN: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    OWN.with(|own| *own)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use bytesize::ByteSize;

    use super::*;
    use crate::data::column::{Column, ColumnType, Table};
    use crate::data::encoder::{Encoder, Histogram, Known, Task};
    use crate::memory::Share;
    use crate::models::table::{FeatureImportance, TableParts, TableSpec};

    /// What a version of a table has whose columns x0, x1 and so on have the numbers of the rows, and y whether these are even.
    fn parts(columns: usize) -> (Table, TableParts) {
        let number = |column| Column {
            name: format!("x{column}"),
            kind: ColumnType::Numeric,
            values: Values::Numeric((0..100).map(f64::from).collect()),
        };
        let even = Values::Boolean((0..100).map(|row| Some(row % 2 == 0)).collect());
        let target = Column { name: "y".into(), kind: ColumnType::Boolean, values: even };
        let table = Table { columns: (0..columns).map(number).chain([target]).collect(), rows: 100 };
        let rows: Vec<usize> = (0..100).collect();
        let encoder = Encoder::fit(&table, "y", Task::Classification, &rows, &Known::default()).expect("columns");
        let histograms = Histogram::of_features(&encoder, &table, &rows).expect("the same columns");
        let spec = r#"{"dataset":null,"target":"y","task":"classification","features":[],"classes":[],"hidden_layers":[],
                       "activation":"relu","dropout":0.0,"seed":0}"#;
        let spec: TableSpec = serde_json::from_str(spec).expect("a specification");
        let answers = Some(Histogram { bounds: vec![], counts: vec![50, 50], missing: 0 });
        let parts = TableParts {
            spec,
            encoder,
            calibration: None,
            conformal: None,
            importance: vec![],
            histograms,
            answers,
            rule: None,
            background: None,
        };
        (table, parts)
    }

    fn counts(parts: &TableParts) -> DriftCounts {
        let reference = Reference::of(parts).expect("histograms");
        let memory = Share::new("models", ByteSize::mib(1)).charge(None);
        DriftCounts::new(Uuid::nil(), 1, Timestamp::UNIX_EPOCH, reference, memory)
    }

    fn count(counts: &DriftCounts, parts: &TableParts, table: &Table) {
        let mut tally = counts.tally(table.rows);
        let counted = |feature, values: &Values, slots: &[Slot]| tally.feature(feature, values, slots);
        parts.encoder.transform_telling(table, counted).expect("the same columns");
        (0..table.rows).for_each(|_| tally.class(1));
        tally.end();
    }

    #[test]
    fn what_many_threads_count_adds_up_and_is_taken_off_once() {
        let (table, parts) = parts(3);
        let counts = Arc::new(counts(&parts));
        let one = Table {
            columns: table.columns.iter().map(|column| Column::missing(&column.name, column.kind, 1)).collect(),
            rows: 1,
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for table in [&table, &one].repeat(50) {
                        count(&counts, &parts, table);
                    }
                });
            }
        });
        let pending = counts.pending();
        assert_eq!(counts.reference.rows(&pending), 4 * 50 * 101);
        let x0 = &counts.reference.features()[0];
        assert_eq!((x0.of(&pending).last(), x0.expected.last()), (Some(&200), Some(&0)), "rows without a value");
        assert_eq!(counts.reference.answers().map(|answers| answers.of(&pending)), Some(&[0, 20_200, 0][..]));
        counts.written(&pending);
        assert!(counts.pending().iter().all(|count| *count == 0));
        count(&counts, &parts, &table);
        assert_eq!(counts.pending(), counts.pending(), "what is not written down stays");
        assert!(x0.stability(&counts.pending()).is_some_and(|far| far == 0.0), "the rows of training");
    }

    #[test]
    fn of_very_many_columns_the_most_important_are_followed() {
        let (_, mut parts) = parts(300);
        let important = |feature: &str| FeatureImportance { feature: feature.into(), importance: 1.0, std: 0.0 };
        parts.importance = vec![important("x299"), important("x280")];
        let reference = Reference::of(&parts).expect("histograms");
        let names: Vec<&str> = reference.features().iter().map(|column| column.name.as_str()).collect();
        assert_eq!((names.len(), names[0], &names[254..]), (256, "x0", &["x280", "x299"][..]));
        assert!(reference.feature(299).is_some() && reference.feature(290).is_none());
        let bytes = DriftCounts::bytes(&reference);
        assert!(bytes < 400_000, "{bytes}");
        parts.histograms.clear();
        assert_eq!(Reference::of(&parts), None);
    }
}
