//! What messages quote of a client's words: never more than their beginning, and the word that may have been meant.

use std::borrow::Cow;
use std::fmt;

/// Characters of a client's text that a message quotes.
const SHOWN: usize = 100;
/// Longer words are compared with none, and none with longer ones: to compare two words takes as many steps as their lengths
/// multiplied.
const MOST_BYTES: usize = 64;
/// Words that one is compared with at most.
const MOST_COMPARED: usize = 1000;

/// A client's text in quotes: its beginning, if it is long.
///
/// ```
/// use epochd::wording::Shown;
///
/// assert_eq!(Shown("a\"b").to_string(), r#""a\"b""#);
/// assert_eq!(Shown(&"x".repeat(1 << 20)).to_string(), format!("\"{}…\"", "x".repeat(100)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?}", beginning(self.0))
    }
}

/// A client's text, or its beginning, if it is long.
pub fn beginning(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

/// The word among `known` that is nearest to `word`, if it is more than `alike` (Jaro-Winkler, 0 to 1). Of very many known
/// words some are compared, of long ones none.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>, alike: f64) -> Option<&'a str> {
    let lengths = word.len() / 2..=(2 * word.len()).min(MOST_BYTES);
    if word.len() > MOST_BYTES {
        return None;
    }
    let compared = known.filter(|known| lengths.contains(&known.len())).take(MOST_COMPARED);
    let near =
        compared.map(|known| (strsim::jaro_winkler(word, known), known)).filter(|(likeness, _)| *likeness > alike);
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_nearest_word_is_found_among_words_of_like_length() {
        let known = || ["island", "bill_length", "body_mass"].into_iter();
        assert_eq!(nearest("bill_lenght", known(), 0.8), Some("bill_length"));
        assert_eq!(nearest("species", known(), 0.8), None);
        assert_eq!(nearest("", known(), 0.0), None);
    }

    #[test]
    fn neither_a_long_word_nor_very_many_take_long() {
        let names: Vec<String> = (0..16_000).map(|at| format!("column_number_{at}")).collect();
        let known = || names.iter().map(String::as_str);
        let started = Instant::now();
        assert_eq!(nearest(&"c".repeat(400_000), known(), 0.0), None);
        assert!(nearest("column_numbr_7", known(), 0.8).is_some());
        assert!(started.elapsed() < Duration::from_millis(100), "{:?}", started.elapsed());
    }
}
