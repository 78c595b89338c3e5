//! The epoch loop allocates nothing: counted by an allocator of its own, hence a binary of its own.
//!
//! The layers are small enough for the project's own matrix product: the `gemm` crate, which larger ones go to, takes
//! scratch for packing from the allocator with each call.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use epochd::learning::diagnosis::Warning;
use epochd::learning::examples::{Examples, Targets};
use epochd::learning::loss::Loss;
use epochd::learning::network::Network;
use epochd::learning::optimizer::Optimizer;
use epochd::learning::report::EpochReport;
use epochd::learning::spec::{Embedding, LayerSpec, ModelSpec};
use epochd::learning::stopping::EarlyStopping;
use epochd::learning::trainer::{Control, Observer, Trainer};
use epochd::learning::training::{BatchSize, Classes, TrainingSpec};
use ndarray::Array2;

thread_local! {
    /// Allocations of this thread: the test runner's own thread may allocate at any time.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Notes the allocations made by the end of each epoch, and the epochs that had a warning to write.
struct Notes {
    counts: Vec<usize>,
    warned: Vec<usize>,
}

impl Observer for Notes {
    fn batch(&mut self, _: usize) -> Control {
        Control::Continue
    }

    fn epoch(&mut self, _: &EpochReport) -> Control {
        self.counts.push(ALLOCATIONS.get());
        Control::Continue
    }

    fn warning(&mut self, _: Warning) {
        self.warned.push(self.counts.len());
    }
}

#[test]
fn epochs_after_the_first_allocate_nothing() {
    check(Vec::new());
    check(vec![Embedding { values: 5, dimensions: 2 }, Embedding { values: 3, dimensions: 1 }]);
}

/// Trains a model of four plain inputs, less what `embeddings` take of them, and a code for each.
fn check(embeddings: Vec<Embedding>) {
    let layers: Vec<LayerSpec> =
        serde_json::from_str(r#"[4, {"units": 8, "activation": "gelu", "dropout": 0.1}, 8, 3]"#).expect("layers");
    let model = ModelSpec { layers, embeddings, loss: Some(Loss::CrossEntropy), ..ModelSpec::default() };
    let model = model.check().expect("a valid model").0;
    let settings = TrainingSpec {
        epochs: Some(30),
        batch_size: Some(BatchSize::Rows(4)),
        optimizer: Some(Optimizer::default()),
        gradient_clip_norm: Some(1.0),
        early_stopping: Some(Some(EarlyStopping { patience: 30, ..EarlyStopping::default() })),
        ..TrainingSpec::default()
    };
    let settings = settings.check(model.seed, Classes::of(&model)).expect("valid settings");
    let rows = |count: usize| {
        let (width, plain) = (model.inputs(), model.plain_inputs());
        let inputs = Array2::from_shape_fn((count, width), |(i, j)| match j < plain {
            true => ((i * 7 + j * 3) % 11) as f32 / 11.0,
            false => (i % 3) as f32,
        });
        Examples::new(inputs, Targets::Classes((0..count).map(|i| (i % 3) as u32).collect()))
    };
    let (train, validation) = (rows(300), rows(4));
    let mut notes = Notes { counts: Vec::with_capacity(30), warned: Vec::with_capacity(30) };
    Trainer::new(Network::new(Arc::new(model)), &settings, &train, Some(&validation))
        .run(&mut notes)
        .expect("no divergence");
    // The network is looked into after epochs 1, 2, 4, 8 …
    let quiet = (6..30).filter(|epoch: &usize| !epoch.is_power_of_two());
    let quiet: Vec<usize> = quiet.filter(|epoch| !notes.warned.contains(&(epoch - 1))).collect();
    assert!(quiet.len() >= 18);
    for epoch in quiet {
        let allocated = notes.counts[epoch - 1] - notes.counts[epoch - 2];
        assert_eq!(allocated, 0, "allocations in epoch {epoch}");
    }
}
