//! Seconds of an epoch of several networks side by side, as folds are trained, on ever more threads.
//!
//!     cargo bench --bench members                   # five networks on 3,000 rows
//!     cargo bench --bench members -- --networks 8
//!
//! Beside each time stands what it would be if networks were handed out one by one to the threads and took as long as each takes
//! alone on one: on machines with fewer cores than threads, that is all there is.

mod common;

use std::ops::Range;
use std::sync::Arc;

use clap::Parser;
use common::clock::Clock;
use common::figures::{Times, line, machine};
use common::workloads::Workload;
use epochd::learning::examples::Examples;
use epochd::learning::loss::Loss;
use epochd::learning::network::Network;
use epochd::learning::spec::ValidModelSpec;
use epochd::learning::team::{Cores, Team};
use epochd::learning::trainer::Trainer;

/// A small table under the recipe `standard`: five networks below 5,000 rows.
const WORK: Workload = Workload {
    name: "members",
    rows: 3_000,
    test_rows: 3_000,
    layers: &[60, 256, 256, 256, 1],
    loss: Loss::Mse,
    batch_size: 128,
    learning_rate: 1e-3,
};
const THREADS: [usize; 4] = [1, 2, 4, 8];

/// What is asked for on the command line.
#[derive(Parser)]
struct Arguments {
    /// Networks, each of which learns without another part of the rows.
    #[arg(long, default_value_t = 5)]
    networks: usize,
    /// Epochs to train, the first of which is not timed.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(2..))]
    epochs: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let asked = Arguments::parse();
    let (train, validation) = WORK.examples();
    let model = Arc::new(WORK.model());
    let fold = |index: usize| index * WORK.rows / asked.networks..(index + 1) * WORK.rows / asked.networks;
    let folds: Vec<Range<usize>> = (0..asked.networks).map(fold).collect();
    let rows = Rows { model: &model, train: &train, validation: &validation, epochs: asked.epochs };
    let alone: Vec<f64> = folds.iter().map(|fold| rows.epoch(std::slice::from_ref(fold), 1).median()).collect();
    eprintln!("{}\n| threads | s/epoch best | median | by the networks' own times |\n|---|---:|---:|---:|", machine());
    for threads in THREADS {
        let expected = makespan(&alone, threads);
        if threads > epochd::processors::available() {
            eprintln!("| {threads} | | | {expected:.4} |");
            continue;
        }
        let times = rows.epoch(&folds, threads);
        eprintln!("| {threads} | {:.4} | {:.4} | {expected:.4} |", times.best(), times.median());
        println!("{}", line(WORK.name, threads, "s/epoch", &times, None));
    }
}

/// What is trained.
struct Rows<'a> {
    model: &'a Arc<ValidModelSpec>,
    train: &'a Examples,
    validation: &'a Examples,
    epochs: u64,
}

impl Rows<'_> {
    /// The times of all epochs but the first, of a network for each fold.
    fn epoch(&self, folds: &[Range<usize>], threads: usize) -> Times {
        let settings = WORK.settings(self.model, self.epochs);
        let networks = folds.iter().map(|_| Network::new(self.model.clone())).collect();
        let trainer = Trainer::of_members(networks, &settings, self.train, Some(self.validation), folds);
        let mut clock = Clock(Vec::new());
        trainer.on(Team::on(&Cores::new(threads))).run(&mut clock).expect("no divergence");
        Times::of(clock.0.windows(2).map(|pair| pair[1] - pair[0]))
    }
}

/// When the last is done, if each goes to the first thread that is free.
fn makespan(times: &[f64], threads: usize) -> f64 {
    let mut busy = vec![0.0f64; threads];
    for time in times {
        let first = busy.iter_mut().min_by(|one, other| one.total_cmp(other)).expect("there is a thread");
        *first += time;
    }
    busy.into_iter().fold(0.0, f64::max)
}
