//! What is allocated, counted by an allocator of its own, hence a binary of its own: by the epoch loop nothing, by reading the
//! file of a version no more than some times its size, whatever it claims to hold.
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
use epochd::learning::spec::{Embedding, LayerSpec, ModelSpec, Waves};
use epochd::learning::stopping::EarlyStopping;
use epochd::learning::trainer::{Control, Observer, Trainer};
use epochd::learning::training::{BatchSize, Classes, TrainingSpec};
use epochd::models::artifact::decode;
use epochd::storage::tensors::write;
use ndarray::Array2;

thread_local! {
    /// Allocations of this thread: the test runner's own thread may allocate at any time.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// Bytes that this thread holds (less what others freed for it), and the most that it held.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        HELD.set(HELD.get() + layout.size() as isize);
        PEAK.set(PEAK.get().max(HELD.get()));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size() as isize);
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
    check(Vec::new(), None);
    let tables =
        || vec![Embedding { values: 5, dimensions: 2, bag: None }, Embedding { values: 3, dimensions: 1, bag: None }];
    check(tables(), None);
    check(Vec::new(), Some(Waves { columns: vec![0], frequencies: 4, values: 2, deviation: 0.1 }));
    check(tables(), Some(Waves { columns: vec![0], frequencies: 4, values: 1, deviation: 0.1 }));
}

/// Trains a model of five plain inputs, less what `embeddings` and `waves` take of them, and a code for each. With waves there
/// are factors too.
fn check(embeddings: Vec<Embedding>, waves: Option<Waves>) {
    let layers: Vec<LayerSpec> =
        serde_json::from_str(r#"[5, {"units": 8, "activation": "gelu", "dropout": 0.1}, 8, 3]"#).expect("layers");
    let scale = waves.is_some();
    let model = ModelSpec { layers, embeddings, waves, scale, loss: Some(Loss::CrossEntropy), ..ModelSpec::default() };
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

/// Most bytes that are held at a time while `bytes` are read as the file of a version.
fn peak_of_reading(bytes: &[u8]) -> usize {
    let before = HELD.get();
    PEAK.set(before);
    let _ = decode(bytes);
    usize::try_from(PEAK.get() - before).expect("reading frees nothing of others")
}

#[test]
fn reading_a_version_takes_no_more_memory_than_its_size_allows() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/version");
    let files = std::fs::read_dir(corpus).expect("the fuzz target's corpus");
    let mut files: Vec<Vec<u8>> =
        files.map(|file| std::fs::read(file.expect("a file").path()).expect("its bytes")).collect();
    // An index of nothing but names, and one whose header claims the widest network.
    let names = (0..20_000).map(|i| format!(r#""{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#));
    files.push(safetensors_of(&format!("{{{}}}", names.collect::<Vec<_>>().join(","))));
    let wide = r#"{"format":1,"model":{"layers":[10000,10000],"output_activation":"identity","loss":"mse",
        "initializer":null,"seed":0},"encoder":null,"training":null}"#;
    files.push(write(wide, &[]));
    for file in files {
        let peak = peak_of_reading(&file);
        // An index of names alone takes most: 17 times its size, and is at most 16 MiB long.
        assert!(peak <= (64 << 10) + 20 * file.len(), "{peak} bytes for a file of {}", file.len());
    }
}

/// A safetensors file of an index alone.
fn safetensors_of(index: &str) -> Vec<u8> {
    [&(index.len() as u64).to_le_bytes(), index.as_bytes()].concat()
}
