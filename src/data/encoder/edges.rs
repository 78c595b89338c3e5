//! Bins of numbers: which of them a number falls into is a code beside it, for which a vector is learned.
//!
//! A network that sees numbers alone bends smoothly; where the answer jumps at a value, or single values mean something of their own
//! (a default that was filled in, a round price), a vector for each bin says it at once, as the thresholds of trees do. Bins hold about
//! as many rows each, and a value that many rows have is alone in its bin, as in the histograms of LightGBM (Ke et al. 2017).

/// Bins of a column, about; those of values that many rows have come on top of half of them at most.
pub const MOST_BINS: usize = 64;
/// Bins of a column at most: as many frequent values as there may be, what lies between them, and the other bins.
pub const MOST_CODES: usize = 3 * MOST_BINS;
/// Rows of a bin at least, so that its vector is not learned from a few.
const LEAST_ROWS: usize = 20;
/// A column with fewer bins has nothing to tell by them.
pub const LEAST_BINS: usize = 3;
/// Codes before that of the first bin: that of missing values, and one that is not used.
const BEFORE: usize = 2;

/// Codes of a column with these edges.
pub(super) fn codes(edges: &[f64]) -> Option<usize> {
    (!edges.is_empty()).then_some(edges.len() + 1 + BEFORE)
}

/// The code of a number; 0 of none.
pub(super) fn code(edges: &[f64], value: f64) -> f32 {
    if value.is_nan() { 0.0 } else { (edges.partition_point(|edge| *edge < value) + BEFORE) as f32 }
}

/// Whether these are edges that could have been fitted.
pub(super) fn are_edges(edges: &[f64]) -> bool {
    edges.iter().all(|edge| edge.is_finite()) && edges.is_sorted_by(|one, next| one < next) && edges.len() < MOST_CODES
}

/// Where bins of ascending values end and the next begin: half way between two values.
pub(super) fn found_edges(sorted: &[f64]) -> Vec<f64> {
    let runs: Vec<(f64, usize)> = sorted.chunk_by(|one, next| one == next).map(|run| (run[0], run.len())).collect();
    let size = rows_of_a_bin(&runs, sorted.len());
    let (mut edges, mut held) = (Vec::new(), 0);
    for (index, (value, count)) in runs.iter().enumerate() {
        if held > 0 && (*count >= size || held >= size) {
            let edge = runs[index - 1].0 / 2.0 + value / 2.0;
            // Two neighbours whose mean is one of them are told apart by the larger one.
            edges.push(if edge < *value { edge } else { runs[index - 1].0 });
            held = 0;
        }
        held += count;
    }
    edges.dedup();
    edges
}

/// Rows of a bin, so that those without a frequent value share the bins that are left.
fn rows_of_a_bin(runs: &[(f64, usize)], rows: usize) -> usize {
    let even = rows.div_ceil(MOST_BINS).max(LEAST_ROWS);
    let frequent = runs.iter().filter(|(_, count)| *count >= even);
    let (bins, held) = frequent.fold((0, 0), |(bins, held), (_, count)| (bins + 1, held + count));
    let left = MOST_BINS.saturating_sub(bins).max(MOST_BINS / 2);
    (rows - held).div_ceil(left).clamp(LEAST_ROWS, even)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_as_many_rows_and_frequent_values_are_alone() {
        let even: Vec<f64> = (0..64_000).map(f64::from).collect();
        let edges = found_edges(&even);
        assert_eq!((edges.len(), edges[0], edges[62]), (63, 999.5, 62_999.5));
        assert_eq!([code(&edges, -1.0), code(&edges, 1_000.0), code(&edges, f64::NAN)], [2.0, 3.0, 0.0]);
        assert_eq!(codes(&edges), Some(66));
        // 90 of 100 rows are 0: the others share the other bins.
        let mostly: Vec<f64> = [vec![0.0; 90_000], (1..=10_000).map(f64::from).collect()].concat();
        let edges = found_edges(&mostly);
        assert_eq!((edges[0], edges[1]), (0.5, 159.5));
        assert!((62..=64).contains(&edges.len()), "{}", edges.len());
        // A value in the middle that many rows have is told from its neighbours.
        let spike: Vec<f64> = (0..1_000).map(|row| f64::from(row / 10)).chain(vec![50.0; 1_000]).collect();
        let mut spike = spike;
        spike.sort_unstable_by(f64::total_cmp);
        let edges = found_edges(&spike);
        assert!(edges.contains(&49.5) && edges.contains(&50.5), "{edges:?}");
    }

    #[test]
    fn few_rows_and_few_values_have_few_bins() {
        assert!(found_edges(&[]).is_empty() && codes(&[]).is_none());
        assert_eq!(found_edges(&(0..75).map(f64::from).collect::<Vec<_>>()), [19.5, 39.5, 59.5]);
        let one = f64::from_bits(1.0f64.to_bits() + 1);
        let close = [vec![1.0; 200], vec![one; 200]].concat();
        let edges = found_edges(&close);
        assert_eq!((code(&edges, 1.0), code(&edges, one)), (2.0, 3.0), "{edges:?}");
        assert!(are_edges(&edges) && !are_edges(&[2.0, 1.0]) && !are_edges(&[f64::NAN]));
    }
}
