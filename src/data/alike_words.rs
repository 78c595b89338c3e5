//! Words of a column that differ by case or blanks alone, and are most likely meant as one: `good`, `GOOD` and `good `.

use std::collections::BTreeMap;

use super::column::{Column, ColumnType, Values, Words};
use super::profile::Finding;
use crate::wording::Shown;

/// A column of more different words is text, or holds identifiers.
const MOST_WORDS: usize = 1000;
/// Groups that are named, and words of each.
const NAMED: usize = 3;

/// The finding that words of this column differ by case or blanks alone: they are different classes, if it is the target, or
/// different categories.
pub(super) fn alike_words(column: &Column, is_target: bool) -> Option<Finding> {
    let Values::Words(words) = &column.values else { return None };
    if words.words.len() > MOST_WORDS || !is_target && column.kind != ColumnType::Categorical {
        return None;
    }
    let mut rows = vec![0u64; words.words.len()];
    for code in words.codes.iter().filter(|code| **code != Words::MISSING) {
        rows[*code as usize] += 1;
    }
    let mut groups: BTreeMap<String, Vec<(&str, u64)>> = BTreeMap::new();
    let counted = words.words.iter().map(String::as_str).zip(rows).filter(|(_, count)| *count > 0);
    counted.for_each(|(word, count): (&str, u64)| groups.entry(folded(word)).or_default().push((word, count)));
    let mut groups: Vec<Vec<(&str, u64)>> = groups.into_values().filter(|group| group.len() > 1).collect();
    groups.iter_mut().for_each(|group| group.sort_by_key(|(word, count)| (std::cmp::Reverse(*count), *word)));
    groups.sort_by_key(|group| std::cmp::Reverse(group.iter().map(|(_, count)| count).sum::<u64>()));
    (!groups.is_empty()).then(|| {
        let further = match groups.len().saturating_sub(NAMED) {
            0 => String::new(),
            count => format!(", and {count} such groups more"),
        };
        let named: Vec<String> = groups.iter().take(NAMED).map(|group| listed(group)).collect();
        let (name, taken) = (Shown(&column.name), if is_target { "classes of their own" } else { "different words" });
        let message = format!(
            "words of column {name} differ by case or blanks alone: {}{further}. Each is taken for what it is, so that they are \
             {taken}: where they mean the same, write them alike in the file, in rows to predict as well",
            named.join("; ")
        );
        Finding { code: "words_alike".to_owned(), message, column: Some(column.name.clone()) }
    })
}

/// A word without what does not tell it from others: in small letters, a blank between its parts.
fn folded(word: &str) -> String {
    word.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Words with their rows: "good" (201), "GOOD" (95).
fn listed(group: &[(&str, u64)]) -> String {
    let more = if group.len() > NAMED { format!(" and {} more", group.len() - NAMED) } else { String::new() };
    let words: Vec<String> = group.iter().take(NAMED).map(|(word, rows)| format!("{} ({rows})", Shown(word))).collect();
    words.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(words: &[&str]) -> Column {
        let codes = (0..words.len() as u32).flat_map(|code| vec![code; 3 + code as usize]).collect();
        let words = words.iter().map(|word| (*word).into()).collect();
        Column { name: "y".into(), kind: ColumnType::Categorical, values: Values::Words(Words { codes, words }) }
    }

    #[test]
    fn words_that_differ_by_case_or_blanks_alone_are_named_with_their_rows() {
        let found =
            alike_words(&column(&["good", "bad", "GOOD", "so  so", " so so", "good "]), true).expect("a finding");
        let groups = r#": "good " (8), "GOOD" (5), "good" (3); " so so" (7), "so  so" (6). Each"#;
        assert!(found.message.contains(groups) && found.message.contains("classes of their own"), "{}", found.message);
        assert_eq!((found.code.as_str(), found.column.as_deref()), ("words_alike", Some("y")));
        assert_eq!(alike_words(&column(&["good", "bad", "goods", "so-so", "so so"]), true), None);
        // Texts differ in any case, and are learned by their words.
        let text = Column { kind: ColumnType::Text, ..column(&["good", "GOOD"]) };
        assert_eq!(alike_words(&text, false), None);
    }
}
