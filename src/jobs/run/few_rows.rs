//! How far measures on few held-out rows may be off from those on all data.

use crate::data::profile::Finding;
use crate::learning::metrics::Metrics;

/// Measures on fewer rows than this are rough: an accuracy of 0.8 is off by 0.08 or more one time in twenty.
const FEW_ROWS: usize = 100;

/// The finding that measures on `rows` held-out rows are rough; `None` if there are enough rows.
pub(super) fn few_rows(metrics: &Metrics, rows: usize) -> Option<Finding> {
    let measured = match metrics {
        _ if rows >= FEW_ROWS => return None,
        Metrics::Classification(measured) => format!(
            "the accuracy of {:.2} is measured on {rows} rows: it may be off by ± {:.2}",
            measured.accuracy,
            margin(measured.accuracy, rows)
        ),
        Metrics::Regression(_) => format!("the measures come from {rows} rows and may be far off"),
    };
    let message = format!("{measured}. More rows, or `validation` with a data set of its own, tell more.");
    Some(Finding { code: "few_validation_rows".to_owned(), message, column: None })
}

/// Two standard errors of a share of `rows`: half of its 95 % interval.
///
/// Agresti and Coull, "Approximate is better than exact", 1998: two successes and two failures are added, so that 1 of
/// few rows is not taken for certain.
fn margin(share: f64, rows: usize) -> f64 {
    let n = rows as f64 + 4.0;
    let p = (share * rows as f64 + 2.0) / n;
    2.0 * (p * (1.0 - p) / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 12 of 12: p = 14/16, so 2 · sqrt(0.875 · 0.125 / 16) = 0.1654. 50 of 96: p = 52/100, so 2 · sqrt(0.2496 / 100).
    #[test]
    fn the_margin_of_worked_examples() {
        assert!((margin(1.0, 12) - 0.1654).abs() < 1e-4);
        assert!((margin(50.0 / 96.0, 96) - 0.0999).abs() < 1e-4);
    }
}
