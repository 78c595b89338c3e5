//! What an encoder promises, on tables made here.

use super::*;
use crate::data::column::{Column, ColumnType, Table, Values, Words};
use crate::data::convert::words_of;

fn numeric(name: &str, values: &[f64]) -> Column {
    Column { name: name.into(), kind: ColumnType::Numeric, values: Values::Numeric(values.to_vec()) }
}

fn words(name: &str, values: &[Option<&str>]) -> Column {
    let words: Words = words_of(values.iter().map(|word| word.map(Into::into)));
    Column { name: name.into(), kind: ColumnType::Categorical, values: Values::Words(words) }
}

fn table(columns: Vec<Column>) -> Table {
    let rows = columns[0].values.len();
    Table { columns, rows }
}

/// Twelve rows: a number, two words that occur often, one that is rare, a gap, a date, a target.
fn mixed() -> Table {
    let n = f64::NAN;
    let (a, b, c) = (Some("a"), Some("b"), Some("c"));
    let day = |days: i64| Some(days * 86_400_000_000);
    let dates = (0..12).map(|row| day(row * 40)).collect();
    table(vec![
        numeric("x", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, n, 10.0, 11.0, 12.0]),
        words("w", &[a, a, a, a, b, b, b, b, c, None, a, b]),
        Column { name: "d".into(), kind: ColumnType::Datetime, values: Values::Datetime(dates) },
        numeric("k", &[5.0; 12]),
        numeric("y", &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]),
    ])
}

fn fitted(rows: &[usize]) -> Encoder {
    Encoder::fit(&mixed(), "y", Task::Classification, rows, &Known::default()).unwrap()
}

fn all() -> Vec<usize> {
    (0..12).collect()
}

#[test]
fn only_training_rows_are_looked_at() {
    let train: Vec<usize> = (0..8).collect();
    let before = fitted(&train);
    let mut leaking = mixed();
    let Values::Numeric(x) = &mut leaking.columns[0].values else { unreachable!() };
    x[8..].fill(1e9);
    leaking.columns[1] = words("w", &[&vec![Some("a"); 4][..], &[Some("b"); 4], &[Some("z"); 4]].concat());
    let after = Encoder::fit(&leaking, "y", Task::Classification, &train, &Known::default()).unwrap();
    assert_eq!(before, after, "rows held out have changed the encoder");
    let Encoding::Numeric { max, .. } = &after.feature("x").unwrap().encoding else { panic!() };
    assert_eq!(*max, 8.0);
}

#[test]
fn the_order_of_columns_does_not_matter() {
    let encoder = fitted(&all());
    let mut reversed = mixed();
    reversed.columns.reverse();
    assert_eq!(encoder.transform(&mixed()).unwrap(), encoder.transform(&reversed).unwrap());
}

#[test]
fn a_stored_encoder_gives_the_same_numbers() {
    let encoder = fitted(&all());
    let stored: Encoder = serde_json::from_str(&serde_json::to_string(&encoder).unwrap()).unwrap();
    assert_eq!(encoder.transform(&mixed()).unwrap(), stored.transform(&mixed()).unwrap());
    assert_eq!(stored.check(), Ok(()));
}

#[test]
fn unseen_and_missing_values_are_encoded_and_told_of() {
    let encoder = fitted(&(0..8).collect::<Vec<_>>());
    let day = 86_400_000_000;
    let row = table(vec![
        numeric("x", &[f64::NAN, 100.0, -3.0]),
        words("w", &[Some("new"), None, Some("a")]),
        Column {
            name: "d".into(),
            kind: ColumnType::Datetime,
            values: Values::Datetime(vec![Some(-day), Some(40 * day), None]),
        },
    ]);
    let encoded = encoder.transform(&row).unwrap();
    assert!(encoded.inputs.iter().all(|value| value.is_finite()));
    let mut seen: Vec<(usize, &str, Sighting)> = encoded
        .sightings
        .iter()
        .map(|(row, feature, how)| (*row, encoder.features[*feature].name.as_str(), *how))
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            (0, "d", Sighting::BelowMin),
            (0, "w", Sighting::UnseenCategory),
            (0, "x", Sighting::Missing),
            (1, "w", Sighting::Missing),
            (1, "x", Sighting::AboveMax),
            (2, "d", Sighting::Missing),
            (2, "x", Sighting::BelowMin),
        ]
    );
}

#[test]
fn gaps_of_the_training_rows_have_a_column_of_their_own() {
    let encoder = fitted(&all());
    let x = encoder.feature("x").unwrap();
    assert!(x.missing && x.plain_width() == 2);
    let inputs = encoder.transform(&mixed()).unwrap().inputs;
    assert_eq!((inputs[[8, 0]], inputs[[8, 1]]), (0.0, 1.0), "the median, and that it was missing");
    assert_eq!(inputs[[7, 1]], 0.0);
}

#[test]
fn constants_are_left_out_and_rare_words_share_a_column() {
    let encoder = fitted(&all());
    assert_eq!(encoder.left_out, [LeftOut { name: "k".into(), kind: ColumnType::Numeric, reason: Reason::Constant }]);
    let Encoding::OneHot { values, rare, scales } = &encoder.feature("w").unwrap().encoding else { panic!() };
    assert_eq!((values.len(), rare.as_slice(), scales.len()), (2, &["c".to_owned()][..], 3));
}

#[test]
fn many_words_become_codes() {
    let names: Vec<String> = (0..40).map(|i| format!("w{i:02}")).collect();
    let column: Vec<Option<&str>> = (0..160).map(|row| Some(names[row % 40].as_str())).collect();
    let y: Vec<f64> = (0..160).map(|row| f64::from(row % 3)).collect();
    let table = table(vec![words("w", &column), numeric("y", &y)]);
    let rows: Vec<usize> = (0..160).collect();
    let encoder = Encoder::fit(&table, "y", Task::Regression, &rows, &Known::default()).unwrap();
    assert_eq!(
        (encoder.width(), encoder.embedded().collect::<Vec<_>>()),
        (1, vec![Codes { values: 42, bag: None, of_bins: false }])
    );
    let inputs = encoder.transform(&table).unwrap().inputs;
    assert_eq!((inputs[[0, 0]], inputs[[39, 0]]), (2.0, 41.0));
}

#[test]
fn an_encoder_of_another_place_has_no_longer_texts_than_one_fitted_here() {
    let fitted = fitted(&all());
    assert_eq!(fitted.check_lengths(), Ok(()));
    let mut long = fitted.clone();
    long.features[0].name = "n".repeat(1001);
    assert!(long.check_lengths().is_err_and(|reason| reason.contains("1000 characters") && reason.len() < 300));
    let mut long = fitted.clone();
    if let Target::Classification { classes, .. } = &mut long.target {
        classes[0] = "c".repeat(257);
        assert!(long.check_lengths().is_err_and(|reason| reason.contains("256 characters")));
    }
    assert_eq!(long.check(), Ok(()), "what is stored is read");
}

#[test]
fn targets_come_back() {
    let encoder = fitted(&all());
    assert_eq!(encoder.target.classes(), ["0", "1"]);
    let table = mixed();
    let target = Target::fit(&table.columns[0], Task::Regression, &[0, 1, 2, 3]).unwrap();
    let standardised = target.standardised(&table.columns[0], &[0, 3]).unwrap();
    assert!((target.value(standardised[0]) - 1.0).abs() < 1e-6 && (target.value(standardised[1]) - 4.0).abs() < 1e-6);
    assert_eq!((target.value(1e9), target.value(-1e9)), (4.0, 1.0), "kept within what training saw");
}

#[test]
fn answers_follow_a_target_that_moves_with_time() {
    let rows: Vec<usize> = (0..40).collect();
    let (earlier, later) = rows.split_at(30);
    let range = |y: &dyn Fn(usize) -> f64, [least, most]: [f64; 2]| {
        let column = numeric("y", &rows.iter().map(|row| y(*row)).collect::<Vec<f64>>());
        let mut target = Target::fit(&column, Task::Regression, earlier).unwrap();
        target.take_in(&column, later);
        target.follow(&column, earlier, later);
        let encoder = Encoder { target, ..fitted(&all()) };
        assert_eq!(encoder.check(), Ok(()), "what is stored is read");
        assert_eq!((encoder.target.value(-1e9), encoder.target.value(1e9)), (least, most));
    };
    range(&|row| row as f64, [0.0, 78.0]);
    range(&|row| row as f64 - 10.0, [-10.0, 68.0]);
    range(&|row| 10.0 - row as f64, [-68.0, 10.0]);
    // Never of another sign than all rows.
    range(&|row| 50.0 - row as f64, [0.0, 50.0]);
    range(&|row| -50.0 + row as f64, [-50.0, 0.0]);
    // Late rows among the early ones.
    range(&|row| (row * 7 % 10) as f64, [0.0, 9.0]);
    range(&|row| if row < 36 { (row * 7 % 10) as f64 } else { 100.0 }, [0.0, 100.0]);
}
