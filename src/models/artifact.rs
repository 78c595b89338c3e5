//! The file of a version: a safetensors file whose header says everything that is needed to use it.
//!
//! The header is JSON: `format` (the form of the file), `model` (the network's specification, as `POST /models` takes
//! it), `training` (what was reached, by which job; null in a file of initial parameters). The tensors are
//! `layers.0.weights` (inputs × units) and `layers.0.biases` (units) and so on. A version of a model by data set also has
//! `encoder` (from columns to the network's input), `table` (the model), `calibration` and `importance`, the tensors
//! `embeddings.0.weights` (values × dimensions) and so on, and the tensor `scores` (how far off it was on the rows held
//! out).
//!
//! Form 2 adds two things. Where several networks answer together, `members` lists each one's `model` and `weight`,
//! `model` being the first's, and the names of tensors begin with `members.0.`, `members.1.` and so on. Of a model by data
//! set there may be histograms of the training rows: of each feature `histograms.bins` has the number of its counts,
//! `histograms.counts` these counts, then the rows without a value, and `histograms.bounds` where its bins end, one feature
//! after the other. What needs neither is written as form 1, which earlier releases read. Every release reads every
//! earlier form; `tests/fixtures` keeps a file of each.
//!
//! Form 3 has of a model by data set the tensor `background` (rows × inputs) beside: encoded training rows, which explanations
//! begin at. A network may have the tensors `waves` (columns × parameters of a column) and `scale` (a factor for each input of the
//! first layer).
//!
//! Form 4 has `conformal` in its header: the parts of the rows held out that `scores` are of, and of a regression how large errors
//! are by what was answered. Without it `scores` are of all rows together, as in earlier forms. A network's specification may
//! name `unclipped` columns.
//!
//! In all forms there may be `split` (which rows were held out) and `curves` (points of the version's curves on the rows it was
//! measured on); earlier releases pass over what they do not know.

mod decode;
mod encode;
mod header;
mod histograms;
mod measures;
mod scores;

pub use decode::{Artifact, decode};
pub use encode::encode;
