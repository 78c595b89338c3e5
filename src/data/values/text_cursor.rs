//! A text that is read from its start, with the `strptime` pattern of what was read.

/// What is left of a text.
pub(super) struct Cursor<'a> {
    pub rest: &'a [u8],
    /// The pattern of what was read, where somebody wants to see it.
    pattern: Option<String>,
}

impl<'a> Cursor<'a> {
    pub fn new(rest: &'a [u8], with_pattern: bool) -> Self {
        Cursor { rest, pattern: with_pattern.then(String::new) }
    }

    /// The number of at least `least` and at most `most` digits at the start, and how many there are; not of more digits.
    pub fn number(&mut self, least: usize, most: usize) -> Option<(i64, usize)> {
        let count = self.digits();
        if !(least..=most).contains(&count) {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        Some((
            digits.iter().fold(0, |value, byte| value.saturating_mul(10).saturating_add(i64::from(byte - b'0'))),
            count,
        ))
    }

    /// Digits at the start.
    pub fn digits(&self) -> usize {
        self.rest.iter().take(20).take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// The letters at the start.
    pub fn letters(&mut self) -> &'a [u8] {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (letters, rest) = self.rest.split_at(count);
        self.rest = rest;
        letters
    }

    /// Takes one of these bytes from the start, if one is there.
    pub fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        bytes.contains(first).then(|| self.rest = rest)?;
        self.note_text(&[*first]);
        Some(*first)
    }

    /// Takes all blanks from the start; says whether there were any.
    pub fn blanks(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = self.rest.trim_ascii_start();
        let any = self.rest.len() < before;
        if any {
            self.note(" ");
        }
        any
    }

    /// Adds to the pattern.
    pub fn note(&mut self, pattern: &str) {
        if let Some(all) = &mut self.pattern {
            all.push_str(pattern);
        }
    }

    /// Adds a text that stands for itself.
    pub fn note_text(&mut self, text: &[u8]) {
        if let Some(all) = &mut self.pattern {
            all.push_str(&String::from_utf8_lossy(text).replace('%', "%%"));
        }
    }

    /// The pattern of all that was read.
    pub fn into_pattern(self) -> Option<String> {
        self.pattern
    }
}
