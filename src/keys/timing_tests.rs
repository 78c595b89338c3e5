//! How long a comparison takes tells nothing of what is compared. Two classes of inputs are timed in turns, at random, and
//! told apart by Welch's t-test, as dudect does (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?", 2017).

use std::hint::black_box;
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::secret::SecretHash;

/// Timings of each class, and calls in each of them: one alone is shorter than the clock's step.
const TIMINGS: usize = 20_000;
const CALLS: usize = 64;
/// Timings beyond this part of all are of interruptions.
const KEPT: f64 = 0.9;
/// Classes of the same distribution pass 5 once in two million tries; what the machine does beside it makes it more.
const MOST: f64 = 10.0;
/// A difference that is not of the machine's making is there each time.
const TRIES: usize = 5;

/// Mean, variance and number of the timings below `limit`.
fn moments(timings: &[f64], limit: f64) -> (f64, f64, f64) {
    let kept: Vec<f64> = timings.iter().copied().filter(|timing| *timing <= limit).collect();
    let (count, sum) = (kept.len() as f64, kept.iter().sum::<f64>());
    let mean = sum / count;
    let squares = kept.iter().map(|timing| (timing - mean).powi(2)).sum::<f64>();
    (mean, squares / (count - 1.0), count)
}

/// The statistic of Welch's test for the difference of two classes in the time of `work`.
fn t_of<T>(classes: [&T; 2], seed: u64, work: impl Fn(&T)) -> f64 {
    let (mut random, mut timings) = (ChaCha8Rng::seed_from_u64(seed), [const { Vec::new() }; 2]);
    while timings.iter().any(|of_class| of_class.len() < TIMINGS) {
        let class = usize::from(random.random::<bool>());
        let begin = Instant::now();
        (0..CALLS).for_each(|_| work(black_box(classes[class])));
        timings[class].push(begin.elapsed().as_nanos() as f64);
    }
    let mut all = timings.concat();
    all.sort_unstable_by(f64::total_cmp);
    let limit = all[(KEPT * all.len() as f64) as usize];
    let [(mean_0, variance_0, count_0), (mean_1, variance_1, count_1)] =
        timings.map(|timings| moments(&timings, limit));
    (mean_0 - mean_1) / (variance_0 / count_0 + variance_1 / count_1).sqrt()
}

/// Whether the time tells the classes apart, each time that it is tried.
fn tells_apart<T>(classes: [&T; 2], work: impl Fn(&T)) -> bool {
    (0..TRIES as u64).all(|seed| t_of(classes, seed, &work).abs() > MOST)
}

/// A hash, and others that differ from it in the byte at an end.
fn hashes() -> [SecretHash; 3] {
    let digits = SecretHash::of(b"a secret").to_hex();
    let with = |at: usize| {
        let mut digits = digits.clone().into_bytes();
        digits[at] = if digits[at] == b'0' { b'1' } else { b'0' };
        SecretHash::from_hex(std::str::from_utf8(&digits).expect("digits")).expect("64 digits")
    };
    [with(0), with(63), SecretHash::of(b"a secret")]
}

#[test]
fn the_time_of_a_comparison_tells_neither_where_secrets_differ_nor_whether() {
    let [first, last, same] = hashes();
    let compare = |other: &SecretHash| {
        black_box(black_box(&same) == other);
    };
    for (what, classes) in [("first and last", [&first, &last]), ("last and none", [&last, &same])] {
        assert!(!tells_apart(classes, compare), "{what} byte");
    }
}

#[test]
fn a_comparison_that_ends_early_is_told() {
    let digits = hashes().map(SecretHash::to_hex);
    let [first, last, same] = &digits;
    // Byte by byte, as a careless one would.
    let compare = |other: &String| {
        black_box(black_box(same).bytes().zip(other.bytes()).all(|(one, other)| one == other));
    };
    assert!(tells_apart([first, last], compare), "the test sees what it is for");
}
