//! Numbers and names as a picture shows them.

/// A number to four digits, as short as it can be: `0.25`, `12800`, `1.5e-7`.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    if !(1e-4..1e7).contains(&size) {
        let text = format!("{value:.3e}");
        let (digits, exponent) = text.split_once('e').expect("an exponent was asked for");
        return format!("{}e{exponent}", shortened(digits));
    }
    let whole = (size.log10().floor() as i32 + 1).max(0);
    let places = if size < 1.0 { 3 - size.log10().floor() as i32 } else { 4 - whole };
    shortened(&format!("{value:.*}", places.max(0) as usize)).to_owned()
}

/// Without zeros at the end of its fraction.
fn shortened(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// A share as percent.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", number((share * 1000.0).round() / 10.0))
}

/// A name as text of a picture: without what XML cannot hold, and cut at `most` characters.
pub(super) fn name(text: &str, most: usize) -> String {
    let mut shown: String = clean(text).chars().take(most + 1).collect();
    if let Some((place, _)) = shown.char_indices().nth(most) {
        shown.truncate(place);
        shown.pop();
        shown.push('…');
    }
    shown
}

/// The text with a sign in the place of each character that XML 1.0 does not allow, and spaces for breaks of lines.
pub(super) fn clean(text: &str) -> String {
    let allowed = |c: char| match c {
        '\t' | '\n' | '\r' => ' ',
        '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => c,
        _ => '\u{fffd}',
    };
    text.chars().map(allowed).collect()
}

/// About `most` places among `count`, evenly spaced, the first and the last among them.
pub(super) fn spread(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    (0..most).map(|i| i * (count - 1) / (most - 1)).collect()
}

/// From the least to the greatest of these values with some room at both sides; values that are all alike get a range around them.
pub(super) fn range(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)));
    if !(least.is_finite() && most.is_finite()) {
        return -1.0..1.0;
    }
    let room = match most - least {
        0.0 => (least.abs() * 0.1).max(f64::MIN_POSITIVE.sqrt()),
        length => length * 0.05,
    };
    (least - room).max(-f64::MAX / 4.0)..(most + room).min(f64::MAX / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_four_digits() {
        let cases = [
            (0.0, "0"),
            (0.25, "0.25"),
            (0.123456, "0.1235"),
            (0.00123456, "0.001235"),
            (1.0, "1"),
            (12.3456, "12.35"),
            (999.96, "1000"),
            (12800.4, "12800"),
            (-3.5, "-3.5"),
            (1.5e-7, "1.5e-7"),
            (2e9, "2e9"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!((percent(0.98765), percent(1.0)), ("98.8 %".to_owned(), "100 %".to_owned()));
    }

    #[test]
    fn names_are_cut_and_hold_nothing_that_xml_forbids() {
        assert_eq!(name("setosa", 6), "setosa");
        assert_eq!(name("setosas", 6), "setos…");
        assert_eq!(name("a\u{1}b\nc\u{ffff}", 9), "a\u{fffd}b c\u{fffd}");
        assert_eq!(name("ééééé", 3), "éé…");
    }

    #[test]
    fn ranges_have_room_and_are_never_empty() {
        assert_eq!(range([0.0, 10.0].into_iter()), -0.5..10.5);
        for values in [vec![], vec![0.0], vec![5.0, 5.0], vec![f64::NAN], vec![-f64::MAX, f64::MAX]] {
            let range = range(values.iter().copied());
            assert!(range.start < range.end && (range.end - range.start).is_finite(), "{values:?}: {range:?}");
        }
    }

    #[test]
    fn places_are_spread_from_the_first_to_the_last() {
        assert_eq!(spread(3, 5), [0, 1, 2]);
        assert_eq!(spread(101, 5), [0, 25, 50, 75, 100]);
    }
}
