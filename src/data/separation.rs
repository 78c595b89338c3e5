//! How well one column of numbers parts the classes of a target, on rows that the parting was not made by.
//!
//! The values are cut into intervals, each of which answers with its most frequent class: a tree on one column, cut on one half
//! of the rows and measured on the other, and the other way round. Where two classes lie apart, one cut between them parts them,
//! wherever it lies; bins of equal size do not show that, as one of them holds rows of both.

use std::ops::Range;

/// Rows that are looked at, at most: evenly spaced.
const MOST_ROWS: usize = 20_000;
/// Fewer rows prove nothing.
const LEAST_ROWS: usize = 40;
/// Rows in each interval of a half, at least: a few rows of a rare class stand next to each other by chance.
const INTERVAL_ROWS: usize = 5;
/// Intervals beyond two for each class, and at most.
const FURTHER: usize = 4;
const MOST_INTERVALS: usize = 64;

/// The share of rows whose class is not that of their interval. `values` and `labels` have one entry a row; values that are
/// missing (NaN) stand together, below all others. `None` where too few rows are there to tell.
pub fn held_out_error(values: &[f64], labels: &[u32]) -> Option<f64> {
    let rows = values.len().min(MOST_ROWS);
    if rows < LEAST_ROWS {
        return None;
    }
    let place = |at: usize| at * values.len() / rows;
    let value = |row: usize| if values[row].is_nan() { f64::NEG_INFINITY } else { values[row] };
    let mut points: Vec<Point> = (0..rows)
        .map(|at| Point { value: value(place(at)), label: labels[place(at)], half: half_of(at as u64) })
        .collect();
    points.sort_unstable_by(|a, b| a.value.total_cmp(&b.value));
    let wrong: usize = [false, true].into_iter().map(|half| wrong_in(&points, half)).sum();
    Some(wrong as f64 / rows as f64)
}

#[derive(Clone, Copy)]
struct Point {
    value: f64,
    label: u32,
    half: bool,
}

/// The half of a row: by its place, yet in step with nothing that repeats along the rows.
fn half_of(at: u64) -> bool {
    // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4), twice.
    let mixed = at.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 63 == 1
}

/// Rows of this half that the intervals of the other one answer wrongly.
fn wrong_in(points: &[Point], half: bool) -> usize {
    let known: Vec<Point> = points.iter().filter(|point| point.half != half).copied().collect();
    let intervals = intervals(&known);
    // The first value of each interval but the first, and the class of each.
    let starts: Vec<f64> = intervals.iter().skip(1).map(|interval| between(&known, interval.start)).collect();
    let answers: Vec<u32> = intervals.iter().map(|interval| most_frequent(&known[interval.clone()])).collect();
    let asked = points.iter().filter(|point| point.half == half);
    asked.filter(|point| answers[starts.partition_point(|start| *start <= point.value)] != point.label).count()
}

/// The middle between a row and the one below it; where the one below has no value, all that have one are above.
fn between(known: &[Point], at: usize) -> f64 {
    let (below, above) = (known[at - 1].value, known[at].value);
    if below == f64::NEG_INFINITY {
        return f64::MIN;
    }
    let middle = below / 2.0 + above / 2.0;
    if middle > below { middle } else { above }
}

/// Sorted rows, cut where that parts the classes most, again and again; ordered.
fn intervals(known: &[Point]) -> Vec<Range<usize>> {
    let classes = known.iter().map(|point| point.label as usize + 1).max().unwrap_or(1);
    let most = (2 * classes + FURTHER).min(MOST_INTERVALS);
    let mut open: Vec<(Range<usize>, Option<Cut>)> = vec![(0..known.len(), best_cut(known, 0..known.len(), classes))];
    while open.len() < most {
        let gain = |cut: &Option<Cut>| cut.as_ref().map_or(0.0, |cut| cut.gain);
        let widest = (0..open.len()).max_by(|a, b| gain(&open[*a].1).total_cmp(&gain(&open[*b].1)));
        let Some((at, cut)) = widest.and_then(|at| Some((at, open[at].1.take()?))) else { break };
        let (whole, _) = open.swap_remove(at);
        for part in [whole.start..cut.at, cut.at..whole.end] {
            let further = best_cut(known, part.clone(), classes);
            open.push((part, further));
        }
    }
    let mut cut: Vec<Range<usize>> = open.into_iter().map(|(interval, _)| interval).collect();
    cut.sort_unstable_by_key(|interval| interval.start);
    cut
}

/// Where an interval is cut, and by how much that lowers its impurity.
struct Cut {
    at: usize,
    gain: f64,
}

/// The cut after which Σ (rows of a class)² / rows of the part, over both parts, is largest (Gini's measure); none where that
/// gains nothing.
fn best_cut(known: &[Point], interval: Range<usize>, classes: usize) -> Option<Cut> {
    let rows = &known[interval.clone()];
    let (mut left, mut right) = (vec![0u64; classes], vec![0u64; classes]);
    rows.iter().for_each(|point| right[point.label as usize] += 1);
    // Sums of squares, kept up to date row by row.
    let (mut of_left, mut of_right) = (0u64, right.iter().map(|count| count * count).sum::<u64>());
    let whole = of_right as f64 / rows.len() as f64;
    let mut best: Option<Cut> = None;
    for (at, point) in rows.iter().enumerate().take(rows.len().saturating_sub(INTERVAL_ROWS)) {
        let label = point.label as usize;
        of_left += 2 * left[label] + 1;
        of_right -= 2 * right[label] - 1;
        left[label] += 1;
        right[label] -= 1;
        let count = at + 1;
        if count < INTERVAL_ROWS || rows[count].value == point.value {
            continue;
        }
        let gain = of_left as f64 / count as f64 + of_right as f64 / (rows.len() - count) as f64 - whole;
        if gain > 1e-9 * rows.len() as f64 && best.as_ref().is_none_or(|best| gain > best.gain) {
            best = Some(Cut { at: interval.start + count, gain });
        }
    }
    best
}

fn most_frequent(rows: &[Point]) -> u32 {
    let mut labels: Vec<u32> = rows.iter().map(|point| point.label).collect();
    labels.sort_unstable();
    let longest = labels.chunk_by(|one, other| one == other).max_by_key(|same| same.len());
    longest.and_then(|same| same.first()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evenly spread between 0 and 1, in no order.
    fn spread(at: usize) -> f64 {
        (at as f64 * 0.754_877_666).fract()
    }

    fn error(of_class: impl Fn(usize, f64) -> f64, classes: usize, rows: usize) -> f64 {
        let labels: Vec<u32> = (0..rows).map(|at| (at * at % 7 % classes) as u32).collect();
        let values: Vec<f64> = (0..rows).map(|at| of_class(labels[at] as usize, spread(at))).collect();
        held_out_error(&values, &labels).expect("enough rows")
    }

    #[test]
    fn classes_that_lie_apart_are_parted_wherever_they_lie() {
        assert_eq!(error(|class, at| at + 2.0 * class as f64, 2, 800), 0.0);
        assert_eq!(error(|class, at| at + 2.0 * class as f64, 3, 300), 0.0);
        // A band, with the other class on both of its sides.
        let band = |class: usize, at: f64| {
            if class == 0 {
                at
            } else if at < 0.5 {
                at - 2.0
            } else {
                at + 2.0
            }
        };
        assert_eq!(error(band, 2, 800), 0.0);
        // One class has no value.
        assert_eq!(error(|class, at| if class == 0 { f64::NAN } else { at }, 2, 400), 0.0);
    }

    #[test]
    fn classes_that_overlap_are_not_parted_nor_is_noise_learned_by_heart() {
        // Two rows of seven are of class 1, of which a tenth has values that class 0 has more often: 0.029 at best.
        let overlap = error(|class, at| at + 0.9 * class as f64, 2, 2000);
        assert!((0.02..0.06).contains(&overlap), "{overlap}");
        assert!(error(|_, at| at, 2, 2000) > 0.25);
        // A rare class next to each other by chance: too few rows for an interval.
        let labels: Vec<u32> = (0..200).map(|at| u32::from(at >= 197)).collect();
        let values: Vec<f64> = (0..200).map(f64::from).collect();
        assert!(held_out_error(&values, &labels).expect("enough rows") > 0.01);
        assert_eq!(held_out_error(&values[..39], &labels[..39]), None);
    }
}
