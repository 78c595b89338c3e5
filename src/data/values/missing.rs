//! Words that say that there is no value.

use super::words::trim;

/// Words that mean among numbers, dates and booleans that there is no value, in any case. Beside them: blanks alone.
pub const MISSING_WORDS: [&str; 23] = [
    "NA", "NaN", "N/A", "null", "None", "nil", "?", ".", "-", "--", "–", "—", "(null)", "<NA>", "NaT", "\\N", "#N/A",
    "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!",
];

/// The longest of them.
const LONGEST: usize = 7;

/// Where in [`MISSING_WORDS`] a text stands, blanks around it left out.
pub(crate) fn missing_word(text: &str) -> Option<usize> {
    let text = trim(text.as_bytes());
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    MISSING_WORDS.iter().position(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether among numbers, booleans or dates the text says that there is no value.
pub fn is_missing_word(text: &str) -> bool {
    let trimmed = trim(text.as_bytes());
    trimmed.is_empty() || missing_word(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_nothing() {
        for word in
            ["", "  ", "NaN", "na", "N/A", "Null", " nan ", "none", "-", "--", "#N/A", "\\n", "<na>", "NaT", "—"]
        {
            assert!(is_missing_word(word), "{word}");
        }
        for word in ["n.a.", "0", "naan", "unknown", "---", "..", "nothing", "#", "no"] {
            assert!(!is_missing_word(word), "{word}");
        }
        assert!(MISSING_WORDS.iter().all(|word| word.len() <= LONGEST && is_missing_word(word)));
    }
}
