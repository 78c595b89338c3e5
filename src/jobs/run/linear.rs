//! The linear model beside the networks of a training: solved exactly where that is possible, else learned in steps.
//!
//! Of numbers, with no more than some hundred columns, it is a ridge regression, or of another loss than the squared error several one
//! after the other. It sees numbers as the networks do, with extremes drawn in, or as they are: rows held out choose, and the penalty
//! with it. Classes, what has more columns, and what would take long, take steps of AdamW.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::RunContext;
use super::trial::While;
use super::unpublished::Stopped;
use crate::data::encoder::Encoder;
use crate::jobs::training::Training;
use crate::learning::examples::{Examples, Targets};
use crate::learning::linear::{Design, Equations, MOST_STEPS, Moments, Row, loss_of, reweighted};
use crate::learning::loss::Loss;
use crate::learning::members::Members;
use crate::learning::network::Network;
use crate::learning::optimizer::Optimizer;
use crate::learning::report::EndReason;
use crate::learning::schedule::Schedule;
use crate::learning::spec::ValidModelSpec;
use crate::learning::stopping::EarlyStopping;
use crate::learning::team::Team;
use crate::learning::trainer::Trainer;
use crate::learning::training::ValidTrainingSpec;
use crate::models::table::TableSpec;

/// Whether the work may go on.
type GoOn<'a> = &'a (dyn Fn() -> bool + Sync);

/// Columns up to which the regression is solved exactly: its work grows with their third power.
const MOST_COLUMNS: usize = 700;
/// Multiply-adds up to which several regressions are solved one after the other: some seconds.
const MOST_WORK: f64 = 2e10;
/// The penalties that rows held out choose from, and the place of the one that is taken where there are none.
const PENALTIES: [f64; 8] = [1e-6, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0];
const UNCHOSEN: usize = 2;
/// Numbers with extremes drawn in, and as they are.
const VIEWS: usize = 2;
/// By how many times the squares the straight way may err, of a target that moves with time, and is taken all the same: numbers as they
/// are, and a large share of the linear model.
pub(super) const STRAIGHT: f64 = 1.1;
/// Rows between two looks whether the job is to stop.
const ROWS_AT_ONCE: usize = 256;
/// About how many steps the linear model takes otherwise, and its learning rate: enough, as its loss is convex and its inputs are
/// scaled.
const STEPS: u64 = 4000;
const RATE: f64 = 0.02;
/// Where it is nothing but a baseline, the linear model may take this share of the time that the network's training took, but so
/// many seconds in any case. If it is not done by then, the version has no linear baseline.
const SHARE: f64 = 0.5;
const SECONDS: Duration = Duration::from_secs(5);

/// A linear model that learned from the same rows, or one for each fold; `None` if it diverges or, if it is not wanted for the
/// version itself, takes too long.
///
/// # Errors
/// The job is to stop meanwhile.
pub(super) fn trained(
    context: &RunContext,
    training: &Training,
    spec: &TableSpec,
    encoder: &Encoder,
    is_wanted: bool,
) -> Result<Option<Members>, Stopped> {
    let job = context.job;
    let Ok(spec) = spec.linear(encoder) else { return Ok(None) };
    let allowed = SECONDS.max(job.progress.trained().mul_f64(SHARE));
    let until = (!is_wanted).then(|| Instant::now() + allowed);
    let go_on = || !job.control.is_urgent() && until.is_none_or(|until| Instant::now() < until);
    let found = match solved_columns(&spec, training.train.rows(), training.folds.len()) {
        Some(_) => solved(training, &spec, encoder, &go_on),
        None => stepped(context, training, spec, &go_on),
    };
    if job.control.is_urgent() { Err(Stopped) } else { Ok(found) }
}

/// Memory of finding the linear model of this network on so many rows to train on and to measure, in bytes.
pub(in crate::jobs) fn bytes(
    spec: &ValidModelSpec,
    settings: &ValidTrainingSpec,
    train: usize,
    held_out: usize,
) -> usize {
    let stepped = Trainer::bytes(spec, &step_settings(train, settings), train, held_out);
    // Sums of each fold and of the rows behind them, those without a fold, their equations, and what is solved of these.
    let of_sums = |columns| Moments::bytes(columns).saturating_mul(settings.networks() + 4);
    // As for one fold: whether several take too long for it is not known yet.
    let columns = solved_columns(spec, train, 1);
    columns.map_or(stepped, |columns| stepped.max(of_sums(columns)))
}

/// The columns that the network's parameters are solved for; `None` where they are learned in steps.
fn solved_columns(spec: &ValidModelSpec, rows: usize, folds: usize) -> Option<usize> {
    let design = Design::of(Arc::new(spec.clone()))?;
    let passes = if design.loss() == Loss::Mse { 0 } else { VIEWS * folds.max(1) * MOST_STEPS };
    let work = (rows * passes) as f64 * (design.in_a_row() as f64).powi(2);
    let columns = design.columns();
    (columns <= MOST_COLUMNS && work <= MOST_WORK).then_some(columns)
}

/// Networks with the parameters that err least, for each fold those of the other rows; `None` once `go_on` says no, or where there is
/// no solution.
fn solved(training: &Training, spec: &ValidModelSpec, encoder: &Encoder, go_on: GoOn) -> Option<Members> {
    let (numbers, bounds) = (encoder.numbers(), encoder.target.learned_bounds()?);
    let logarithm = |rate: f64| rate.max(f64::from(f32::EPSILON)).ln();
    let range = if spec.loss == Loss::Poisson { (logarithm(bounds.0), logarithm(bounds.1)) } else { bounds };
    // What is drawn in stays so where nothing says otherwise.
    let views = if training.validation.is_some() && !numbers.is_empty() { VIEWS } else { 1 };
    // What moves with time goes on beyond all that was, which only straight lines do.
    let may_err_more = if encoder.target.moves() { STRAIGHT } else { 1.0 };
    let mut best: Option<(f64, Vec<Network>)> = None;
    for unclipped in [Vec::new(), numbers].into_iter().take(views) {
        let design = Design::of(Arc::new(ValidModelSpec { unclipped, ..spec.clone() }))?;
        let Some((loss, networks)) = of_view(training, &design, range, go_on) else { break };
        // Of rates the loss may be below 0.
        if best.as_ref().is_none_or(|(least, _)| loss < least + (may_err_more - 1.0) * least.abs()) {
            best = Some((loss, networks));
        }
    }
    best.map(|(_, networks)| Members::alike(networks))
}

/// The networks of one view of the numbers, with the penalty that errs least on rows held out, where answers are kept within
/// `range`, and by how much.
fn of_view(training: &Training, design: &Design, range: (f64, f64), go_on: GoOn) -> Option<(f64, Vec<Network>)> {
    let Training { validation, folds, .. } = training;
    let sums = if design.loss() == Loss::Mse { Some(Sums::of(training, design, go_on)?) } else { None };
    let (mut losses, mut found) = (vec![0.0; PENALTIES.len()], Vec::new());
    for number in 0..folds.len().max(1) {
        // Those that learn from all rows are alike.
        if number > 1 && folds[number - 1].is_empty() && folds[number].is_empty() {
            found.extend(found.last().cloned());
            continue;
        }
        let equations = match &sums {
            Some(sums) => sums.without(number).equations(),
            None => reweighted_without(number, training, design, go_on)?,
        };
        let solve = |penalty: &f64| go_on().then(|| equations.solve(*penalty));
        let weights = PENALTIES.iter().map(solve).collect::<Option<Vec<_>>>()?;
        if let Some(validation) = validation {
            let rows = folds.get(number).cloned().unwrap_or(0..validation.rows());
            add_losses(&Held { design, examples: validation, rows, range }, &weights, &mut losses, go_on)?;
        }
        found.push(weights);
    }
    let least = (0..PENALTIES.len()).min_by(|one, other| losses[*one].total_cmp(&losses[*other]));
    let chosen = if validation.is_some() { least? } else { UNCHOSEN };
    let networks = found.iter().map(|weights| design.network(weights[chosen].as_ref()?)).collect::<Option<_>>()?;
    Some((losses[chosen], networks))
}

/// The sums over the rows of each fold, and over those of none.
struct Sums {
    of_folds: Vec<Moments>,
    of_others: Moments,
}

impl Sums {
    fn of(training: &Training, design: &Design, go_on: GoOn) -> Option<Self> {
        let Training { train, folds, .. } = training;
        let of_rows = |rows: &Range<usize>| moments(design, train, rows.clone(), go_on);
        let of_folds = folds.iter().map(of_rows).collect::<Option<_>>()?;
        Some(Sums { of_folds, of_others: of_rows(&behind(training))? })
    }

    /// Those of all rows but those of a fold.
    fn without(&self, number: usize) -> Moments {
        let others = self.of_folds.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, of_fold)| of_fold);
        others.fold(self.of_others.clone(), Moments::with)
    }
}

/// The rows to train on behind those of all folds.
fn behind(training: &Training) -> Range<usize> {
    training.folds.last().map_or(0, |last| last.end)..training.train.rows()
}

/// The equations of all rows but those of a fold whose solution errs least by the loss of `design`.
fn reweighted_without(number: usize, training: &Training, design: &Design, go_on: GoOn) -> Option<Equations> {
    let Training { train, folds, .. } = training;
    let others = folds.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, rows)| rows.clone());
    let (ranges, weights) = (others.chain([behind(training)]).collect::<Vec<_>>(), train.loss_weights());
    reweighted(design.loss(), &design.moments(), &mut |see| {
        ranges.iter().try_for_each(|rows| {
            let mut each = |row: &Row, number: usize, target: f64| see(row, target, weights.get(number));
            for_each_row(design, train, rows.clone(), go_on, &mut each)
        })
    })
}

/// Rows held out that weights are measured on.
struct Held<'a> {
    design: &'a Design,
    examples: &'a Examples,
    rows: Range<usize>,
    /// That of logits.
    range: (f64, f64),
}

/// The sums over these rows.
fn moments(design: &Design, examples: &Examples, rows: Range<usize>, go_on: GoOn) -> Option<Moments> {
    let mut moments = design.moments();
    let weights = examples.loss_weights();
    for_each_row(design, examples, rows, go_on, &mut |row, number, target| {
        moments.add(row, target, weights.get(number));
    })?;
    Some(moments)
}

/// Adds to the loss of each penalty that of its weights on these rows; infinite where it has no weights.
fn add_losses(held: &Held, weights: &[Option<Vec<f64>>], losses: &mut [f64], go_on: GoOn) -> Option<()> {
    let Held { design, examples, rows, range: (least, most) } = held;
    let counted = examples.weights();
    for_each_row(design, examples, rows.clone(), go_on, &mut |row, number, target| {
        for (loss, weights) in losses.iter_mut().zip(weights) {
            let answer = |weights: &Vec<f64>| row.times(weights).clamp(*least, *most);
            let of_row = |weights: &Vec<f64>| loss_of(design.loss(), target, answer(weights));
            *loss += counted.get(number) * weights.as_ref().map_or(f64::INFINITY, of_row);
        }
    })
}

/// Hands these rows to `see` with their numbers and targets; `None` once `go_on` says no, or if they have no number to answer.
fn for_each_row(
    design: &Design,
    examples: &Examples,
    rows: Range<usize>,
    go_on: GoOn,
    see: &mut dyn FnMut(&Row, usize, f64),
) -> Option<()> {
    let Targets::Values(targets) = examples.targets() else { return None };
    let mut row = Row::default();
    for number in rows {
        if number % ROWS_AT_ONCE == 0 && !go_on() {
            return None;
        }
        design.read(examples.input_rows(number, number + 1), &mut row);
        see(&row, number, f64::from(targets[[number, 0]]));
    }
    Some(())
}

/// Networks that learned in steps; `None` if they diverge, or once `go_on` says no.
fn stepped(context: &RunContext, training: &Training, spec: ValidModelSpec, go_on: GoOn) -> Option<Members> {
    let Training { train, validation, folds, settings, .. } = training;
    let settings = step_settings(train.rows(), settings);
    let spec = Arc::new(spec);
    // One for each network beside which it is measured, on the same rows.
    let networks = (0..folds.len().max(1)).map(|_| Network::new(spec.clone())).collect();
    let trainer = Trainer::of_members(networks, &settings, train, validation.as_ref(), folds);
    let mut trainer = trainer.on(Team::on(context.cores));
    let ended = trainer.run(&mut While(go_on));
    let is_done = ended.is_ok_and(|summary| summary.end != EndReason::Stopped);
    is_done.then(|| Members::alike(trainer.into_networks()))
}

/// The settings of a linear model that learns in steps beside a training on `rows` rows: its rows and weights, and an optimizer of its
/// own.
fn step_settings(rows: usize, settings: &ValidTrainingSpec) -> ValidTrainingSpec {
    let batches = rows.div_ceil(settings.batch_size.of(rows)).max(1);
    ValidTrainingSpec {
        epochs: (STEPS / batches as u64).clamp(10, 500),
        optimizer: Optimizer::adamw(),
        weight_decay: Optimizer::adamw().default_weight_decay(),
        learning_rate: RATE,
        learning_rate_schedule: Schedule::cosine(),
        early_stopping: Some(EarlyStopping::default()),
        ..settings.clone()
    }
}

#[cfg(test)]
mod tests {
    use crate::data::encoder::scale::Scale;
    use crate::learning::layer::unclipped;

    /// The core does not know the encoder: that the layer takes back what this does is held here.
    #[test]
    fn a_number_that_the_encoder_has_clipped_is_seen_as_it_was() {
        let scale = Scale { center: 10.0, width: 2.0 };
        for z in [0.0, 0.5, -2.0, 30.0, -250.0] {
            let seen = f64::from(unclipped(scale.apply(10.0 + 2.0 * z)));
            assert!((seen - z).abs() <= 1e-6 + 3e-3 * z.abs(), "{z}: {seen}");
        }
    }
}
