//! How far a distribution has moved: the population stability index, as credit scoring uses it (Siddiqi, "Credit Risk
//! Scorecards", 2006). Below 0.1 nothing has happened that matters, above 0.25 it is another population.

/// A share that is smaller counts as this, so that an empty bin has a logarithm.
pub const LEAST_SHARE: f64 = 1e-4;

/// Σ (a − e) ln(a / e) over bins, a being the bin's share of the `actual` rows and e of the `expected` ones, each at least
/// [`LEAST_SHARE`]; none where there are no rows on one side.
///
/// ```
/// use epochd::learning::stability::population_stability;
///
/// // From halves to 60 and 40 %: 0.1 ln 1.2 − 0.1 ln 0.8.
/// let moved = population_stability(&[500, 500], &[60, 40]).unwrap();
/// assert!((moved - 0.1 * (1.2f64.ln() - 0.8f64.ln())).abs() < 1e-12);
/// assert_eq!(population_stability(&[5, 5], &[50, 50]), Some(0.0));
/// assert_eq!(population_stability(&[5, 5], &[0, 0]), None);
/// ```
///
/// # Panics
/// If there are not as many bins on both sides.
pub fn population_stability(expected: &[u64], actual: &[u64]) -> Option<f64> {
    assert_eq!(expected.len(), actual.len(), "the same bins");
    let (expected_rows, actual_rows) = (expected.iter().sum::<u64>(), actual.iter().sum::<u64>());
    if expected_rows == 0 || actual_rows == 0 {
        return None;
    }
    let share = |count: u64, rows: u64| (count as f64 / rows as f64).max(LEAST_SHARE);
    let moved = expected.iter().zip(actual).map(|(expected, actual)| {
        let (expected, actual) = (share(*expected, expected_rows), share(*actual, actual_rows));
        (actual - expected) * (actual / expected).ln()
    });
    Some(moved.sum())
}
