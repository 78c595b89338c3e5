//! Training: epochs of batches, each a forward pass, a backward pass and a step.
//!
//! The trainer knows no clock and no job. An [`Observer`] hears of every batch, epoch and warning, and answers whether
//! to go on. All buffers are made in [`Trainer::new`]; the epoch loop of a network allocates nothing, unless the observer asks
//! for a [`Snapshot`](super::snapshot::Snapshot).
//!
//! Several networks may learn side by side, each on its own part of the rows ([`Trainer::of_members`]).
//!
//! The same network, settings and examples give the same bits, on one thread or many: random draws come from seeded
//! streams, and sums run in an order that depends on nothing else. So do a snapshot and what was left to do after it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use epochd::learning::activation::Activation;
//! use epochd::learning::diagnosis::Warning;
//! use epochd::learning::examples::{Examples, Targets};
//! use epochd::learning::network::Network;
//! use epochd::learning::report::{EndReason, EpochReport};
//! use epochd::learning::spec::ModelSpec;
//! use epochd::learning::trainer::{Control, Observer, Trainer};
//! use epochd::learning::training::{BatchSize, Classes, TrainingSpec};
//! use ndarray::arr2;
//!
//! /// Keeps the loss of the last epoch.
//! struct LastLoss(f64);
//!
//! impl Observer for LastLoss {
//!     fn batch(&mut self, _: usize) -> Control {
//!         Control::Continue
//!     }
//!     fn epoch(&mut self, report: &EpochReport) -> Control {
//!         self.0 = report.loss;
//!         Control::Continue
//!     }
//!     fn warning(&mut self, _: Warning) {}
//! }
//!
//! // XOR: four rows, two classes that no straight line parts.
//! let inputs = arr2(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
//! let examples = Examples::new(inputs.clone(), Targets::Values(arr2(&[[0.0], [1.0], [1.0], [0.0]])));
//! let layers = vec![2.into(), 8.into(), 1.into()];
//! let model = ModelSpec { layers, activation: Some(Activation::Tanh), ..ModelSpec::default() }.check()?.0;
//! let settings = TrainingSpec {
//!     epochs: Some(500),
//!     batch_size: Some(BatchSize::Full),
//!     learning_rate: Some(0.05),
//!     ..TrainingSpec::default()
//! };
//! let settings = settings.check(0, Classes::None)?;
//!
//! let mut last = LastLoss(f64::INFINITY);
//! let mut trainer = Trainer::new(Network::new(Arc::new(model)), &settings, &examples, None);
//! assert_eq!(trainer.run(&mut last)?.end, EndReason::Completed);
//! assert!(last.0 < 1e-3, "{}", last.0);
//! let outputs = trainer.into_network().predict(inputs.view());
//! assert!(outputs[(1, 0)] > 0.9 && outputs[(3, 0)] < 0.1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batches;
mod epochs;
mod learner;
mod memory;
mod observer;
mod refined;
mod state;
mod turns;

pub use epochs::Trainer;
pub use observer::{Control, Observer};
