//! Words with a meaning of their own: true and false.

/// `true` or `false` in any case, blanks around it allowed.
pub fn parse_boolean(text: &str) -> Option<bool> {
    let text = trim(text.as_bytes());
    match text.len() {
        4 if text.eq_ignore_ascii_case(b"true") => Some(true),
        5 if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
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
    fn words_for_true_and_for_false() {
        assert_eq!([" TRUE", "False ", "yes", "1"].map(parse_boolean), [Some(true), Some(false), None, None]);
    }
}
