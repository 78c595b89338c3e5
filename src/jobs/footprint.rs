//! The memory that a training takes: estimated before it is accepted, found out once its data is encoded.
//!
//! A training goes through phases, and what one of them made is gone before the next makes as much: its columns are read and
//! encoded; its network is trained; the version is measured beside a linear model; its file is written. It needs as much
//! memory as the largest of them.

use super::member_history::most_bytes;
use super::run::{linear_bytes, measuring_bytes, search_bytes, version_bytes};
use super::training::Training;
use crate::learning::examples::Examples;
use crate::learning::spec::ValidModelSpec;
use crate::learning::trainer::Trainer;
use crate::learning::training::ValidTrainingSpec;
use crate::models::explanation::background_places;

/// What a training takes in any case: buffers for storage, its record, its history.
const OVERHEAD: usize = 512 << 10;

/// What the memory of a training follows from.
pub(super) struct Footprint<'a> {
    /// The network that is trained; of several candidates, the largest.
    pub(super) network: &'a ValidModelSpec,
    /// The linear model that a model by data set is compared with.
    pub(super) linear: Option<ValidModelSpec>,
    pub(super) settings: &'a ValidTrainingSpec,
    /// Rows to train on.
    pub(super) train: usize,
    /// Rows held out, or of a data set of their own.
    pub(super) validation: usize,
    /// Whether rows have weights of their own.
    pub(super) weighted: bool,
    /// Features that are shuffled to learn their importance.
    pub(super) features: usize,
}

impl Footprint<'_> {
    /// Memory of all rows, encoded, with their targets and weights.
    pub(super) fn row_bytes(&self) -> usize {
        let network = self.network;
        let targets = if network.outputs() > 1 && network.classes().is_some() { 1 } else { network.outputs() };
        // What a version answers stands beside what is true.
        let answers = if self.settings.distill.is_some() { self.train.saturating_mul(network.outputs()) } else { 0 };
        let of_rows = (self.train + self.validation) * usize::from(self.weighted);
        let weights = of_rows + self.train * usize::from(self.settings.class_weight.is_some());
        let values = (self.train + self.validation).saturating_mul(network.inputs() + targets);
        values.saturating_add(weights).saturating_add(answers).saturating_mul(size_of::<f32>())
    }

    /// Memory of the training once its rows are encoded.
    pub(super) fn bytes(&self) -> usize {
        let (network, settings) = (self.network, self.settings);
        let parameters = version_bytes(settings, network.parameter_count());
        let measured = if self.validation > 0 { self.validation } else { self.train };
        // The truth of the rows that are measured, in the target's own unit at most.
        let rows = self.row_bytes().saturating_add(measured * size_of::<f64>());
        // What explanations begin at.
        let background = background_places(self.train, network.inputs()).len() * network.inputs() * size_of::<f32>();
        let rows = rows.saturating_add(if self.features > 0 { background } else { 0 });
        // Of each of several networks what its epochs reached, once more while a checkpoint is made, and as numbers.
        let epochs = settings.epochs.saturating_mul(settings.candidates);
        let histories = 4 * most_bytes(epochs, Some(settings.networks() as u64)) as usize;
        let rows = rows.saturating_add(histories);
        let training = Trainer::bytes(network, settings, self.train, self.validation)
            .saturating_add(Trainer::snapshot_bytes(network, settings, self.train));
        let held_out = self.validation > 0;
        let measuring = |network| measuring_bytes(network, self.features, measured, held_out);
        let of_linear = self.linear.as_ref().map_or(0, |linear| {
            let found = linear_bytes(linear, settings, self.train, self.validation);
            found.max(linear.parameter_count() * size_of::<f32>() + measuring(linear))
        });
        let measuring = parameters.saturating_add(measuring(network).max(of_linear));
        let search = search_bytes(settings, network.parameter_count(), self.validation);
        // The network, its file, and what is read of that to see that it can be.
        let writing = 3 * parameters;
        rows.saturating_add(training.max(measuring)).saturating_add(search).max(writing).saturating_add(OVERHEAD)
    }
}

/// Memory that a training of `model` on rows of its own needs, in bytes, about: in one of its phases the rows stand beside the
/// file that they were read from.
pub(super) fn of_rows(training: &Training, model: &ValidModelSpec) -> usize {
    let footprint = Footprint {
        network: model,
        linear: None,
        settings: &training.settings,
        train: training.train.rows(),
        validation: training.validation.as_ref().map_or(0, Examples::rows),
        weighted: training.train.weights().given().is_some(),
        features: 0,
    };
    footprint.bytes().max(2 * footprint.row_bytes())
}
