//! How good a network is on examples. Definitions are scikit-learn's (`sklearn.metrics`).
//!
//! ```
//! use epochd::learning::metrics::regression_of;
//!
//! // Errors 1, 0, −1 on the targets 1, 2, 3: RMSE √(2/3), MAE 2/3, and R² = 1 − 2/2.
//! let measures = regression_of(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0]);
//! assert_eq!((measures.rmse, measures.mae), ((2.0f64 / 3.0).sqrt(), 2.0 / 3.0));
//! assert_eq!(measures.r2, Some(0.0));
//! ```

use ndarray::{Array2, ArrayView1};
use serde::Serialize;

use super::evaluation::Evaluation;
use super::examples::{Examples, Targets, label};
use super::loss::Loss;
use super::network::Network;
use super::spec::ValidModelSpec;
use super::team::Team;

/// Models with more classes have no confusion matrix and no entry per class: a reply would drown in them.
const MAX_LISTED_CLASSES: usize = 100;

/// Measures of a network on examples. What does not apply or is not defined there is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Metrics {
    /// For models whose targets are classes or probabilities.
    Classification(Classification),
    /// For models whose targets are numbers.
    Regression(Regression),
}

/// Measures of a classifier.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Classification {
    /// Share of rows whose class is right (of several independent outputs: share of right outputs).
    pub accuracy: f64,
    /// Mean −ln p of the true class, in nats (the unweighted loss).
    pub log_loss: f64,
    /// Mean of the classes' F1.
    pub macro_f1: f64,
    /// Area under the ROC curve, for two classes that both occur.
    pub roc_auc: Option<f64>,
    /// Rows: true class; columns: predicted class. Up to 100 classes.
    pub confusion_matrix: Option<Vec<Vec<u64>>>,
    /// One entry per class; none beyond 100 classes.
    pub per_class: Vec<ClassMetrics>,
}

/// Measures of one class; a ratio without a denominator is 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassMetrics {
    /// Index of the class.
    pub class: usize,
    /// Its name, where classes have names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Share of the rows predicted as this class that are of it.
    pub precision: f64,
    /// Share of the rows of this class that are predicted as it.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Rows of this class.
    pub support: u64,
}

/// Measures of a regression, over all rows and outputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Regression {
    /// √ mean (y − ŷ)², in the unit of the target.
    pub rmse: f64,
    /// mean |y − ŷ|, in the unit of the target.
    pub mae: f64,
    /// 1 − Σ(y − ŷ)² / Σ(y − ȳ)², the mean over outputs; `None` if a target does not vary.
    pub r2: Option<f64>,
}

/// Loss and measures of `network` on `examples`.
pub fn evaluate(network: &Network, examples: &Examples) -> (f64, Metrics) {
    evaluate_unless(network, examples, &mut || true).expect("nobody stops it")
}

/// The same; `None` once `go_on`, which is asked every some rows, says no.
pub fn evaluate_unless(
    network: &Network,
    examples: &Examples,
    go_on: &mut dyn FnMut() -> bool,
) -> Option<(f64, Metrics)> {
    let (mut buffers, mut team) = (Evaluation::default(), Team::alone());
    measured(network.spec(), examples, |see| {
        let see = |outputs: &[f32]| {
            see(outputs);
            go_on()
        };
        buffers.mean_loss(network, examples, examples.rows(), &mut team, see)
    })
}

/// Loss and measures on `examples` of a network of this specification: `answer` gives the outputs of all rows, piece after
/// piece, to the function that it gets, and returns their mean loss; where it returns none, there are no measures.
pub fn measured(
    spec: &ValidModelSpec,
    examples: &Examples,
    answer: impl FnOnce(&mut dyn FnMut(&[f32])) -> Option<f64>,
) -> Option<(f64, Metrics)> {
    let targets = examples.targets();
    if let Some(classes) = spec.classes() {
        let mut predicted = Predicted::for_rows(examples.rows());
        let loss = answer(&mut |outputs| predicted.extend(outputs, spec.outputs()))?;
        return Some((loss, Metrics::Classification(by_class(&predicted, &targets.labels(), classes, loss))));
    }
    let mut seen = SeenOutputs::new(targets);
    let loss = answer(&mut |outputs| seen.extend(outputs))?;
    Some((
        loss,
        match spec.loss {
            Loss::BinaryCrossEntropy => Metrics::Classification(seen.by_output(loss)),
            _ => Metrics::Regression(seen.regression()),
        },
    ))
}

impl Classification {
    /// The same, with the names of the classes.
    pub fn with_names(mut self, names: &[String]) -> Self {
        self.per_class.iter_mut().zip(names).for_each(|(class, name)| class.label = Some(name.clone()));
        self
    }
}

/// What a classifier says of each row: all that the measures need of its outputs.
#[derive(Clone, Debug, Default)]
pub struct Predicted {
    /// The class of each row.
    labels: Vec<u32>,
    /// The probability of the last class.
    scores: Vec<f32>,
}

impl Predicted {
    /// With room for so many rows.
    pub fn for_rows(rows: usize) -> Self {
        Predicted { labels: Vec::with_capacity(rows), scores: Vec::with_capacity(rows) }
    }

    /// Takes in rows of `width` outputs.
    pub fn extend(&mut self, outputs: &[f32], width: usize) {
        for row in outputs.chunks_exact(width) {
            self.labels.push(label(row));
            self.scores.push(row[width - 1]);
        }
    }
}

/// Measures where each row belongs to one class of `classes`; `truth` has the class of each row.
pub fn by_class(predicted: &Predicted, truth: &[u32], classes: usize, log_loss: f64) -> Classification {
    let pairs = || truth.iter().zip(&predicted.labels).map(|(truth, label)| (*truth as usize, *label as usize));
    let (mut right, mut called, mut support) = (vec![0; classes], vec![0; classes], vec![0; classes]);
    for (truth, label) in pairs() {
        support[truth] += 1;
        called[label] += 1;
        right[truth] += u64::from(truth == label);
    }
    let of = |class| ClassMetrics::new(class, right[class], called[class], support[class]);
    let mut per_class: Vec<ClassMetrics> = (0..classes).map(of).collect();
    let macro_f1 = macro_f1(&per_class);
    let confusion_matrix = (classes <= MAX_LISTED_CLASSES).then(|| {
        let mut confusion = vec![vec![0u64; classes]; classes];
        pairs().for_each(|(truth, label)| confusion[truth][label] += 1);
        confusion
    });
    if classes > MAX_LISTED_CLASSES {
        per_class.clear();
    }
    Classification {
        accuracy: right.iter().sum::<u64>() as f64 / truth.len() as f64,
        log_loss,
        macro_f1,
        roc_auc: if classes == 2 { roc_auc(&predicted.scores, truth) } else { None },
        confusion_matrix,
        per_class,
    }
}

/// Measures where each output is a yes or no of its own, decided at ½.
pub fn by_output(outputs: &Array2<f32>, targets: &Targets, log_loss: f64) -> Classification {
    let mut seen = SeenOutputs::new(targets);
    seen.extend(outputs.as_slice().expect("standard layout"));
    seen.by_output(log_loss)
}

/// Outputs that were compared with their targets, some rows after others: all that measures of values need.
struct SeenOutputs<'a> {
    targets: &'a Array2<f32>,
    rows: usize,
    sums: Vec<OutputSums>,
}

/// Of one output, over the rows so far.
#[derive(Clone, Default)]
struct OutputSums {
    /// Σ (ŷ − y)²
    squares: f64,
    /// Σ |ŷ − y|
    distances: f64,
    /// Rows where ŷ and y are on the same side of ½; where ŷ, y, and both are at least ½.
    right: u64,
    predicted: u64,
    support: u64,
    both: u64,
}

impl<'a> SeenOutputs<'a> {
    fn new(targets: &'a Targets) -> Self {
        let Targets::Values(targets) = targets else { unreachable!("independent outputs have values as targets") };
        SeenOutputs { targets, rows: 0, sums: vec![OutputSums::default(); targets.ncols()] }
    }

    /// Takes in the outputs of further rows.
    fn extend(&mut self, outputs: &[f32]) {
        for row in outputs.chunks_exact(self.sums.len()) {
            for ((sums, p), y) in self.sums.iter_mut().zip(row).zip(self.targets.row(self.rows)) {
                let (error, is, should) = (f64::from(*p) - f64::from(*y), *p >= 0.5, *y >= 0.5);
                sums.squares += error * error;
                sums.distances += error.abs();
                sums.right += u64::from(is == should);
                sums.predicted += u64::from(is);
                sums.support += u64::from(should);
                sums.both += u64::from(is && should);
            }
            self.rows += 1;
        }
    }

    fn by_output(&self, log_loss: f64) -> Classification {
        let of =
            |(class, sums): (usize, &OutputSums)| ClassMetrics::new(class, sums.both, sums.predicted, sums.support);
        let per_class: Vec<ClassMetrics> = self.sums.iter().enumerate().map(of).collect();
        let right = self.sums.iter().map(|sums| sums.right).sum::<u64>();
        Classification {
            accuracy: right as f64 / (self.rows * self.sums.len()) as f64,
            log_loss,
            macro_f1: macro_f1(&per_class),
            roc_auc: None,
            confusion_matrix: None,
            per_class: if per_class.len() > MAX_LISTED_CLASSES { Vec::new() } else { per_class },
        }
    }

    fn regression(&self) -> Regression {
        let (rows, outputs) = (self.rows as f64, self.sums.len() as f64);
        let mean = |measure: &dyn Fn(&OutputSums) -> f64| self.sums.iter().map(measure).sum::<f64>() / outputs;
        let wide = |value: &f32| f64::from(*value);
        let r2 = |(y, sums): (ArrayView1<f32>, &OutputSums)| {
            let mean = y.iter().map(wide).sum::<f64>() / rows;
            let total: f64 = y.iter().map(|y| (wide(y) - mean).powi(2)).sum();
            (total > 0.0).then(|| 1.0 - sums.squares / total)
        };
        let r2: Option<Vec<f64>> = self.targets.columns().into_iter().zip(&self.sums).map(r2).collect();
        Regression {
            rmse: mean(&|sums| sums.squares / rows).sqrt(),
            mae: mean(&|sums| sums.distances / rows),
            r2: r2.map(|columns| columns.iter().sum::<f64>() / outputs),
        }
    }
}

impl ClassMetrics {
    fn new(class: usize, right: u64, predicted: u64, support: u64) -> Self {
        let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let (precision, recall) = (ratio(right as f64, predicted as f64), ratio(right as f64, support as f64));
        ClassMetrics {
            class,
            label: None,
            precision,
            recall,
            f1: ratio(2.0 * precision * recall, precision + recall),
            support,
        }
    }
}

/// The mean over all classes of the model, those that do not occur included.
fn macro_f1(per_class: &[ClassMetrics]) -> f64 {
    per_class.iter().map(|class| class.f1).sum::<f64>() / per_class.len() as f64
}

/// The probability that a row of class 1 scores above a row of class 0, ties counting half (Mann & Whitney 1947).
fn roc_auc(scores: &[f32], truth: &[u32]) -> Option<f64> {
    let mut ranked: Vec<(f32, u32)> = scores.iter().copied().zip(truth.iter().copied()).collect();
    ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let positives = truth.iter().filter(|class| **class == 1).count() as f64;
    let negatives = truth.len() as f64 - positives;
    let (mut rank_sum, mut below) = (0.0, 0usize);
    for tied in ranked.chunk_by(|a, b| a.0 == b.0) {
        let mean_rank = below as f64 + (tied.len() as f64 + 1.0) / 2.0;
        rank_sum += mean_rank * tied.iter().filter(|(_, class)| *class == 1).count() as f64;
        below += tied.len();
    }
    let auc = (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives);
    (positives > 0.0 && negatives > 0.0).then_some(auc)
}

/// Measures of numbers: rows × outputs.
pub fn regression(outputs: &Array2<f32>, targets: &Targets) -> Regression {
    let mut seen = SeenOutputs::new(targets);
    seen.extend(outputs.as_slice().expect("standard layout"));
    seen.regression()
}

/// Measures of the predictions of one number per row.
pub fn regression_of(predicted: &[f64], targets: &[f64]) -> Regression {
    let rows = targets.len() as f64;
    let errors = || predicted.iter().zip(targets).map(|(p, y)| p - y);
    let mean = targets.iter().sum::<f64>() / rows;
    let total: f64 = targets.iter().map(|y| (y - mean).powi(2)).sum();
    let residual: f64 = errors().map(|e| e * e).sum();
    Regression {
        rmse: (residual / rows).sqrt(),
        mae: errors().map(f64::abs).sum::<f64>() / rows,
        r2: (total > 0.0).then(|| 1.0 - residual / total),
    }
}
