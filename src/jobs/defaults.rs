//! What a recipe fills in where the settings of a training leave it open.

use super::speed::of_weights;
use crate::data::encoder::Task;
use crate::learning::loss::Loss;
use crate::learning::members::MAX_MEMBERS;
use crate::learning::optimizer::Optimizer;
use crate::learning::schedule::Schedule;
use crate::learning::spec::{Parametrization, ValidModelSpec};
use crate::learning::stopping::EarlyStopping;
use crate::learning::training::{BatchSize, TargetScale, TrainingSpec};
use crate::models::recipe::Recipe;

/// Multiply-adds that a training of the standard recipe may take where no number of epochs is asked for: half a minute of two
/// cores.
const WORK: f64 = 1e12;
/// Epochs for that, at least and at most.
const EPOCHS: (f64, f64) = (16.0, 256.0);
/// More do no good once a network has been shown so many rows, in no fewer and no more epochs than that…
const SHOWN: f64 = 350_000.0;
const ENOUGH: (f64, f64) = (32.0, 64.0);
/// … unless rows are so few that these are not so many shown: an epoch is a few batches then.
const SHOWN_OF_FEW: f64 = 45_000.0;

/// Below so many rows five networks learn, each without another fifth of them: one part alone would say little of which epoch is the
/// best, and the rows in it would teach nothing.
const FEW_ROWS: usize = 5_000;
/// So they do where fewer rows than that are of another class than the most frequent one: nearly all that can be learned is in
/// those.
const FEW_UNCOMMON: usize = 500;
const FOLDS: u64 = 5;
/// Of more rows three networks learn in the time of one that learns for longer, if the work allows them: their mean errs less.
const NETWORKS: u64 = 3;

/// λ.
pub(super) const WEIGHT_DECAY: f64 = 0.02;
/// Candidates of the recipe `best`, and seconds that it takes for them.
const CANDIDATES: u64 = 32;
const SECONDS: f64 = 300.0;

/// η of `plain`, and of what has no NTK parametrization.
const PLAIN_RATE: f64 = 2e-3;

/// The learning rate of the standard recipe.
pub(super) fn learning_rate(task: Task, parametrization: Parametrization) -> f64 {
    match (parametrization, task) {
        (Parametrization::Standard, _) => PLAIN_RATE,
        (Parametrization::Ntk, Task::Regression) => 0.15,
        (Parametrization::Ntk, Task::Classification) => 0.04,
    }
}

/// What a training is asked for on.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) task: Task,
    /// About what the network is.
    pub(super) network: &'a ValidModelSpec,
    pub(super) rows: usize,
    /// Rows of another class than the most frequent one.
    pub(super) uncommon: Option<usize>,
    /// Whether there are other rows to validate on.
    pub(super) validated: bool,
}

impl Ground<'_> {
    /// The settings with those of the recipe where the client chose none.
    pub(super) fn settle(&self, recipe: Recipe, settings: TrainingSpec) -> TrainingSpec {
        let share = if self.validated { 0.0 } else { self.held_out_share(recipe) };
        let settings = TrainingSpec { validation_split: settings.validation_split.or(Some(share)), ..settings };
        if settings.distill.is_some() {
            return self.distilling(recipe, settings);
        }
        self.of_recipe(recipe, settings)
    }

    /// One network, however many the recipe would have, on the scale of the version that it learns from.
    fn distilling(&self, recipe: Recipe, settings: TrainingSpec) -> TrainingSpec {
        let recipe = if recipe == Recipe::Best { Recipe::Standard } else { recipe };
        let target_scale = settings.target_scale;
        let one = TrainingSpec { members: settings.members.or(Some(1)), ..settings };
        // What another version answers has no noise that could be learned by heart.
        let one = if recipe == Recipe::Plain { one } else { self.long(one) };
        TrainingSpec { target_scale, ..self.of_recipe(recipe, one) }
    }

    fn of_recipe(&self, recipe: Recipe, settings: TrainingSpec) -> TrainingSpec {
        match recipe {
            Recipe::Plain => self.plain(settings),
            Recipe::Standard => self.standard(settings),
            Recipe::Best => self.best(settings),
        }
    }

    fn plain(&self, settings: TrainingSpec) -> TrainingSpec {
        let batch_size = match self.rows {
            0..1_000 => 32,
            1_000..8_000 => 64,
            8_000..30_000 => 128,
            _ => 256,
        };
        let epochs = (3_000_000 / self.rows.max(1)).clamp(30, 200) as u64;
        let is_open = settings.learning_rate_schedule.is_none() && settings.optimizer.is_none();
        let stopping = EarlyStopping { patience: 40, ..EarlyStopping::default() };
        TrainingSpec {
            epochs: settings.epochs.or(Some(epochs)),
            batch_size: settings.batch_size.or(Some(BatchSize::Rows(batch_size))),
            optimizer: settings.optimizer.or(Some(Optimizer::adamw())),
            learning_rate: settings.learning_rate.or(is_open.then_some(PLAIN_RATE)),
            learning_rate_schedule: settings.learning_rate_schedule.or(Some(Schedule::cosine())),
            early_stopping: settings.early_stopping.or(Some(Some(stopping))),
            ..settings
        }
    }

    /// After Holzmüller, Grinsztajn & Steinwart 2024.
    fn standard(&self, settings: TrainingSpec) -> TrainingSpec {
        let batch_size = match self.rows {
            0..1_024 => 64,
            1_024..8_192 => 128,
            _ => 256,
        };
        let is_open = settings.learning_rate_schedule.is_none() && settings.optimizer.is_none();
        let rate = learning_rate(self.task, self.network.parametrization);
        let settings = TrainingSpec { members: settings.members.or_else(|| self.members(&settings)), ..settings };
        let epochs = settings.epochs.unwrap_or_else(|| self.epochs(&settings));
        let (schedule, all_epochs) = self.waves(&settings, epochs);
        // A wave of the schedule and more after that of the best epoch: each ends at twice the epoch of the one before and a
        // fifteenth of all epochs.
        let stopping = EarlyStopping {
            patience: (epochs * 2 / 9).max(5),
            growth: 1.0,
            calibrated: self.task == Task::Classification,
            ..EarlyStopping::default()
        };
        TrainingSpec {
            epochs: Some(all_epochs),
            batch_size: settings.batch_size.or(Some(BatchSize::Rows(batch_size))),
            optimizer: settings.optimizer.or(Some(Optimizer::Adamw { beta1: 0.9, beta2: 0.95, epsilon: 1e-8 })),
            learning_rate: settings.learning_rate.or(is_open.then_some(rate)),
            weight_decay: settings.weight_decay.or(is_open.then_some(WEIGHT_DECAY)),
            learning_rate_schedule: settings.learning_rate_schedule.or(Some(schedule)),
            early_stopping: settings.early_stopping.or(Some(Some(stopping))),
            // A mean may be learned in either scale; other losses say themselves what of the target is to be answered.
            target_scale: settings.target_scale.or((self.network.loss == Loss::Mse).then_some(TargetScale::Auto)),
            ..settings
        }
    }

    /// After Caruana et al. 2004, and with settings drawn by lot (Bergstra & Bengio 2012, "Random Search for Hyper-Parameter
    /// Optimization"). Where no rows are held out there is nothing to choose by.
    fn best(&self, settings: TrainingSpec) -> TrainingSpec {
        // All learn for long: those that were drawn to learn slowly shall have their time.
        let members = settings.members.or_else(|| self.members(&settings));
        let settings = self.standard(self.long(TrainingSpec { members, ..settings }));
        let chooses = self.validated || settings.validation_split.unwrap_or(0.0) > 0.0;
        let candidates = if chooses && settings.warm_start != Some(true) { CANDIDATES } else { 1 };
        TrainingSpec {
            candidates: settings.candidates.or(Some(candidates)),
            max_seconds: settings.max_seconds.or(Some(SECONDS)),
            ..settings
        }
    }

    /// Networks that learn side by side; none said for a warm start, which goes on with those of its version.
    fn members(&self, settings: &TrainingSpec) -> Option<u64> {
        let members = match () {
            () if self.has_few_rows() => FOLDS,
            () if self.allows(NETWORKS, EPOCHS.0) => NETWORKS,
            () => 1,
        };
        let most = most_members(settings.validation_split.unwrap_or(0.0));
        (settings.warm_start != Some(true)).then_some(members.min(most))
    }

    /// Whether a part of the rows would say too little.
    fn has_few_rows(&self) -> bool {
        let few_tell = self.uncommon.is_some_and(|rows| rows < FEW_UNCOMMON);
        self.rows < FEW_ROWS || few_tell && self.allows(FOLDS, ENOUGH.0)
    }

    /// The share of rows held out: enough of them to choose an epoch by, not more than 20,000.
    fn held_out_share(&self, recipe: Recipe) -> f64 {
        match self.rows {
            _ if recipe != Recipe::Plain && self.has_few_rows() => 0.2,
            0..FEW_ROWS => 0.2,
            FEW_ROWS..50_000 => 0.15,
            rows => (20_000.0 / rows as f64).min(0.1),
        }
    }

    /// The schedule and the epochs of all its waves, of which four take `epochs`. One more may follow where nobody has said for how
    /// long to train, nor that it shall not stop early, rows held out tell what it brings, and the work allows more than the least.
    fn waves(&self, settings: &TrainingSpec, epochs: u64) -> (Schedule, u64) {
        let may_stop = settings.early_stopping != Some(None);
        let is_open = settings.epochs.is_none() && settings.learning_rate_schedule.is_none() && may_stop;
        let is_told = self.validated || settings.validation_split.unwrap_or(0.0) > 0.0;
        match is_open && is_told && epochs as f64 > EPOCHS.0 {
            true => Schedule::coslog4_and_one(epochs),
            false => (Schedule::coslog4(), epochs),
        }
    }

    /// As many epochs as do good and the work allows.
    fn epochs(&self, settings: &TrainingSpec) -> u64 {
        let rows = self.learned_from(settings);
        let enough = (SHOWN / rows).clamp(ENOUGH.0, ENOUGH.1).max(SHOWN_OF_FEW / rows).min(EPOCHS.1);
        self.epochs_at_most(enough, settings)
    }

    /// The settings with as many epochs as the work allows.
    fn long(&self, settings: TrainingSpec) -> TrainingSpec {
        let epochs = settings.epochs.unwrap_or_else(|| self.epochs_at_most(EPOCHS.1, &settings));
        TrainingSpec { epochs: Some(epochs), ..settings }
    }

    fn epochs_at_most(&self, most: f64, settings: &TrainingSpec) -> u64 {
        let rows = self.learned_from(settings) * settings.members.unwrap_or(1) as f64;
        self.epochs_of_work(rows).clamp(EPOCHS.0, most).round() as u64
    }

    /// Rows that one network learns from.
    fn learned_from(&self, settings: &TrainingSpec) -> f64 {
        (self.rows as f64 * (1.0 - settings.validation_split.unwrap_or(0.0))).max(1.0)
    }

    /// Whether the work allows so many networks so many epochs.
    fn allows(&self, members: u64, epochs: f64) -> bool {
        self.epochs_of_work(self.rows as f64 * members as f64) >= epochs
    }

    /// Epochs of the work where so many rows are learned from in each.
    fn epochs_of_work(&self, rows: f64) -> f64 {
        WORK / (of_weights(self.network) * rows.max(1.0))
    }
}

/// How many networks can hold out a share of the rows each that no other one does.
pub(super) fn most_members(share: f64) -> u64 {
    if share > 0.0 { (1.0 / share + 1e-9).floor() as u64 } else { MAX_MEMBERS as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::spec::ModelSpec;

    fn settled(rows: usize, settings: TrainingSpec) -> TrainingSpec {
        settled_by(Recipe::Standard, rows, None, settings)
    }

    fn settled_by(recipe: Recipe, rows: usize, uncommon: Option<usize>, settings: TrainingSpec) -> TrainingSpec {
        let layers = vec![60.into(), 256.into(), 256.into(), 256.into(), 1.into()];
        let parametrization = Parametrization::Ntk;
        let network = ModelSpec { layers, parametrization, ..ModelSpec::default() }.check().expect("a network").0;
        let ground = Ground { task: Task::Classification, network: &network, rows, uncommon, validated: false };
        ground.settle(recipe, settings)
    }

    #[test]
    fn epochs_follow_from_the_work_of_one() {
        let epochs = |rows| settled(rows, TrainingSpec::default()).epochs.expect("epochs");
        let waves = |epochs| Schedule::coslog4_and_one(epochs).1;
        assert_eq!((epochs(100), epochs(1_000), epochs(20_000)), (waves(256), waves(64), waves(32)));
        assert_eq!(epochs(10_000_000), 16);
        // Each of five networks is shown 400 rows in an epoch.
        assert_eq!(epochs(500), waves(113));
        // Three networks of 146,688 weights, 25,500 rows to train on, three passes.
        assert_eq!(epochs(30_000), waves(30));
        let asked = TrainingSpec { epochs: Some(60), members: Some(1), ..TrainingSpec::default() };
        let asked = settled(4_500, asked);
        assert_eq!((asked.epochs, asked.members), (Some(60), Some(1)));
        assert_eq!(asked.early_stopping.flatten().map(|stopping| stopping.patience), Some(13));
    }

    #[test]
    fn a_wave_more_may_follow_where_nobody_has_said_for_how_long_and_rows_tell_what_it_brings() {
        let of = |settings| {
            let settled = settled(1_000, settings);
            (settled.epochs, settled.learning_rate_schedule)
        };
        let (schedule, epochs) = Schedule::coslog4_and_one(64);
        assert_eq!(of(TrainingSpec::default()), (Some(epochs), Some(schedule)));
        let four = Some(Schedule::coslog4());
        assert_eq!(of(TrainingSpec { epochs: Some(30), ..TrainingSpec::default() }), (Some(30), four.clone()));
        assert_eq!(
            of(TrainingSpec { early_stopping: Some(None), ..TrainingSpec::default() }),
            (Some(64), four.clone())
        );
        assert_eq!(of(TrainingSpec { validation_split: Some(0.0), ..TrainingSpec::default() }), (Some(64), four));
        let cosine = Some(Schedule::cosine());
        let asked = TrainingSpec { learning_rate_schedule: cosine.clone(), ..TrainingSpec::default() };
        assert_eq!(of(asked), (Some(64), cosine));
        let stopping = settled(1_000, TrainingSpec::default()).early_stopping.flatten();
        assert_eq!(stopping.map(|stopping| stopping.patience), Some(14), "by the epochs of the four");
    }

    #[test]
    fn small_tables_have_as_many_networks_as_hold_out_other_rows() {
        let members =
            |rows, share| settled(rows, TrainingSpec { validation_split: share, ..TrainingSpec::default() }).members;
        assert_eq!((members(4_999, None), members(5_000, None), members(50_000, None)), (Some(5), Some(3), Some(1)));
        assert_eq!(
            (members(100, Some(0.5)), members(100, Some(0.0)), members(100, Some(0.9))),
            (Some(2), Some(5), Some(1))
        );
        let goes_on = TrainingSpec { warm_start: Some(true), ..TrainingSpec::default() };
        assert_eq!(settled(100, goes_on).members, None);
    }

    #[test]
    fn what_is_chosen_from_or_learns_from_another_version_may_learn_for_longer() {
        let of = |recipe, distill| {
            let settings = TrainingSpec { distill, ..TrainingSpec::default() };
            let settings = settled_by(recipe, 20_000, None, settings);
            (settings.members, settings.epochs)
        };
        assert_eq!(of(Recipe::Standard, None), (Some(3), Some(66)));
        // 17,000 rows to train on.
        assert_eq!(of(Recipe::Best, None), (Some(3), Some(45)));
        assert_eq!(of(Recipe::Standard, Some(1)), (Some(1), Some(134)));
    }

    #[test]
    fn rows_of_which_few_are_of_another_class_have_several_networks_if_the_work_allows_them() {
        let of = |rows, uncommon| settled_by(Recipe::Standard, rows, Some(uncommon), TrainingSpec::default());
        let settled = of(8_000, 160);
        assert_eq!((settled.members, settled.validation_split), (Some(5), Some(0.2)));
        let settled = of(8_000, 500);
        assert_eq!((settled.members, settled.validation_split), (Some(3), Some(0.15)));
        assert_eq!(of(80_000, 160).members, Some(1));
    }
}
