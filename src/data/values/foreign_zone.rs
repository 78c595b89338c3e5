//! Dates with a word behind them that names no known time zone.

use super::datetime::WrittenDate;

/// What stands behind the date and time that a text begins with, where it is a word that keeps it from being read: `BST`,
/// `Europe/Berlin`, `[Europe/Berlin]`.
pub(in crate::data) fn foreign_zone(text: &str) -> Option<&str> {
    let text = text.trim();
    let (time, zone) = text.split_at(text.find(['[', '(']).or_else(|| text.rfind(' '))?);
    let zone = zone.trim();
    let is_word = zone.trim_start_matches(['[', '(']).starts_with(|first: char| first.is_ascii_alphabetic());
    let is_dated = || time.contains(':') && WrittenDate::of(time).is_some();
    (is_word && WrittenDate::of(text).is_none() && is_dated()).then_some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_behind_a_time_are_told() {
        for (text, zone) in [
            ("2024-05-31 10:20 BST", "BST"),
            ("31.05.2024 10:20:30 Europe/Berlin ", "Europe/Berlin"),
            ("2024-05-31T10:20:30+02:00[Europe/Berlin]", "[Europe/Berlin]"),
            ("Fri May 31 2024 10:20:00 GMT+0200 (Central European Summer Time)", "(Central European Summer Time)"),
        ] {
            assert_eq!(foreign_zone(text), Some(zone), "{text}");
        }
        for text in
            ["2024-05-31 10:20 CET", "2024-05-31 10:20", "2024-05-31 Friday", "10:20 BST", "see 5 (a)", "", "x y"]
        {
            assert_eq!(foreign_zone(text), None, "{text}");
        }
    }
}
