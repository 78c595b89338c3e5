//! The words of a text.

/// Tells `see` of each word of `text` in lower case: a run of letters and digits in the sense of Unicode. A character of Chinese or
/// Japanese, which have no blanks between words, is a word by itself.
///
/// The time taken is linear in the length of the text.
pub(in crate::data) fn each_word(text: &str, mut see: impl FnMut(&str)) {
    let mut word = String::new();
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            see(word);
            word.clear();
        }
    };
    for letter in text.chars() {
        let alone = stands_alone(letter);
        if alone || !letter.is_alphanumeric() {
            end(&mut word);
        }
        match letter {
            _ if letter.is_ascii() && letter.is_alphanumeric() => word.push(letter.to_ascii_lowercase()),
            _ if letter.is_alphanumeric() => word.extend(letter.to_lowercase()),
            _ => {}
        }
        if alone {
            end(&mut word);
        }
    }
    end(&mut word);
}

/// Whether a word is one of a language, most likely: letters alone, and two of them, or a character that stands for a word.
pub(in crate::data) fn is_plain_word(word: &str) -> bool {
    let mut letters = word.chars();
    match (letters.next(), letters.next()) {
        (Some(one), None) => stands_alone(one),
        _ => word.chars().all(char::is_alphabetic),
    }
}

/// Whether texts most likely name rows, and say nothing: hardly one of them has two different words of letters alone.
pub(in crate::data) fn are_names<'a>(texts: impl Iterator<Item = &'a str>) -> bool {
    /// One of so many texts has two words where they say something.
    const TELLING: usize = 4;
    let (mut count, mut told, mut first) = (0, 0, String::new());
    for text in texts {
        let mut has_two = false;
        first.clear();
        each_word(text, |word| {
            has_two |= !first.is_empty() && is_plain_word(word) && word != first;
            if first.is_empty() && is_plain_word(word) {
                first.push_str(word);
            }
        });
        (count, told) = (count + 1, told + usize::from(has_two));
    }
    told * TELLING < count
}

/// Hiragana and katakana, and the ideographs of Unicode's basic and supplementary planes.
fn stands_alone(letter: char) -> bool {
    matches!(u32::from(letter), 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        each_word(text, |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(words("It's NOT worth $3.50 – 2nd-rate!"), ["it", "s", "not", "worth", "3", "50", "2nd", "rate"]);
        assert_eq!(words("ÄRGER über Straße"), ["ärger", "über", "straße"]);
        assert_eq!(words("ОЧЕНЬ плохо"), ["очень", "плохо"]);
        assert_eq!(words("价格高 OKです"), ["价", "格", "高", "ok", "で", "す"]);
        assert_eq!(words(" ,.\u{1f600}\n"), Vec::<String>::new());
        assert_eq!(words(""), Vec::<String>::new());
    }

    #[test]
    fn plain_words_have_letters_alone() {
        assert!(["worth", "ärger", "高", "ok"].iter().all(|word| is_plain_word(word)));
        assert!(["2nd", "x", "41d4", "3"].iter().all(|word| !is_plain_word(word)));
    }

    #[test]
    fn what_names_rows_has_hardly_two_words() {
        let names = |texts: &[&str]| are_names(texts.iter().copied());
        assert!(names(&["550e8400-e29b-41d4-a716-446655440000", "beefdead-a29b-41d4-a716-446655440000", "A/5 21171"]));
        assert!(names(&["ORD-1", "ORD-2", "Miller", "no no", "3 of 4"]));
        assert!(!names(&["the sound is poor", "B-17", "C-18", "D-19"]));
    }

    #[test]
    fn a_text_of_a_megabyte_is_gone_through_once() {
        let (mut count, mut bytes) = (0, 0);
        let mut see = |word: &str| {
            count += 1;
            bytes += word.len();
        };
        each_word(&"a".repeat(1 << 20), &mut see);
        each_word(&"ab ".repeat(1 << 18), &mut see);
        assert_eq!((count, bytes), (1 + (1 << 18), (1 << 20) + (2 << 18)));
    }
}
