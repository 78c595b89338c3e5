//! Whether a version earns its place beside the baselines, measured on the same rows.

use super::baseline::{Baselines, Measure};
use crate::data::profile::Finding;
use crate::learning::metric::Metric;
use crate::learning::metrics::{Metrics, Regression};
use crate::wording::Shown;

/// A version that leaves so much of a constant answer's error has learned next to nothing.
const LEFT: f64 = 0.99;
/// R² of the training rows' mean on n others is about −1/n by chance, and rarely below −OFF/n.
const OFF: f64 = 10.0;
/// R² of the latest rows from which on it is told: the errors have twice the size of how much these rows differ.
const FAR: f64 = -3.0;
/// A mean over n rows is off by about its size / √n, as losses of rows deviate by about as much as their mean: by two of that,
/// and by this at least, the linear model has to be better.
const LEAST_WORSE: f64 = 0.02;

/// What a version is beside its linear baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A linear model itself, which learned in steps.
    Linear,
    /// Networks alone.
    Networks,
    /// Networks of a recipe by which a linear model may answer with them.
    Together,
}

/// What is to be said of a version with these measures, on so many rows, beside its baselines: that it is no better than a constant
/// answer, or worse than the linear model, by what its kind is compared by.
pub(super) fn beside_baselines(
    (metrics, metric): (&Metrics, Metric),
    baselines: &Baselines,
    rows: usize,
    (kind, are_latest): (Kind, bool),
) -> Option<Finding> {
    let own = Measure::from(metrics);
    let below = || no_better_than_constant((&own, metric), baselines, rows, are_latest);
    below().or_else(|| worse_than_linear((&own, metric), baselines, rows, kind))
}

fn no_better_than_constant(
    (own, metric): (&Measure, Metric),
    baselines: &Baselines,
    rows: usize,
    are_latest: bool,
) -> Option<Finding> {
    let constants = [
        ("the most frequent class", &baselines.majority_class),
        ("the median of the target", &baselines.median),
        ("the quantile that is asked for, of all training rows,", &baselines.quantile),
        ("the mean of the target", &baselines.mean),
    ];
    let constant = constants.into_iter().find_map(|(answer, measure)| Some((answer, measure.as_ref()?)));
    let shown = |measure: &Measure| shown(measure, metric);
    // Of a median or another quantile squared errors tell nothing.
    let is_of_means = matches!(metric, Metric::Rmse | Metric::PoissonDeviance);
    let (answer, constant) = constant?;
    let said = match own {
        _ if no_better(own, constant, metric) => {
            let (of_constant, of_own) = (shown(constant), shown(own));
            format!(
                "to answer always {answer} would do as well: on the same rows {of_constant} by that, {of_own} by this version"
            )
        }
        Measure::Regression(Regression { r2: Some(r2), .. }) if is_of_means => below_the_mean(*r2, rows, are_latest)?,
        _ => return None,
    };
    let remedy = match are_latest {
        true => {
            "It says next to nothing of the latest rows, by which its epoch was chosen as well: look whether they follow another \
             rule than those before. A smaller `validation_split` lets more of them teach, as `split` random does, whose measures \
             flatter then"
        }
        false => {
            "Its predictions say next to nothing of the target: look whether the features hold what that depends on, and \
             whether a few of its values outweigh all others"
        }
    };
    let message = format!("{said}. {remedy}");
    Some(Finding { code: "no_better_than_constant".to_owned(), message, column: None })
}

fn worse_than_linear(
    (own, metric): (&Measure, Metric),
    baselines: &Baselines,
    rows: usize,
    kind: Kind,
) -> Option<Finding> {
    let linear = baselines.linear.as_ref().filter(|linear| is_worse(own, linear, metric, rows))?;
    let remedy = match kind {
        Kind::Linear => {
            "This one has learned in steps; with hidden layers the recipe `standard` lets a solved one answer beside its networks"
        }
        Kind::Networks => {
            "The recipe `standard` lets both answer together; else fewer hidden layers, a lower learning_rate, dropout or \
             early_stopping may help"
        }
        Kind::Together => "Fewer hidden layers, a lower learning_rate, more dropout or more rows may help",
    };
    let message = format!(
        "a linear model does better than this version: on the same rows {} by that, {} by this version. {remedy}",
        shown(linear, metric),
        shown(own, metric)
    );
    Some(Finding { code: "worse_than_linear".to_owned(), message, column: None })
}

/// That the mean of the rows that it is measured on would do better, if it would by more than chance. Nobody knew the mean of the
/// latest rows before: to err somewhat more is no fault.
fn below_the_mean(r2: f64, rows: usize, are_latest: bool) -> Option<String> {
    let least = if are_latest { FAR } else { -OFF / rows.max(1) as f64 };
    let said = match are_latest {
        true => "far below 0: the latest rows have other values than it answers",
        false => "below 0: to answer always the mean of the rows that it is measured on would do better",
    };
    (r2 < least).then(|| format!("its R² of {} is {said}", figure(r2)))
}

/// The finding that a target moves with time and no linear model answers, which alone goes on with it.
pub(super) fn moves_without_linear(target: &str, kind: Kind) -> Finding {
    let remedy = match kind {
        Kind::Networks => {
            "the recipe `standard` with the loss mse lets a linear model answer too, which goes on with it"
        }
        _ => "predict by how much it changes in place of the value, or train again often",
    };
    let message = format!(
        "the latest values of {} lie beyond nine tenths of those before, and these networks answer with hardly anything beyond what \
         they have seen: {remedy}",
        Shown(target)
    );
    Finding { code: "target_moves_with_time".to_owned(), message, column: Some(target.to_owned()) }
}

/// Whether a version leaves nearly all of a constant answer's error: of classes by the share that is right as well as by the log loss,
/// of means by the absolute error as well as by the squared one.
fn no_better(own: &Measure, constant: &Measure, metric: Metric) -> bool {
    match (own, constant) {
        (
            Measure::Classification { accuracy, log_loss },
            Measure::Classification { accuracy: of_constant, log_loss: loss_of_constant },
        ) => accuracy <= of_constant && *log_loss >= LEFT * loss_of_constant,
        (Measure::Regression(own), Measure::Regression(constant)) => {
            own.by(metric) >= LEFT * constant.by(metric) && (metric != Metric::Rmse || own.mae >= LEFT * constant.mae)
        }
        _ => false,
    }
}

/// Whether a version errs more than the linear model by more than chance, by all these measures.
fn is_worse(own: &Measure, linear: &Measure, metric: Metric, rows: usize) -> bool {
    let worse = 1.0 + (2.0 / (rows.max(1) as f64).sqrt()).max(LEAST_WORSE);
    match (own, linear) {
        (
            Measure::Classification { accuracy, log_loss },
            Measure::Classification { accuracy: of_linear, log_loss: loss_of_linear },
        ) => accuracy < of_linear && *log_loss > worse * loss_of_linear,
        (Measure::Regression(own), Measure::Regression(linear)) => {
            own.by(metric) > worse * linear.by(metric) && (metric != Metric::Rmse || own.mae > linear.mae)
        }
        _ => false,
    }
}

fn shown(measure: &Measure, metric: Metric) -> String {
    match measure {
        Measure::Classification { accuracy, log_loss } => {
            format!("an accuracy of {accuracy:.4} and a log loss of {log_loss:.4}")
        }
        Measure::Regression(Regression { rmse, mae, .. }) if metric == Metric::Rmse => {
            format!("an RMSE of {} and an MAE of {}", figure(*rmse), figure(*mae))
        }
        Measure::Regression(measured) => format!("{} {}", metric.name(), figure(measured.by(metric))),
    }
}

/// Four digits of a number, whatever its size.
fn figure(value: f64) -> String {
    let digits = 3 - value.abs().max(1e-300).log10().floor() as i32;
    if (0..=8).contains(&digits) { format!("{value:.*}", digits as usize) } else { format!("{value:.3e}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::metric::OfLoss;
    use crate::learning::metrics::Classification;

    fn classes(accuracy: f64, log_loss: f64) -> Metrics {
        let per_class = Vec::new();
        Metrics::Classification(Classification {
            accuracy,
            log_loss,
            macro_f1: 0.0,
            roc_auc: None,
            confusion_matrix: None,
            per_class,
        })
    }

    #[test]
    fn latest_rows_may_lie_off_the_mean_that_nobody_knew() {
        let of = |rmse: f64, r2| Regression { rmse, mae: rmse / 2.0, r2: Some(r2), of_loss: None };
        let baselines = Baselines { mean: Some(Measure::Regression(of(6.0, -2.0))), ..Baselines::default() };
        let said = |rmse, r2, are_latest| {
            let metrics = Metrics::Regression(of(rmse, r2));
            beside_baselines((&metrics, Metric::Rmse), &baselines, 100, (Kind::Networks, are_latest))
        };
        assert!(said(4.0, -0.5, true).is_none() && said(4.0, -0.5, false).is_some());
        let far = said(5.0, -20.0, true).expect("that is too far");
        assert!(far.message.contains("far below 0") && far.message.contains("`validation_split`"), "{}", far.message);
    }

    fn code(metrics: &Metrics, constant: Measure, linear: Measure, rows: usize) -> Option<String> {
        let (majority_class, mean) = match &constant {
            Measure::Classification { .. } => (Some(constant), None),
            Measure::Regression(_) => (None, Some(constant)),
        };
        let baselines = Baselines { majority_class, mean, linear: Some(linear), ..Baselines::default() };
        beside_baselines((metrics, Metric::Rmse), &baselines, rows, (Kind::Networks, false)).map(|finding| finding.code)
    }

    /// On 400 rows chance is ± 1/10: a log loss of 0.40 against 0.44.
    #[test]
    fn a_version_of_classes_is_held_against_the_most_frequent_one_and_the_linear_model() {
        let of = |accuracy, log_loss| Measure::Classification { accuracy, log_loss };
        let said = |accuracy, log_loss| code(&classes(accuracy, log_loss), of(0.7, 0.6), of(0.8, 0.4), 400);
        assert_eq!(said(0.82, 0.38), None);
        assert_eq!(said(0.79, 0.43), None);
        assert_eq!(said(0.79, 0.45).as_deref(), Some("worse_than_linear"));
        assert_eq!(said(0.7, 0.6).as_deref(), Some("no_better_than_constant"));
        // It ranks rows although all are of one class.
        assert_eq!(said(0.7, 0.41), None);
    }

    #[test]
    fn a_version_of_numbers_is_held_against_the_mean_and_the_linear_model() {
        let of = |rmse, mae| Measure::Regression(Regression { rmse, mae, r2: None, of_loss: None });
        let of_rows = |rmse, mae, r2| {
            let metrics = Metrics::Regression(Regression { rmse, mae, r2, of_loss: None });
            code(&metrics, of(10.0, 8.0), of(5.0, 4.0), 10_000)
        };
        let said = |rmse, mae| of_rows(rmse, mae, None);
        // The rows measured lie near their mean, and far from that of the training rows.
        assert_eq!(of_rows(5.0, 4.0, Some(-2e10)).as_deref(), Some("no_better_than_constant"));
        assert_eq!(of_rows(5.0, 4.0, Some(-0.0005)), None);
        assert_eq!(said(5.05, 4.05), None);
        assert_eq!(said(5.2, 4.1).as_deref(), Some("worse_than_linear"));
        assert_eq!(said(1e9, 1e8).as_deref(), Some("no_better_than_constant"));
        assert_eq!(
            (figure(1234.56), figure(0.012_345), figure(2.5e11)),
            ("1235".into(), "0.01235".into(), "2.500e11".into())
        );
    }

    /// A 0.9-quantile lies above most targets: its squared error may be any, and its R² below 0.
    #[test]
    fn a_quantile_is_held_against_the_constant_one_by_its_pinball_loss() {
        let of = |pinball_loss| {
            let of_loss = Some(OfLoss::Quantile { pinball_loss, share_below: 0.9 });
            Regression { rmse: 30.0, mae: 20.0, r2: Some(-5.0), of_loss }
        };
        let [mean, quantile, linear] = [4.0, 2.0, 1.0].map(|loss| Some(Measure::Regression(of(loss))));
        let baselines = Baselines { mean, quantile, linear, ..Baselines::default() };
        let said = |loss| {
            let metrics = Metrics::Regression(of(loss));
            beside_baselines((&metrics, Metric::PinballLoss), &baselines, 10_000, (Kind::Networks, false))
                .map(|finding| finding.code)
        };
        assert_eq!(said(1.99).as_deref(), Some("no_better_than_constant"));
        assert_eq!(said(1.5).as_deref(), Some("worse_than_linear"));
        assert_eq!(said(1.01), None);
    }
}
