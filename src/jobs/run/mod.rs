//! The run of one job on a thread of its own: what it starts from, its epochs, and how its end is written down.

mod answering;
mod baseline;
mod beside_distilled;
mod binning;
mod blend;
mod checkpoint;
mod compare;
mod context;
mod depend;
mod distillation;
mod encoded;
mod ending;
mod epochs;
mod few_rows;
mod finish;
mod held_out;
mod initial;
mod measure;
mod observer;
mod out_of_fold;
mod pair;
mod prepare;
mod retry;
mod search;
mod start;
mod tables;
mod target_scale;
mod trial;
mod unpublished;
mod worker;

pub(super) use baseline::linear_settings;
pub(super) use context::RunContext;
pub(super) use ending::write_end;
pub(super) use measure::measuring_bytes;
pub(super) use search::{search_bytes, version_bytes};
pub(super) use worker::{Done, run};
