//! One row through the networks of a recipe, as a prediction runs them: what it takes of one processor.
//!
//!     cargo bench --bench one_row
//!
//! Ten numbers and thirty columns of zeros and ones, as a table of words gives; parameters as they begin. The harness is that of
//! the other benches here.

mod common;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use common::figures::{Times, machine};
use epochd::learning::activation::Activation;
use epochd::learning::loss::Loss;
use epochd::learning::members::Members;
use epochd::learning::network::Network;
use epochd::learning::spec::{LayerSpec, ModelSpec, Parametrization, Waves};
use epochd::models::recipe::Recipe;
use ndarray::Array2;

/// Time for each measurement.
const TIME: Duration = Duration::from_millis(500);
/// Columns of numbers, and others.
const COLUMNS: (usize, usize) = (10, 30);
/// Parameters that answer together in a version of the recipe `best`, at most.
const MOST: usize = 4 << 20;

fn main() {
    println!("{}, one thread\n", machine());
    println!("| networks | parameters | µs a row |\n|---|---:|---:|");
    let standard = Recipe::Standard.hidden_layers();
    measure("`standard`, 5,000 rows and more", vec![network(&standard, 0)]);
    measure("`standard`, folds", (0..5).map(|seed| network(&standard, seed)).collect());
    let most = MOST / network(&standard, 0).parameters().len();
    measure("`best`, as many as may answer", (0..most as u64).map(|seed| network(&standard, seed)).collect());
    measure("`best`, the largest", (0..8).map(|seed| network(&[384; 4], seed)).collect());
}

fn network(hidden: &[usize], seed: u64) -> Network {
    let (numbers, others) = COLUMNS;
    let waves = Waves { columns: (0..numbers).collect(), frequencies: 16, values: 3, deviation: 0.1 };
    let widths = [numbers + others + waves.outputs()].into_iter().chain(hidden.iter().copied()).chain([1]);
    let spec = ModelSpec {
        layers: widths.map(LayerSpec::from).collect(),
        waves: Some(waves),
        scale: true,
        parametrization: Parametrization::Ntk,
        activation: Some(Activation::Mish),
        loss: Some(Loss::BinaryCrossEntropy),
        seed: Some(seed),
        ..ModelSpec::default()
    };
    Network::new(Arc::new(spec.check().expect("a network").0))
}

fn measure(name: &str, networks: Vec<Network>) {
    let members = Members::alike(networks);
    let row = Array2::from_shape_fn((1, COLUMNS.0 + COLUMNS.1), |(_, column)| (column * 7 % 11) as f32 / 5.0 - 1.0);
    let answer = Times::repeat(TIME, || {
        black_box(members.predict(black_box(row.view())));
    });
    let answer = answer.median() * 1e6;
    println!("| {name}: {} | {} | {answer:.0} |", members.list().len(), members.parameter_count());
}
