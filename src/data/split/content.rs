//! Hashes of what stands in a row. They are kept with versions and asked for again by later releases, so they never change.

use crate::data::column::{Column, Values};

/// The hash of each row named, over these columns.
///
/// Cells without a value do not count, nor does the order of columns: a row stays itself where a later table has a column
/// more that the row has no value in. Equal rows have equal hashes.
pub fn row_hashes<'a>(columns: impl Iterator<Item = &'a Column>, rows: &[usize], seed: u64) -> Vec<u64> {
    let mut sums = vec![0u64; rows.len()];
    for column in columns {
        let of_column = word_hash(column.name.as_bytes());
        let mut add = |hash: &dyn Fn(usize) -> Option<u64>| {
            for (sum, row) in sums.iter_mut().zip(rows) {
                let cell = hash(*row).map_or(0, |value| mix(of_column ^ mix(value)));
                *sum = sum.wrapping_add(cell);
            }
        };
        match &column.values {
            Values::Numeric(values) => add(&|row| Some(values[row]).filter(|value| !value.is_nan()).map(number)),
            Values::Boolean(values) => add(&|row| values[row].map(u64::from)),
            Values::Datetime(values) => add(&|row| values[row].map(|at| at as u64)),
            Values::Words(words) => {
                let known: Vec<u64> = words.words.iter().map(|text| word_hash(text.as_bytes())).collect();
                add(&|row| known.get(words.codes[row] as usize).copied());
            }
        }
    }
    sums.into_iter().map(|sum| seeded(sum, seed)).collect()
}

/// The same hashes, but for the second, third and further row of each, which get others: so rows of equal content are held out one by
/// one. Which of them stays the same as long as rows are only added behind the others.
pub fn numbered(mut hashes: Vec<u64>) -> Vec<u64> {
    let mut rows: Vec<usize> = (0..hashes.len()).collect();
    rows.sort_unstable_by_key(|row| (hashes[*row], *row));
    let (mut before, mut number) = (None, 0);
    for row in rows {
        let hash = hashes[row];
        number = if before == Some(hash) { number + 1 } else { 1 };
        before = Some(hash);
        if number > 1 {
            hashes[row] = mix(hash ^ mix(number));
        }
    }
    hashes
}

/// Whether rows repeat each other by nature, as those of a few columns of few values do, and not as copies that were made of rows:
/// `features` are the hashes of each row's features, `whole` those of the features with the target. Copies agree in the target,
/// too. So they are none where at least every fourth combination of features that recurs has several targets, or where each
/// combination has many rows.
pub fn repeat_by_nature(features: &[u64], whole: &[u64]) -> bool {
    /// Of the combinations that recur one in so many, and rows of each combination.
    const SEVERAL: (usize, usize) = (4, 5);
    let mut rows: Vec<(u64, u64)> = features.iter().copied().zip(whole.iter().copied()).collect();
    rows.sort_unstable();
    let combinations = || rows.chunk_by(|one, next| one.0 == next.0);
    let recurring = combinations().filter(|rows| rows.len() > 1).count();
    let differing = combinations().filter(|rows| rows.first() != rows.last()).count();
    recurring > 0 && (differing * SEVERAL.0 >= recurring || rows.len() >= SEVERAL.1 * combinations().count())
}

/// The hash of a row of plain numbers.
pub fn plain_hash(numbers: impl Iterator<Item = f32>, seed: u64) -> u64 {
    let next = |hash: u64, value: f32| mix(hash.wrapping_add(number(f64::from(value))));
    seeded(numbers.fold(0, next), seed)
}

/// Zero has no sign.
fn number(value: f64) -> u64 {
    (value + 0.0).to_bits()
}

/// The hash of a sum under a seed: each seed holds out other rows.
fn seeded(sum: u64, seed: u64) -> u64 {
    mix(sum ^ mix(seed.wrapping_add(1)))
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo), its bits then spread.
pub(in crate::data) fn word_hash(bytes: &[u8]) -> u64 {
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)))
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood 2014): each bit of the input moves each of the output.
pub(in crate::data) fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::column::{ColumnType, Words};

    fn numbers(name: &str, values: &[f64]) -> Column {
        Column { name: name.into(), kind: ColumnType::Numeric, values: Values::Numeric(values.to_vec()) }
    }

    fn words(name: &str, codes: &[u32], words: &[&str]) -> Column {
        let words = Words { codes: codes.to_vec(), words: words.iter().map(|word| (*word).to_owned()).collect() };
        Column { name: name.into(), kind: ColumnType::Categorical, values: Values::Words(words) }
    }

    #[test]
    fn a_row_is_its_content_and_nothing_else() {
        let (x, w) = (numbers("x", &[1.0, 0.0, 1.0]), words("w", &[0, 1, 0], &["a", "b"]));
        let hashes = row_hashes([&x, &w].into_iter(), &[0, 1, 2], 7);
        assert_eq!(hashes[0], hashes[2]);
        assert_ne!(hashes[0], hashes[1]);
        // Other codes for the same words, another order of columns, one more column without a value, a zero with a sign.
        let (x, w) = (numbers("x", &[-0.0, 1.0]), words("w", &[0, 1], &["b", "a"]));
        let late = numbers("late", &[f64::NAN, f64::NAN]);
        assert_eq!(row_hashes([&late, &w, &x].into_iter(), &[1, 0], 7), hashes[..2]);
        assert_ne!(row_hashes([&w, &x].into_iter(), &[1, 0], 8), hashes[..2]);
        // The same value in another column is another row.
        let (a, b) = (numbers("a", &[5.0, f64::NAN]), numbers("b", &[f64::NAN, 5.0]));
        let [one, two] = row_hashes([&a, &b].into_iter(), &[0, 1], 7)[..] else { panic!("two rows") };
        assert_ne!(one, two);
    }

    #[test]
    fn repeats_by_nature_are_told_from_copies() {
        let rows: Vec<u64> = (0..600).map(|row| mix(row) % 12).collect();
        let with_target =
            |targets: u64| rows.iter().zip(0..).map(move |(row, at)| row * 100 + mix(at + 9_999) % targets);
        assert!(repeat_by_nature(&rows, &with_target(2).collect::<Vec<_>>()), "each combination has both classes");
        assert!(repeat_by_nature(&rows, &with_target(1).collect::<Vec<_>>()), "each has one, and fifty rows");
        // Each of 300 rows twice; two of them with other targets.
        let twice: Vec<u64> = (0..600).map(|row| row % 300).collect();
        let targets: Vec<u64> = (0..600).map(|row| row % 300 * 10 + u64::from(row < 2)).collect();
        assert!(!repeat_by_nature(&twice, &targets));
        assert!(!repeat_by_nature(&(0..50).collect::<Vec<_>>(), &(0..50).collect::<Vec<_>>()), "nothing recurs");
    }

    #[test]
    fn equal_rows_are_numbered_in_their_order() {
        let apart = numbered(vec![5, 7, 5, 5]);
        assert_eq!(apart[..2], [5, 7]);
        assert_eq!(apart.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        assert_eq!(numbered(vec![5, 7, 5, 5, 9, 7])[..4], apart, "rows behind them change nothing");
        assert_eq!(apart[2], PINNED_SECOND);
    }

    const PINNED_SECOND: u64 = 0x953deb0d47b9380a;

    /// Versions keep what follows from these numbers.
    #[test]
    fn the_hashes_are_those_of_every_release() {
        let (x, w) = (numbers("x", &[1.5]), words("w", &[0], &["a"]));
        assert_eq!(row_hashes([&x, &w].into_iter(), &[0], 0), [PINNED_ROW]);
        assert_eq!(plain_hash([1.5, -2.0].into_iter(), 3), PINNED_PLAIN);
    }

    const PINNED_ROW: u64 = 0x898c99b363bd055b;
    const PINNED_PLAIN: u64 = 0xa46f77f750d85386;
}
