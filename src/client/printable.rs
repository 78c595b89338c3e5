//! Texts of others on a terminal.

/// A text as a terminal may be given it. Control characters, which could move its cursor, rename its window or tear a line, and those
/// that turn the direction of text around are written as escapes.
pub fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() || turns_around(character) {
            true => printable.extend(character.escape_default()),
            false => printable.push(character),
        }
    }
    printable
}

/// Whether a character is one of Unicode's controls of direction (UAX #9), or a separator of lines or paragraphs.
fn turns_around(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_do_is_written_out() {
        assert_eq!(printable("Größe 猫 \"a\"\\"), "Größe 猫 \"a\"\\");
        assert_eq!(printable("a\u{1b}]0;b\u{7}\n\u{9b}2J"), r"a\u{1b}]0;b\u{7}\n\u{9b}2J");
        assert_eq!(printable("a\u{202e}b"), r"a\u{202e}b");
    }
}
