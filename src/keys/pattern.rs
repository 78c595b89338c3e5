//! Patterns of models' names: `*` stands for any characters, also for none.

use std::fmt;

/// Longest pattern.
const MAX_PATTERN: usize = 64;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern that is written so.
    ///
    /// # Errors
    /// What would be right.
    pub fn new(text: &str) -> Result<Self, String> {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-*".contains(c);
        if (1..=MAX_PATTERN).contains(&text.len()) && text.chars().all(known) {
            return Ok(Pattern(text.to_owned()));
        }
        Err(format!("a pattern has 1 to {MAX_PATTERN} of a-z, 0-9, _ and -, and * for any of them"))
    }

    /// Whether a name fits.
    pub fn fits(&self, name: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        // The first place that fits leaves most for what follows.
        for piece in pieces {
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        let fits = |pattern: &str, name: &str| Pattern::new(pattern).expect("a pattern").fits(name);
        for (pattern, name) in [
            ("a", "a"),
            ("*", ""),
            ("*", "abc"),
            ("a*", "a"),
            ("a*", "abc"),
            ("*c", "abc"),
            ("a*c*e", "abcdcde"),
            ("a*a", "aa"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a", "ab"), ("a*", "b"), ("*c", "abcd"), ("a*a", "a"), ("a*b*a", "aa"), ("a**b", "a")]
        {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        for wrong in ["", "A", "a b", "?", &"a".repeat(65)] {
            assert!(Pattern::new(wrong).is_err(), "{wrong}");
        }
    }
}
