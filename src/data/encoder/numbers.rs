//! Words that are numbers, found whatever their writing: CSV may have `1.0` where a record has 1.

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::data::values::canonical_number;

/// Words by the number that they write. The index is made when a word is first looked for that is not among them as it is
/// written: most are.
pub(super) struct Numbers<'a, I> {
    words: I,
    index: OnceCell<HashMap<std::borrow::Cow<'a, str>, usize>>,
}

impl<'a, I: Iterator<Item = &'a String> + Clone> Numbers<'a, I> {
    /// Of these words.
    pub fn among(words: I) -> Self {
        Numbers { words, index: OnceCell::new() }
    }

    /// The place of the first word that is the same number as `word`.
    pub fn place(&self, word: &str) -> Option<usize> {
        let number = canonical_number(word)?;
        let index = || {
            let mut index = HashMap::new();
            for (place, number) in
                self.words.clone().enumerate().filter_map(|(at, word)| Some((at, canonical_number(word)?)))
            {
                index.entry(number).or_insert(place);
            }
            index
        };
        self.index.get_or_init(index).get(&number).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_in_any_writing() {
        let words = ["1", "1.0", "2.50", "9007199254740993", "x"].map(str::to_owned);
        let numbers = Numbers::among(words.iter());
        let found =
            ["1.00", "1", "2.5", "25e-1", "9007199254740993", "9007199254740992", "x"].map(|word| numbers.place(word));
        assert_eq!(found, [Some(0), Some(0), Some(2), Some(2), Some(3), None, None]);
    }
}
