//! Findings of one kind, together.

use std::borrow::Cow;

use super::kinds::{OfColumns, kind, rank};
use crate::wording::Shown;

/// Columns that the message of a group names.
const NAMED: usize = 3;
/// Messages that are told one behind the other, where they are about no columns.
const IN_FULL: usize = 3;

/// Something that is told: a finding about data, or a warning of a training.
pub trait Told {
    /// The stable word of its kind.
    fn code(&self) -> &str;
    /// What was found, and what to do about it.
    fn message(&self) -> &str;
    /// The column that it is about, if it is about one.
    fn column(&self) -> Option<&str>;
}

/// Findings of one kind, at least one, in the order in which they were made.
#[derive(Debug)]
pub struct Group<'a, T> {
    /// Each of them.
    pub members: Vec<&'a T>,
}

/// Findings by their kinds, those first that cost most.
pub fn grouped<T: Told>(findings: &[T]) -> Vec<Group<'_, T>> {
    let mut sorted: Vec<(usize, &T)> = findings.iter().map(|finding| (rank(finding.code()), finding)).collect();
    sorted.sort_by(|(rank, one), (other_rank, other)| (rank, one.code()).cmp(&(other_rank, other.code())));
    let same = |one: &(usize, &T), other: &(usize, &T)| one.1.code() == other.1.code();
    sorted.chunk_by(same).map(|chunk| Group { members: chunk.iter().map(|(_, finding)| *finding).collect() }).collect()
}

impl<'a, T: Told> Group<'a, T> {
    /// The first one.
    pub fn first(&self) -> &'a T {
        self.members[0]
    }

    /// The columns that they are about.
    pub fn columns(&self) -> Vec<&'a str> {
        self.members.iter().filter_map(|finding| finding.column()).collect()
    }

    /// What is said of all of them: of a single one its message; of several how many columns they are about, which, and what
    /// to do, or what is said of the first of them.
    pub fn message(&self) -> Cow<'a, str> {
        let of_columns = kind(self.first().code()).and_then(|kind| kind.of_columns.as_ref());
        match (self.members.as_slice(), of_columns.filter(|_| self.columns().len() != 1)) {
            ([only], _) => only.message().into(),
            (_, Some(said)) => self.of_columns(said).into(),
            (all, None) => {
                let messages: Vec<&str> = all.iter().take(IN_FULL).map(|finding| finding.message()).collect();
                let further = all.len().saturating_sub(IN_FULL);
                let further = if further > 0 { format!(" And {further} more.") } else { String::new() };
                (messages.join(" ") + &further).into()
            }
        }
    }

    fn of_columns(&self, said: &OfColumns) -> String {
        let columns = self.columns();
        // Warnings that earlier releases have stored do not say of which columns they are.
        let (count, names) = match columns.len() {
            0 => (self.members.len(), String::new()),
            count => (count, format!(": {}", listed(&columns))),
        };
        let of_first = || format!("The first: {}", self.first().message());
        let advice = said.advice.map_or_else(of_first, str::to_owned);
        let mut message = format!("{count} columns {}{names}. {advice}", said.clause);
        let of_file = self.members.iter().filter(|finding| finding.column().is_none() && !columns.is_empty());
        of_file.take(IN_FULL).for_each(|finding| message.extend([" ", finding.message()]));
        message
    }
}

/// The first names, and how many more there are.
fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().map(|name| Shown(name).to_string()).collect();
    match shown.as_slice() {
        [one] => one.clone(),
        [rest @ .., last] if shown.len() <= NAMED => format!("{} and {last}", rest.join(", ")),
        all => format!("{} and {} more", all[..NAMED].join(", "), all.len() - NAMED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Found(&'static str, &'static str, Option<&'static str>);

    impl Told for Found {
        fn code(&self) -> &str {
            self.0
        }
        fn message(&self) -> &str {
            self.1
        }
        fn column(&self) -> Option<&str> {
            self.2
        }
    }

    fn told(findings: &[Found]) -> Vec<(String, usize, String)> {
        let groups = grouped(findings);
        groups.iter().map(|group| (group.first().0.to_owned(), group.members.len(), group.message().into())).collect()
    }

    fn row(code: &str, count: usize, message: &str) -> (String, usize, String) {
        (code.to_owned(), count, message.to_owned())
    }

    #[test]
    fn findings_of_a_kind_are_told_together_and_the_dearest_first() {
        let text = "column \"…\" holds text";
        let found = [
            Found("blank_rows", "Row 7 is blank.", None),
            Found("text_column", text, Some("a")),
            Found("text_column", text, Some("b")),
            Found("numbers_formatted", "\"1,5\" on line 2 is read as 1.5.", Some("c")),
            Found("numbers_formatted", "\"2,5\" on line 3 is read as 2.5.", Some("d")),
            Found("text_column", text, Some("e")),
            Found("text_column", text, Some("f")),
            Found("numbers_as_words", "Line 9 has \"x\".", Some("g")),
        ];
        let of_text = "4 columns hold text or identifiers, from which that release did not learn, and are left out: \
                       \"a\", \"b\", \"e\" and 1 more. Train again, and words are learned from.";
        let of_numbers = "2 columns hold numbers that are written otherwise than a program would: \"c\" and \"d\". The first: \
                          \"1,5\" on line 2 is read as 1.5.";
        let expected = [
            row("numbers_as_words", 1, "Line 9 has \"x\"."),
            row("text_column", 4, of_text),
            row("numbers_formatted", 2, of_numbers),
            row("blank_rows", 1, "Row 7 is blank."),
        ];
        assert_eq!(told(&found), expected);
    }

    #[test]
    fn what_does_not_say_its_column_or_is_about_none_is_told_as_well() {
        let stored =
            [Found("text_column", "column \"a\" holds text", None), Found("text_column", "column \"b\" …", None)];
        let text = &told(&stored)[0].2;
        assert!(text.starts_with("2 columns hold text or identifiers") && !text.contains(':'), "{text}");
        let lines = [Found("lines_skipped", "Line 1.", None), Found("lines_skipped", "Line 2.", None)];
        assert_eq!(told(&lines)[0].2, "Line 1. Line 2.");
        let unknown: Vec<Found> = (0..5).map(|_| Found("of_a_later_release", "Look.", Some("a"))).collect();
        assert_eq!(told(&unknown)[0].2, "Look. Look. Look. And 2 more.");
        let beyond = [
            Found("unusable_column", "It is binary.", Some("a")),
            Found("unusable_column", "7 further columns are left out.", None),
        ];
        assert_eq!(told(&beyond)[0].2, "It is binary. 7 further columns are left out.");
    }
}
