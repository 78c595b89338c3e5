//! What cells show of their column, all together and in pieces.

use super::*;
use crate::data::values::{CellFormat, DateOrder, NumberFormat, ShortFormat};

fn evidence(cells: &[&str]) -> Evidence {
    let mut evidence = Evidence::default();
    cells.iter().zip(2..).for_each(|(cell, line)| evidence.observe(cell, Written::Field, || line));
    evidence
}

fn form(cells: &[&str]) -> Form {
    evidence(cells).form(None, false)
}

/// The format of numbers: its separators, what stands before and behind, and the scale.
fn format(cells: &[&str]) -> String {
    match form(cells) {
        Form::Written(format) => match &*format {
            CellFormat::Number(NumberFormat { decimal, thousands, prefix, suffix, scale }) => {
                let [prefix, suffix] = [prefix, suffix].map(|part| part.clone().unwrap_or_default());
                format!("{prefix}{}{decimal}{suffix} {scale}", thousands.map(String::from).unwrap_or_default())
            }
            CellFormat::Date(_) => unreachable!("numbers"),
        },
        form => format!("{form:?}"),
    }
}

#[test]
fn one_cell_decides_however_late() {
    let mut numbers = vec!["1"; 1000];
    assert_eq!(form(&numbers), Form::Number);
    numbers.push("x");
    assert_eq!(form(&numbers), Form::Words);
    assert_eq!(form(&["true", "FALSE", "", "na", "-"]), Form::Boolean);
    assert_eq!(form(&["true", "1"]), Form::Words);
    assert_eq!(form(&["1", "true"]), Form::Words);
    assert_eq!(form(&["1", "2024-05-01"]), Form::Words);
    assert_eq!(form(&["01", "2"]), Form::Words);
    assert_eq!(form(&["", "NA", " ", "?"]), Form::Number);
}

#[test]
fn numbers_have_one_way_over_all_cells() {
    for (cells, found) in [
        (&["1.5", "2"][..], "Number"),
        (&["1,200", "900"], ",. 1"),
        (&["1,200.50", "900"], ",. 1"),
        (&["1.200,50", "900"], "., 1"),
        (&["12,5", "1.200", "7"], "., 1"),
        (&["12,5", "7"], ", 1"),
        (&["1 200", "1 200,5"], " , 1"),
        (&["1\u{202f}200", "7"], " . 1"),
        (&["1'200.5"], "'. 1"),
        (&["$5", "7", "-$1,200.00"], "$,. 1"),
        (&["5 €", "1.200,00 €"], "., € 1".trim()),
        (&["12 %", "3.5%"], ".% 0.01"),
        (&["(5)", "7"], ". 1"),
        (&["05.5", "12.25"], ". 1"),
        (&["1 kg", "2 kg", "3 kg", "4 kg", "5kg"], ".kg 1"),
        // Words: two ways, two currencies, a percent sign on some, few numbers with a unit, codes, telephone numbers.
        (&["12,5", "1,200.5"], "Words"),
        (&["1.5", "2,5"], "Words"),
        (&["$5", "€5"], "Words"),
        (&["12 %", "5"], "Words"),
        (&["2D", "3D", "2D"], "Words"),
        (&["05", "5.5"], "Words"),
        (&["612 345 678", "611 222 333"], "Words"),
        (&["+49 123 456", "+49 123 457"], "Words"),
        (&["9,007,199,254,740,993", "1"], "Words"),
    ] {
        assert_eq!(format(cells).replace("., €", ".,€"), found.replace("., €", ".,€"), "{cells:?}");
    }
    // What could be a separator of thousands is one, unless the file has decimal commas.
    let doubtful = evidence(&["1,200", "1,500"]);
    assert!(doubtful.numbers().is_ambiguous());
    let read = |commas| match doubtful.form(None, commas) {
        Form::Written(format) => serde_json::to_value(&*format).expect("JSON")["decimal"].clone(),
        form => panic!("{form:?}"),
    };
    assert_eq!([read(false), read(true)], [".", ","]);
    assert_eq!(evidence(&["1.200", "1.500"]).form(None, false), Form::Number);
    assert!(matches!(evidence(&["1.200", "1.500"]).form(None, true), Form::Written(_)), "the file has decimal commas");
    assert!(!evidence(&["1 200"]).numbers().is_ambiguous());
    assert!(!evidence(&["1'200"]).numbers().is_ambiguous());
    assert!(!evidence(&["$1,200", "$7.50"]).numbers().is_ambiguous());
}

#[test]
fn texts_are_numbers_among_numbers_and_where_only_texts_can_say_so() {
    let evidence_of = |cells: &[(&str, Written)]| {
        let mut evidence = Evidence::default();
        cells.iter().zip(1..).for_each(|((cell, written), line)| evidence.observe(cell, *written, || line));
        evidence
    };
    let of = |cells: &[(&str, Written)]| evidence_of(cells).form(None, false);
    use Written::{Number, Quoted};
    assert_eq!(of(&[("1", Quoted), ("2", Quoted)]), Form::Words, "meant to be texts");
    assert!(matches!(of(&[("1", Number), ("2", Quoted)]), Form::Written(_)));
    assert!(matches!(of(&[("$1,200", Quoted), ("$7", Quoted)]), Form::Written(_)));
    assert_eq!(of(&[("true", Quoted)]), Form::Words);
    let texts = evidence_of(&[("", Quoted), ("1.5", Quoted), ("2.5", Quoted)]);
    assert_eq!(texts.doubt(), Some(Doubt::Texts(2)), "the first of them");
    assert_eq!(evidence_of(&[("1.5", Number), ("2.5", Quoted)]).doubt(), None);
}

#[test]
fn pieces_together_say_what_the_whole_says() {
    for cells in [
        &["1", "9007199254740993", "inf", "-inf", "2.5", "null"][..],
        &["2", "y", "1", "x", "-"],
        &["$5", "7", "1,200", "€3", "3 %", "5", "?"],
        &["1,5", "1.234,5", "12.5", "x"],
        &["1 kg", "2 kg", "3 kg", "4 kg", "5 kg", "6 kg", "7 lb"],
        &["01/02/2024", "15-Jul-19", "13/02/2024", "02/13/2024", "0000-00-00", "2024-05-01"],
        &["true", "NA", "1", "false"],
    ] {
        let whole = evidence(cells);
        for cut in 0..=cells.len() {
            let mut left = evidence(&cells[..cut]);
            let mut right = Evidence::default();
            let rest = cells[cut..].iter().zip(cut as u64 + 2..);
            rest.for_each(|(cell, line)| right.observe(cell, Written::Field, || line));
            let mut turned = right.clone();
            turned.merge(&left);
            left.merge(&right);
            for merged in [&left, &turned] {
                assert_eq!(merged.form(None, false), whole.form(None, false), "{cells:?} {cut}");
                assert_eq!(merged.doubt(), whole.doubt(), "{cells:?} {cut}");
                for kind in [Kind::Number, Kind::Boolean, Kind::Date] {
                    assert_eq!(merged.misfit(kind), whole.misfit(kind), "{cells:?} {cut}");
                }
            }
        }
    }
    let whole = evidence(&["1", "9007199254740993", "inf", "-inf", "2.5", "null"]);
    assert_eq!((whole.not_finite, whole.large_integer), (Some((2, 4)), Some(3)));
    assert_eq!((whole.form(None, false), whole.has_large_integers()), (Form::Words, true));
    assert_eq!(whole.missing_words(), [("null", 1)]);
    assert_eq!(evidence(&["1", "x", "2", "y"]).misfit(Kind::Number), Some((3, "x")));
    assert_eq!(evidence(&["$5", "7", "€3"]).doubt(), Some(Doubt::OtherAffix([(2, "$5"), (4, "€3")])));
    assert_eq!(evidence(&["1,5", "12.5"]).doubt(), Some(Doubt::OtherWay(3)));
    assert_eq!(evidence(&["1 %", "12.5"]).doubt(), Some(Doubt::NoPercent(3)));
}

#[test]
fn day_and_month_are_told_apart_over_all_cells() {
    let order = |cells: &[&str]| (form(cells), evidence(cells).dates().is_ambiguous());
    let dates = |order| Form::Datetime(order, None);
    assert_eq!(order(&["01/02/2024", "13/02/2024"]), (dates(DateOrder::DayFirst), false));
    assert_eq!(order(&["02/13/2024", "01/02/2024"]), (dates(DateOrder::MonthFirst), false));
    assert_eq!(order(&["01/02/2024", "03/04/2024"]), (dates(DateOrder::MonthFirst), true));
    assert_eq!(order(&["01.02.2024", "NA", "03.04.2024 10:00"]), (dates(DateOrder::DayFirst), true));
    assert_eq!(order(&["13/02/2024", "02/13/2024"]).0, Form::Words);
    assert_eq!(evidence(&["13/02/2024", "02/13/2024"]).dates().contradiction(), Some(3));
    assert_eq!(order(&["2024-05-01", "2024/05/02 10:00"]), (dates(DateOrder::Iso), false));
    assert_eq!(
        order(&["2024-05-01", "13/02/2024"]),
        (dates(DateOrder::DayFirst), false),
        "one tells what it is itself"
    );
    assert_eq!(order(&["15-Jul-19", "1 May 2020"]), (dates(DateOrder::Iso), false));
    assert_eq!(order(&["2024-05-01", "2024-05-01 23:59:60"]).0, Form::Words);
    assert_eq!(order(&["0000-00-00", "2024-05-01"]), (dates(DateOrder::Iso), false));
    assert_eq!(evidence(&["15-Jul-19"]).dates().pattern().as_deref(), Some("%d-%b-%y"));
    assert_eq!(evidence(&["2024-05-01"]).dates().pattern(), None);
}

/// What the fast way shows of a column's numbers is what their texts show.
#[test]
fn numbers_read_in_their_format_show_the_same_as_texts() {
    let shown = |cells: &[&str], format: &str| {
        let format = serde_json::from_str(format).unwrap();
        let short = ShortFormat::of(&format).unwrap();
        let (mut evidence, mut taken) = (Evidence::default(), 0);
        for (cell, line) in cells.iter().zip(2..) {
            let read = short.read(cell.as_bytes(), b';').filter(|(_, length)| *length == cell.len());
            match read {
                Some((number, _)) if evidence.observe_short_written(&number, &short, || line) => taken += 1,
                _ => evidence.observe(cell, Written::Field, || line),
            }
        }
        (evidence, taken)
    };
    for (cells, format, taken) in [
        (&["$5", "$1,234.5", "7", "-$1,234", "$0.125", "x"][..], r#"{"thousands":",","prefix":"$"}"#, 3),
        (&["5 EUR", "$7", "1,234 EUR", "6 EUR"], r#"{"thousands":",","suffix":"EUR"}"#, 2),
        (&["1.234,5", "7", "1.234.567", "5.125", "0,5"], r#"{"decimal":",","thousands":"."}"#, 2),
        (&["12 %", "3.5%", "", "7 %"], r#"{"suffix":"%","scale":0.01}"#, 2),
        (&["1kg", "2kg", "3kg", "4kg", "5kg", "6.5kg", "1'000kg"], r#"{"thousands":"'","suffix":"kg"}"#, 2),
        (&["1 234 567", "5 000", "5 000,5"], r#"{"decimal":",","thousands":" "}"#, 2),
    ] {
        assert_eq!(shown(cells, format), (evidence(cells), taken), "{cells:?}");
    }
}
