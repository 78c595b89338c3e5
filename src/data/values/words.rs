//! Words with a meaning of their own: true and false, and those that say that there is no value.

/// `true` or `false` in any case, blanks around it allowed.
pub fn parse_boolean(text: &str) -> Option<bool> {
    let text = trim(text.as_bytes());
    match text.len() {
        4 if text.eq_ignore_ascii_case(b"true") => Some(true),
        5 if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

/// Whether among numbers, booleans or dates the text says that there is no value: blank, `NaN`, `NA`, `N/A` or `null`.
pub fn is_missing_word(text: &str) -> bool {
    let text = trim(text.as_bytes());
    let is = |word: &[u8]| text.eq_ignore_ascii_case(word);
    match text.len() {
        0 => true,
        2 => is(b"na"),
        3 => is(b"nan") || is(b"n/a"),
        4 => is(b"null"),
        _ => false,
    }
}

/// The text without the ASCII blanks around it.
#[inline]
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    match (text.first(), text.last()) {
        (Some(first), Some(last)) if *first > b' ' && *last > b' ' => text,
        _ => text.trim_ascii(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_nothing_for_true_and_for_false() {
        assert!(["", "  ", "NaN", "na", "N/A", "Null", " nan "].into_iter().all(is_missing_word));
        assert!(!["none", "-", "n.a.", "0", "naan"].into_iter().any(is_missing_word));
        assert_eq!([" TRUE", "False ", "yes", "1"].map(parse_boolean), [Some(true), Some(false), None, None]);
    }
}
