//! The learning core: networks, losses, optimizers and training. No I/O and no clock; the only threads are those of a
//! [`team`], which work off a batch together and change none of its bits.
//!
//! Read it in this order: [`activation`], [`loss`], [`layer`], [`network`] (forward and backward pass), [`optimizer`],
//! [`trainer`] (the epoch loop); then [`kernels`] and [`team`], which make it fast. Names and formulas are the field's;
//! each says where it comes from.
//!
//! Numbers are f32; losses and metrics are summed in f64. Matrices are row-major, one row per example.
//!
//! The parts of a training, from large to small, each with one name:
//!
//! | word | what it is | elsewhere |
//! |---|---|---|
//! | epoch | all training rows once | |
//! | batch | the rows of one step | mini-batch |
//! | shard | rows of a batch that pass through the network at once, so that memory is bounded | micro-batch |
//! | tile | rows of a shard that one thread takes through the network | |
//! | group | parameters with the same factors on learning rate and decay | parameter group |
//! | block | parameters of one layer whose gradient is found, and stepped on, by itself | |
//! | bundle | neighbouring blocks that one thread takes at a time | |

pub mod activate;
pub mod activation;
mod bits;
pub mod calibration;
pub mod class_weight;
pub mod conformal;
pub mod curves;
pub mod diagnosis;
pub mod error;
pub mod error_size;
mod evaluation;
pub mod examples;
pub mod hindsight;
pub mod importance;
pub mod init;
pub mod kernels;
pub mod layer;
pub mod linear;
pub mod loss;
pub mod members;
pub mod metric;
pub mod metrics;
pub mod network;
pub mod optimizer;
pub mod parts;
pub mod predicted;
pub mod random;
pub mod regularization;
pub mod report;
pub mod roc;
pub mod row_weights;
pub mod schedule;
pub mod selection;
pub mod shapley;
pub mod snapshot;
pub mod spec;
pub mod split;
pub mod stability;
pub mod stopping;
pub mod team;
mod tile;
pub mod tiling;
pub mod trace;
pub mod trainer;
pub mod training;
