//! Warnings that teach: what goes wrong in a run, where it shows, and what to do about it.
//!
//! Each rule has a threshold with its reason written beside it. A code is raised at most once a run. Rules that look
//! inside the network are checked on a probe of training rows after epochs 1, 2, 4, 8 … and the last, so that they cost
//! nothing that a long run would notice. What they say of the version that a run publishes is settled at its end
//! ([`hindsight`](super::hindsight)).

use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::bits;
use super::error::shown;
use super::network::{Network, Workspace};
use super::report::EpochReport;
use super::spec::Parametrization;
use super::stopping::Best;
use super::training::ValidTrainingSpec;

/// A column whose root mean square is above this is unscaled. Initializers assume values of about 1: at 10, a unit's z
/// spreads over tens, where sigmoid and tanh are flat and a step of plain gradient descent overshoots.
const UNSCALED_RMS: f64 = 10.0;
/// The first layer's gradient is vanishing when its norm is below this share of the last layer's: under plain gradient
/// descent it then learns a thousand times more slowly.
const VANISHING_RATIO: f64 = 1e-3;
/// Share of a layer's units that must be dead: half the layer is lost.
const DEAD_SHARE: f64 = 0.5;
/// An activation is saturated within this share of its range of a bound; sigmoid's slope is there below 4 % of its most.
const SATURATION_MARGIN: f32 = 0.01;
/// Share of a layer's activations that must be saturated: most of the layer passes no gradient.
const SATURATED_SHARE: f64 = 0.5;
/// Saturation is trouble only while the loss is above this share of the start's: units also saturate because they have
/// learned their answer.
const LEARNED_SHARE: f64 = 0.5;
/// A run has to bring the loss down by this share …
pub(super) const LEAST_FALL: f64 = 0.01;
/// … within this many epochs at least; a shorter run proves nothing.
const FALL_EPOCHS: u64 = 10;
/// A loss so many times the start's (or 1, if that is more) will not come back: the run has diverged although f32 could
/// go on counting.
const EXPLOSION: f64 = 1e6;

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum WarningCode {
    UnscaledInputs,
    VanishingGradient,
    DeadRelu,
    SaturatedUnits,
    Overfitting,
    LossNotFalling,
}

impl WarningCode {
    /// The code's word, as on the wire.
    pub fn word(self) -> String {
        let value = serde_json::to_value(self).expect("a code is a word");
        value.as_str().expect("a code is a word").to_owned()
    }
}

/// Something about a run that its owner should know, with what to do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// Stable word for it.
    pub code: WarningCode,
    /// What was seen, and a fix.
    pub message: String,
    /// The epoch after which it was seen; `None` before the first.
    pub epoch: Option<u64>,
    /// The layer it is about, counted from 1.
    pub layer: Option<usize>,
}

/// What is known after an epoch.
pub struct EpochFacts<'a> {
    /// What the epoch reached.
    pub report: &'a EpochReport,
    /// The best epoch so far.
    pub best: &'a Best,
    /// Whether it is the last epoch.
    pub last: bool,
}

/// The rules at work on one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    epochs: u64,
    #[serde(with = "bits")]
    learning_rate: f64,
    warm_start: bool,
    /// Loss before the first step, on some of the rows.
    #[serde(with = "bits")]
    pub(super) start_loss: f64,
    /// Loss of the first epoch, on all rows; not known of runs that an earlier release began.
    #[serde(default, with = "bits")]
    first_loss: Option<f64>,
    #[serde(with = "bits")]
    pub(super) first_validation: Option<f64>,
    #[serde(with = "bits")]
    lowest_loss: f64,
    /// Training loss of the epoch with the best watched loss.
    #[serde(with = "bits")]
    pub(super) loss_at_best: f64,
    unscaled: bool,
    pub(super) raised: Vec<WarningCode>,
}

impl Diagnosis {
    /// Rules for a run with these settings.
    pub fn new(settings: &ValidTrainingSpec) -> Self {
        Diagnosis {
            epochs: settings.epochs,
            learning_rate: settings.learning_rate,
            warm_start: settings.warm_start,
            start_loss: f64::INFINITY,
            first_loss: None,
            first_validation: None,
            lowest_loss: f64::INFINITY,
            loss_at_best: f64::INFINITY,
            unscaled: false,
            raised: Vec::new(),
        }
    }

    /// Before the first step: `loss` of the untrained network, and the training inputs without codes, which have no
    /// scale.
    pub fn start(&mut self, loss: f64, inputs: ArrayView2<f32>) -> Option<Warning> {
        self.start_loss = loss;
        let rms = |column: ndarray::ArrayView1<f32>| {
            (column.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / column.len() as f64).sqrt()
        };
        let columns: Vec<f64> = inputs.axis_iter(Axis(1)).map(rms).collect();
        let unscaled = columns.iter().filter(|rms| **rms > UNSCALED_RMS).count();
        let (column, largest) = columns.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
        self.unscaled = unscaled > 0;
        let message = format!(
            "{unscaled} of {} input columns are far from the scale of 1 that networks start from (column {column} has a \
             root mean square of {largest:.4}). Scale the inputs: subtract each column's mean and divide by its \
             standard deviation, or divide by its largest value.",
            columns.len()
        );
        self.raise(self.unscaled, WarningCode::UnscaledInputs, None, None, || message)
    }

    /// After an epoch: what its losses tell.
    pub fn epoch(&mut self, facts: &EpochFacts) -> Option<Warning> {
        let EpochFacts { report, best, last } = facts;
        self.lowest_loss = self.lowest_loss.min(report.loss);
        self.first_loss = self.first_loss.or(Some(report.loss));
        if best.epoch == report.epoch {
            self.loss_at_best = report.loss;
        }
        self.first_validation = self.first_validation.or(report.validation_loss);
        self.loss_not_falling(report, *last)
    }

    fn loss_not_falling(&mut self, report: &EpochReport, last: bool) -> Option<Warning> {
        let time = report.epoch >= FALL_EPOCHS && (last || report.epoch == FALL_EPOCHS.max(self.epochs / 2));
        let stuck = self.start_loss > 0.0 && self.lowest_loss > (1.0 - LEAST_FALL) * self.loss_to_fall_from();
        let (start, rate) = (self.loss_to_fall_from(), self.learning_rate);
        self.raise(time && stuck && !self.warm_start, WarningCode::LossNotFalling, Some(report.epoch), None, || {
            format!(
                "In {} epochs the loss has not fallen by 1 % from its start ({:.6}): it is {:.6} now. Try another \
                 learning_rate (now {}; ten times more, then ten times less), check that inputs are scaled and targets \
                 belong to their rows, or use optimizer adam.",
                report.epoch,
                start,
                report.loss,
                shown(rate)
            )
        })
    }

    /// The loss that a run is to bring down: that before its first step. It comes from some of the rows; where it was never
    /// reached again, few others may hold nearly all of the loss, and that of the first epoch, of all rows, stands in its place.
    pub(super) fn loss_to_fall_from(&self) -> f64 {
        let is_of_all = self.lowest_loss <= (1.0 + LEAST_FALL) * self.start_loss;
        if is_of_all { self.start_loss } else { self.first_loss.unwrap_or(self.start_loss) }
    }

    /// Whether the network should be looked at after this epoch.
    pub fn wants_probe(&self, epoch: u64, last: bool) -> bool {
        epoch.is_power_of_two() || last
    }

    /// Looks inside the network after a forward and backward pass over `rows` probe rows.
    pub fn probe(
        &mut self,
        network: &Network,
        workspace: &Workspace,
        rows: usize,
        report: &EpochReport,
    ) -> Vec<Warning> {
        let (first, last) = (network.first_dense(), network.layers().len() - 1);
        let mut warnings = Vec::new();
        for (i, layer) in network.layers().iter().enumerate().take(last).skip(first) {
            let (number, active) = (i + 1 - first, workspace.tape(i).active(rows * layer.units()));
            warnings.extend(self.dead_relu(number, layer.activation(), active, layer.units(), report.epoch));
            warnings.extend(self.saturated(number, layer.activation(), active, report));
        }
        let norm = |i: usize| {
            let gradient = &workspace.tape(i).gradient[..rows * network.layers()[i].units()];
            gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt()
        };
        let hidden = last - first;
        // Of such a network the last layer begins at 0, so that next to nothing comes back through it after a few batches, and AdamW
        // takes steps of one size in all layers: the ratio tells nothing of how they learn.
        let is_ntk = network.spec().parametrization == Parametrization::Ntk;
        if hidden >= 2 && !is_ntk {
            warnings.extend(self.vanishing(norm(first), norm(last), hidden, report.epoch));
        }
        warnings
    }

    fn dead_relu(
        &mut self,
        layer: usize,
        activation: Activation,
        active: &[f32],
        units: usize,
        epoch: u64,
    ) -> Option<Warning> {
        if activation != Activation::Relu {
            return None;
        }
        let alive = |unit: &usize| active[*unit..].iter().step_by(units).any(|a| *a > 0.0);
        let dead = units - (0..units).filter(alive).count();
        let holds = dead as f64 >= DEAD_SHARE * units as f64;
        self.raise(holds, WarningCode::DeadRelu, Some(epoch), Some(layer), || {
            format!(
                "{dead} of {units} ReLU units of layer {layer} are 0 for every row and no longer learn. Lower the \
                 learning_rate, use initializer he_uniform, or activation leaky_relu or silu."
            )
        })
    }

    fn saturated(
        &mut self,
        layer: usize,
        activation: Activation,
        active: &[f32],
        report: &EpochReport,
    ) -> Option<Warning> {
        let (low, high) = activation.bounds()?;
        let margin = SATURATION_MARGIN * (high - low);
        let count = active.iter().filter(|a| **a < low + margin || **a > high - margin).count();
        let share = count as f64 / active.len() as f64;
        let holds = share > SATURATED_SHARE && report.loss > LEARNED_SHARE * self.start_loss;
        self.raise(holds, WarningCode::SaturatedUnits, Some(report.epoch), Some(layer), || {
            format!(
                "{:.0} % of the activations of layer {layer} lie at the ends of {activation:?}, where its slope is \
                 nearly 0 and learning stops. Scale the inputs, lower the learning_rate, or use smaller initial \
                 weights (initializer glorot_uniform).",
                100.0 * share
            )
        })
    }

    fn vanishing(&mut self, first: f64, last: f64, hidden: usize, epoch: u64) -> Option<Warning> {
        // Before weights that begin as 0 there is no gradient at first, however short the way.
        let holds = first > 0.0 && first < VANISHING_RATIO * last;
        self.raise(holds, WarningCode::VanishingGradient, Some(epoch), Some(1), || {
            format!(
                "The gradient of layer 1 is {:.1e} times that of the last layer: {hidden} hidden layers shrink it on its \
                 way back, and the first ones hardly learn. Use activation relu or silu with initializer he_uniform, or \
                 fewer layers.",
                first / last
            )
        })
    }

    /// Whether a batch's mean loss has left all measure.
    pub fn exploded(&self, loss: f64) -> bool {
        loss > EXPLOSION * self.start_loss.max(1.0)
    }

    /// What to say of a run that diverged.
    pub fn cause_of_divergence(&self, seen: &str) -> String {
        if self.unscaled {
            format!("{seen}. The inputs are not scaled: divide each column by its standard deviation first")
        } else {
            let (rate, lower) = (shown(self.learning_rate), shown(self.learning_rate / 10.0));
            format!("{seen}. The learning_rate of {rate} is most likely too high: try {lower}")
        }
    }

    fn raise(
        &mut self,
        holds: bool,
        code: WarningCode,
        epoch: Option<u64>,
        layer: Option<usize>,
        message: impl FnOnce() -> String,
    ) -> Option<Warning> {
        if !holds || self.raised.contains(&code) {
            return None;
        }
        self.raised.push(code);
        Some(Warning { code, message: message(), epoch, layer })
    }
}
