//! The kinds of findings, in the order in which they are told: the table of what each costs who does not act on it.

/// What a finding costs who does not act on it, dearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// A training, rows, columns or cells are lost: nothing is learned from them.
    Lost,
    /// Values are, or may be, read otherwise than they were written: what is learned from them is wrong.
    Misread,
    /// Measures may promise more than the model holds: somebody relies on what is not so.
    Flattering,
    /// The model learns less than it could.
    Unlearned,
    /// Nothing is lost: told so that nobody wonders.
    Tidy,
}

/// A kind of findings.
#[derive(Debug)]
pub struct Kind {
    /// Its stable word.
    pub code: &'static str,
    /// Why it stands where it does in [`KINDS`].
    pub cost: Cost,
    /// What is said of several columns with it; of kinds that are about columns.
    pub(super) of_columns: Option<OfColumns>,
}

/// What is said of several columns: `3 columns … : "a", "b" and "c".`
#[derive(Debug)]
pub(super) struct OfColumns {
    /// What they have in common, behind the number of columns.
    pub clause: &'static str,
    /// What to do about it. Nothing where each column has a line and a value of its own: then the first one's message follows.
    pub advice: Option<&'static str>,
}

/// There are more findings than are told.
pub const FURTHER_FINDINGS: &str = "further_findings";

/// About the file, the rows, the target or the training.
const fn whole(code: &'static str, cost: Cost) -> Kind {
    Kind { code, cost, of_columns: None }
}

/// About columns, each with a line and a value, or a number, of its own.
const fn each(code: &'static str, cost: Cost, clause: &'static str) -> Kind {
    Kind { code, cost, of_columns: Some(OfColumns { clause, advice: None }) }
}

/// About columns, of all of which the same is to be said.
const fn alike(code: &'static str, cost: Cost, clause: &'static str, advice: &'static str) -> Kind {
    Kind { code, cost, of_columns: Some(OfColumns { clause, advice: Some(advice) }) }
}

/// All kinds, dearest first: by cost, and where that is the same by how much of the table is concerned, as a rule.
pub static KINDS: [Kind; 63] = [
    whole("loss_not_falling", Cost::Lost),
    // The first row has become the names of the columns, and the columns have no names.
    whole("header_looks_like_data", Cost::Lost),
    each("numbers_as_words", Cost::Lost, "hold numbers and are read as words"),
    each("dates_as_words", Cost::Lost, "hold dates or times and are read as words"),
    each("booleans_as_words", Cost::Lost, "hold true and false and are read as words"),
    each("unusable_column", Cost::Lost, "have types that no table can have, and are left out"),
    whole("target_missing", Cost::Lost),
    whole("dataset_superseded", Cost::Lost),
    whole("merged_cells", Cost::Lost),
    whole("formulas_without_values", Cost::Lost),
    whole("other_sheets", Cost::Lost),
    each("not_finite", Cost::Lost, "hold infinite numbers, which count as missing"),
    // Of trainings of releases that did not learn from text.
    alike(
        "text_column",
        Cost::Lost,
        "hold text or identifiers, from which that release did not learn, and are left out",
        "Train again, and words are learned from.",
    ),
    alike(
        "long_text",
        Cost::Lost,
        "hold more text than is learned from, and are left out",
        "Shorten them, or leave out columns of text that stand before them.",
    ),
    alike(
        "unshared_words",
        Cost::Lost,
        "hold identifiers, or text whose words few rows share, and are left out",
        "What matters in them can be given as columns of numbers or of a few words.",
    ),
    alike(
        "rare_words",
        Cost::Lost,
        "have only words that occur once or twice, and are left out",
        "Put words into groups, if that has a meaning.",
    ),
    each("column_type_changed", Cost::Misread, "have another type than in the data set that the model was made for"),
    each("column_read_otherwise", Cost::Misread, "are read otherwise than where the model learned them"),
    whole("encoding_guessed", Cost::Misread),
    each("ambiguous_numbers", Cost::Misread, "hold numbers that could be read in two ways"),
    each("ambiguous_dates", Cost::Misread, "hold dates whose day and month nothing tells apart"),
    each("two_digit_years", Cost::Misread, "have years of two digits"),
    each("missing_words", Cost::Misread, "have words that count as missing values, or may be meant so"),
    each("missing_codes", Cost::Misread, "have numbers or dates that may be codes for missing values"),
    each("codes_as_numbers", Cost::Misread, "hold whole numbers that may name something, and are read as quantities"),
    each("large_integers", Cost::Misread, "hold integers beyond 2^53 and are kept as words"),
    each("words_alike", Cost::Misread, "have words that differ by case or blanks alone"),
    whole("total_row", Cost::Misread),
    each("target_leakage", Cost::Flattering, "all but give the target away"),
    whole("rows_depend_on_each_other", Cost::Flattering),
    whole("duplicate_rows", Cost::Flattering),
    whole("split_values_missing", Cost::Flattering),
    whole("classes_not_trained", Cost::Flattering),
    whole("classes_not_measured", Cost::Flattering),
    whole("few_validation_rows", Cost::Flattering),
    whole("distilled_rows_known", Cost::Flattering),
    whole("warm_start_rows_known", Cost::Flattering),
    whole("measured_rows_known", Cost::Flattering),
    whole("chosen_by_measured_rows", Cost::Flattering),
    whole("no_better_than_constant", Cost::Unlearned),
    whole("worse_than_linear", Cost::Unlearned),
    whole("target_moves_with_time", Cost::Unlearned),
    whole("target_outliers", Cost::Unlearned),
    whole("overfitting", Cost::Unlearned),
    whole("unscaled_inputs", Cost::Unlearned),
    whole("dead_relu", Cost::Unlearned),
    whole("vanishing_gradient", Cost::Unlearned),
    whole("saturated_units", Cost::Unlearned),
    whole("few_rows_per_class", Cost::Unlearned),
    whole("class_imbalance", Cost::Unlearned),
    whole("few_target_values", Cost::Unlearned),
    whole("constant_weights", Cost::Unlearned),
    each("high_cardinality", Cost::Unlearned, "have very many different values, few rows for each"),
    alike(
        "mostly_missing",
        Cost::Unlearned,
        "have no values in nearly all rows, and can hardly help a model",
        "Leave them out, or fill them.",
    ),
    alike(
        "identifier_column",
        Cost::Tidy,
        "number or name the rows, so that a model would learn them by heart",
        "A training leaves them out unless `features` names them.",
    ),
    alike(
        "constant_column",
        Cost::Tidy,
        "have one value in all rows, from which nothing is learned",
        "A training leaves them out; so may you.",
    ),
    each("duplicate_column", Cost::Tidy, "equal another column in every row"),
    each("numbers_formatted", Cost::Tidy, "hold numbers that are written otherwise than a program would"),
    whole("parted_by_blanks", Cost::Tidy),
    whole("lines_skipped", Cost::Tidy),
    whole("rows_above_header", Cost::Tidy),
    whole("blank_rows", Cost::Tidy),
    whole(FURTHER_FINDINGS, Cost::Tidy),
];

/// Where a kind stands among [`KINDS`]; one that this release does not know stands before that of what is not told.
pub fn rank(code: &str) -> usize {
    KINDS.iter().position(|kind| kind.code == code).unwrap_or(KINDS.len() - 2)
}

/// The kind of a code, if this release knows it.
pub(super) fn kind(code: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_the_order_of_what_they_cost_and_each_once() {
        assert!(KINDS.is_sorted_by_key(|kind| kind.cost));
        assert!(KINDS.iter().enumerate().all(|(at, kind)| rank(kind.code) == at));
        assert_eq!(KINDS.last().map(|kind| kind.code), Some(FURTHER_FINDINGS));
        assert!(rank("of_a_later_release") < rank(FURTHER_FINDINGS));
    }
}
