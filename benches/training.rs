//! Seconds per epoch of the workloads T1 to T5 through the library, beside the peak of the machine in the same run.
//!
//!     cargo bench --bench training                        # all
//!     cargo bench --bench training -- T3 T4               # those named
//!     cargo bench --bench training -- --threads 1         # on one thread
//!     cargo bench --bench training -- --write data/peers  # only write the rows that benches/peers reads
//!     cargo bench --bench training -- --grow              # T3 on 1,000 to 1,000,000 rows
//!
//! Lines for `benches/report.py` go to the standard output, a table to the standard error.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use common::clock::Clock;
use common::figures::{Times, line, machine, with};
use common::workloads::{WORKLOADS, Workload, xor};
use epochd::learning::network::Network;
use epochd::learning::team::{Cores, Team};
use epochd::learning::trainer::Trainer;

/// What is asked for on the command line.
#[derive(Parser)]
struct Arguments {
    /// Workloads; all if none is named.
    works: Vec<String>,
    /// Threads of a training.
    #[arg(long, default_value_t = epochd::processors::available())]
    threads: usize,
    /// Epochs to train, the first of which is not timed.
    #[arg(long, default_value_t = 5)]
    epochs: u64,
    /// Write the rows for the peers into this folder instead.
    #[arg(long)]
    write: Option<PathBuf>,
    /// Train T3 on ever more rows instead.
    #[arg(long)]
    grow: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let asked = |name: &str| arguments.works.is_empty() || arguments.works.iter().any(|work| work == name);
    let works: Vec<&Workload> = WORKLOADS.iter().filter(|work| asked(work.name)).collect();
    if let Some(folder) = &arguments.write {
        write(&works, folder, arguments.epochs).expect("the rows can be written");
        return;
    }
    eprintln!("{}", machine());
    if arguments.grow {
        grow(&arguments);
        return;
    }
    eprintln!("| work | s/epoch best | median | GFLOP/s | score |\n|---|---:|---:|---:|---:|");
    if asked("T1") {
        article();
    }
    works.into_iter().for_each(|work| train(work, &arguments));
}

fn write(works: &[&Workload], folder: &Path, epochs: u64) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    works.iter().try_for_each(|work| work.write(folder))?;
    let list: Vec<_> = works.iter().map(|work| work.describe(epochs)).collect();
    std::fs::write(folder.join("workloads.json"), serde_json::Value::from(list).to_string())
}

/// T1: all 10,000 epochs count as one.
fn article() {
    let (network, settings, rows) = xor();
    let mut score = 0.0;
    let times = Times::repeat(Duration::from_secs(1), || {
        let mut trainer = Trainer::new(network.clone(), &settings, &rows, None);
        let summary = trainer.run(&mut Clock(Vec::with_capacity(10_000))).expect("no divergence");
        score = summary.published.map_or(f64::NAN, |report| report.loss);
    });
    eprintln!("| T1 | {:.5} | {:.5} | | loss {score:.5} |", times.best(), times.median());
    println!("{}", line("T1", 1, "s/10,000 epochs", &times, Some(score)));
}

fn train(work: &Workload, arguments: &Arguments) {
    let (times, score) = times(work, arguments);
    let gflops = flops(work) / times.best() / 1e9;
    eprintln!("| {} | {:.4} | {:.4} | {gflops:.0} | {score:.4} |", work.name, times.best(), times.median());
    println!("{}", line(work.name, arguments.threads, "s/epoch", &times, Some(score)));
}

/// The times of all epochs but the first, and the score after the last.
fn times(work: &Workload, arguments: &Arguments) -> (Times, f64) {
    let model = Arc::new(work.model());
    let settings = work.settings(&model, arguments.epochs);
    let (train, test) = work.examples();
    let team = Team::on(&Cores::new(arguments.threads));
    let mut trainer = Trainer::new(Network::new(model.clone()), &settings, &train, None).on(team);
    let mut clock = Clock(Vec::new());
    trainer.run(&mut clock).expect("no divergence");
    let score = work.score(&trainer.into_network(), &test);
    (Times::of(clock.0.windows(2).map(|pair| pair[1] - pair[0])), score)
}

/// T3 with other numbers of rows.
fn grow(arguments: &Arguments) {
    println!("| rows | s/epoch | ns/row |\n|---:|---:|---:|");
    for rows in [1_000, 10_000, 100_000, 1_000_000] {
        let work = Workload { rows, ..WORKLOADS[1] };
        let times = times(&work, arguments).0;
        println!("{}", with(line("grow", arguments.threads, "s/epoch", &times, None), "rows", rows));
        println!("| {rows} | {:.5} | {:.0} |", times.median(), 1e9 * times.median() / rows as f64);
    }
}

/// Floating point operations of an epoch's matrix products: three for each layer, two for the first.
fn flops(work: &Workload) -> f64 {
    let products = work.layers.windows(2).enumerate().map(|(layer, pair)| {
        let products = if layer == 0 { 2.0 } else { 3.0 };
        2.0 * products * (pair[0] * pair[1]) as f64
    });
    products.sum::<f64>() * work.rows as f64
}
