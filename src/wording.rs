//! What messages quote of a client's words: never more than their beginning, and the word that may have been meant.

use std::borrow::Cow;
use std::fmt;

/// Characters of a client's text that a message quotes.
const SHOWN: usize = 100;
/// Longer words are compared with none, and none with longer ones: to compare two words takes as many steps as their lengths
/// multiplied.
const MOST_BYTES: usize = 64;
/// How alike two names must be (Jaro-Winkler, 0 to 1) for one to be suggested for the other.
pub const ALIKE: f64 = 0.8;
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

/// The word among `known` that is `word` but for its case, or else the one that is nearest to it, if it is more than `alike`
/// (Jaro-Winkler, 0 to 1). Of very many known words some are compared, of long ones none.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>, alike: f64) -> Option<&'a str> {
    let lengths = word.len() / 2..=(2 * word.len()).min(MOST_BYTES);
    let (mut near, mut compared) = (None, 0);
    for known in known {
        // That ends at the first character that differs.
        if lower(word).eq(lower(known)) {
            return Some(known);
        }
        if word.len() <= MOST_BYTES && lengths.contains(&known.len()) && compared < MOST_COMPARED {
            compared += 1;
            let likeness = strsim::jaro_winkler(word, known);
            if likeness > alike && near.is_none_or(|(nearest, _)| likeness >= nearest) {
                near = Some((likeness, known));
            }
        }
    }
    near.map(|(_, known)| known)
}

/// What to say of a name that is not among the `known` ones: the one that may have been meant, if one is near.
pub fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known, ALIKE).map(|near| format!("; did you mean {}?", Shown(near))).unwrap_or_default()
}

fn lower(word: &str) -> impl Iterator<Item = char> {
    word.chars().flat_map(char::to_lowercase)
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
        let cases = || ["sez", "SEX", "Größe"].into_iter();
        assert_eq!([nearest("sex", cases(), 0.8), nearest("GRÖSSE", cases(), 0.9)], [Some("SEX"), None]);
        assert_eq!(nearest("größe", cases(), 0.99), Some("Größe"));
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
