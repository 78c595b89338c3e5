//! Why a version of a model by data set answers to a row as it does: what each column brings.

use ndarray::{ArrayView2, Axis};

use super::prediction::{Answers, Explanation, TablePredictor};
use super::scoring::probabilities;
use crate::data::column::Table;
use crate::data::encoder::EncodeError;
use crate::learning::examples::most_likely;
use crate::learning::random::{Purpose, generator};
use crate::learning::shapley::{Shapley, shapley};
use crate::learning::tiling::{evenly_spaced, widest};

/// Training rows that a version keeps to begin walks at, and values of them, at most.
pub(super) const MOST_BACKGROUND_ROWS: usize = 32;
const BACKGROUND_VALUES: usize = 1 << 20;
/// Columns that are looked at one by one, those of most importance; the others count together.
const MOST_COLUMNS: usize = 128;
/// Multiply-adds that the explanation of a row may take, about, and what a row of a walk counts at least.
const WORK: usize = 2_000_000_000;
const LEAST_ROW_WORK: usize = 1_000;
/// Background rows that are begun at in any case, if there are so many.
const LEAST_ROWS: usize = 4;

/// The places of the training rows that a version keeps, of `rows` rows of `width` values: evenly spaced.
pub fn background_places(rows: usize, width: usize) -> Vec<usize> {
    evenly_spaced(MOST_BACKGROUND_ROWS.min(BACKGROUND_VALUES / width.max(1)).max(1).min(rows), rows)
}

impl TablePredictor<'_> {
    /// Explanations of `answers`, which it gave to the rows of `table`, with the `top` columns of each. They end early once `go_on`
    /// says no.
    ///
    /// # Errors
    /// A column is missing or of a wrong type.
    pub fn explain(
        self,
        table: &Table,
        answers: &Answers,
        top: usize,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Vec<Explanation>, EncodeError> {
        let Some(background) = &self.parts.background else { return Ok(Vec::new()) };
        let inputs = self.parts.encoder.transform(table)?.inputs;
        let (features, groups) = self.explained_groups();
        let rows = self.background_rows(groups.len(), background.nrows());
        let background = background.select(Axis(0), &rows);
        let explained = inputs.outer_iter().enumerate().map_while(|(row, inputs)| {
            let row_inputs = inputs.as_slice().expect("row-major inputs");
            let mut generator = generator(self.parts.spec.seed, Purpose::Explanation);
            let (answer, class) = served(answers, row);
            let mut answer_to = |rows: ArrayView2<f32>| go_on().then(|| self.answers_to(rows, class));
            let found = shapley(&mut answer_to, row_inputs, background.view(), &groups, &mut generator)?;
            Some(explanation(found, &features, answer, top))
        });
        Ok(explained.collect())
    }

    /// Memory that explanations take while they are made, in bytes: the background, the steps of a walk, and what a network makes
    /// of them.
    pub fn explaining_bytes(self) -> usize {
        let steps = self.parts.encoder.features.len().min(MOST_COLUMNS) + 2;
        let inputs = (MOST_BACKGROUND_ROWS + 2 * steps) * self.parts.encoder.width();
        let layers = self.members.list().iter().map(|member| widest(member.network.spec())).max().unwrap_or(0);
        (inputs + 4 * steps * layers) * size_of::<f32>()
    }

    /// The features that are looked at one by one, and the columns of each, with those of all others behind them.
    fn explained_groups(self) -> (Vec<usize>, Vec<Vec<usize>>) {
        let (encoder, mut groups) = (&self.parts.encoder, self.parts.encoder.groups());
        let count = encoder.features.len();
        if count <= MOST_COLUMNS {
            return ((0..count).collect(), groups);
        }
        let rank = |feature: &usize| {
            let name = &encoder.features[*feature].name;
            self.parts.importance.iter().position(|one| one.feature == *name).unwrap_or(usize::MAX)
        };
        let mut features: Vec<usize> = (0..count).collect();
        features.sort_by_cached_key(rank);
        let others = features.split_off(MOST_COLUMNS);
        let others = others.into_iter().flat_map(|feature| std::mem::take(&mut groups[feature])).collect();
        let own = features.iter().map(|feature| std::mem::take(&mut groups[*feature]));
        let groups = own.chain([others]).collect();
        (features, groups)
    }

    /// The background rows that walks of `steps` steps begin at: as many as the work allows, evenly spaced.
    fn background_rows(self, steps: usize, rows: usize) -> Vec<usize> {
        let walk = (steps + 1) * self.members.parameter_count().max(LEAST_ROW_WORK);
        evenly_spaced((WORK / (2 * walk)).max(LEAST_ROWS).min(rows), rows)
    }

    /// What is answered to encoded rows: log odds of a class, or values.
    fn answers_to(self, inputs: ArrayView2<f32>, class: Option<usize>) -> Vec<f64> {
        let logits = self.members.logits_of(inputs);
        let flat = logits.as_slice().expect("row-major logits");
        match class {
            None => flat.iter().map(|output| self.parts.encoder.target.value(*output)).collect(),
            Some(class) => {
                let probabilities = probabilities(self.parts.calibration.as_ref(), flat, logits.ncols());
                probabilities.column(class).iter().map(|p| log_odds(*p)).collect()
            }
        }
    }
}

/// What is served to a row, on the scale of its explanation, and its class if it has one.
fn served(answers: &Answers, row: usize) -> (f64, Option<usize>) {
    match answers {
        Answers::Values { values, .. } => (values[row], None),
        Answers::Classes { probabilities, .. } => {
            let row = probabilities.row(row);
            let class = most_likely(row.as_slice().expect("row-major probabilities"));
            (log_odds(row[class]), Some(class))
        }
    }
}

/// ln(p / (1 − p)); a probability of 0 or 1 counts as the nearest number to it that is neither.
fn log_odds(p: f32) -> f64 {
    let p = f64::from(p.clamp(f32::MIN_POSITIVE, 1.0 - f32::EPSILON / 2.0));
    (p / (1.0 - p)).ln()
}

/// The `top` of the values found; the rest is what is missing to `answer`.
fn explanation(found: Shapley, features: &[usize], answer: f64, top: usize) -> Explanation {
    let mut contributions: Vec<(usize, f64)> = features.iter().copied().zip(found.values).collect();
    contributions.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    contributions.truncate(top);
    let rest = answer - found.base - contributions.iter().map(|(_, value)| value).sum::<f64>();
    Explanation { base: found.base, contributions, rest }
}
