//! Numbers in every writing, and what is none.

use super::*;
use crate::data::values::separators::{ANY_WAY, BLANK_WAYS, COMMA_WAYS, POINT_WAYS, WAYS, ways_of_plain};

const POINT: Separators = WAYS[0];
const ENGLISH: Separators = WAYS[1];
const COMMA: Separators = WAYS[4];
const GERMAN: Separators = WAYS[5];
const FRENCH: Separators = WAYS[6];
const SWISS: Separators = WAYS[3];

#[test]
fn numbers_as_people_write_them() {
    for (text, way, value, prefix, suffix) in [
        ("1,234.5", ENGLISH, 1234.5, "", ""),
        ("$1,234.50", ENGLISH, 1234.5, "$", ""),
        ("-$5", POINT, -5.0, "$", ""),
        ("$-5", POINT, -5.0, "$", ""),
        ("US$ 1,200", ENGLISH, 1200.0, "US$", ""),
        ("($1,200.00)", ENGLISH, -1200.0, "$", ""),
        ("(12)", POINT, -12.0, "", ""),
        ("12.50-", POINT, -12.5, "", ""),
        ("12,50 €", COMMA, 12.5, "", "€"),
        ("1.234,56 €", GERMAN, 1234.56, "", "€"),
        ("1.234.567", GERMAN, 1_234_567.0, "", ""),
        ("1 234,5", FRENCH, 1234.5, "", ""),
        ("1\u{202f}234\u{202f}567,5", FRENCH, 1_234_567.5, "", ""),
        ("1'234.5", SWISS, 1234.5, "", ""),
        ("12,34,567.8", ENGLISH, 1_234_567.8, "", ""),
        ("−3.5", POINT, -3.5, "", ""),
        ("05.50", POINT, 5.5, "", ""),
        ("0,05", COMMA, 0.05, "", ""),
        (",5", COMMA, 0.5, "", ""),
        (".5", POINT, 0.5, "", ""),
        ("5.", POINT, 5.0, "", ""),
        ("1,5E+03", COMMA, 1500.0, "", ""),
        ("12 kg", POINT, 12.0, "", "kg"),
        ("21.5°C", POINT, 21.5, "", "°C"),
        ("90 km/h", POINT, 90.0, "", "km/h"),
        ("EUR 7", POINT, 7.0, "EUR", ""),
        ("7 EUR", POINT, 7.0, "", "EUR"),
    ] {
        let number = WrittenNumber::of(text).unwrap_or_else(|| panic!("{text}"));
        assert_ne!(number.ways & way.bit(), 0, "{text}");
        assert_eq!(number.value(way, 0).map(f64::to_bits), Some(f64::to_bits(value)), "{text}");
        assert_eq!((number.prefix, number.suffix), (prefix, suffix), "{text}");
    }
    let percent = WrittenNumber::of("12.3 %").expect("a number");
    assert_eq!((percent.suffix, percent.value(POINT, -2)), ("%", Some(0.123)), "to the last bit");
}

#[test]
fn what_is_no_number_in_any_way() {
    for text in [
        "",
        "x",
        "-",
        "$",
        "007",
        "1,2,3",
        "12:30",
        "2024-05-01",
        "12-14",
        "1.2.3",
        "A12",
        "--5",
        "-(5)",
        "-5-",
        "5,",
        "$5 €",
        "1,23.4",
        "1.23,4.5",
        "+49 123 456 789",
        "(555) 123-4567",
        "612-345",
        "5 of 10",
        "10.0.0.1",
        "1 2",
        "12%x5",
        "15.07.19",
        "3.14.15",
    ] {
        assert_eq!(WrittenNumber::of(text).map(|number| number.ways), None, "{text}");
    }
}

#[test]
fn two_signs_in_an_exponent_make_no_number() {
    assert!(["1e--5", "1e+-5"].iter().all(|text| WrittenNumber::of(text).is_none()));
    assert_eq!(WrittenNumber::of("1e-5 kg").and_then(|number| number.value(POINT, 0)), Some(1e-5));
}

#[test]
fn a_cell_says_in_which_ways_it_can_be_written() {
    let ways = |text: &str| WrittenNumber::of(text).map_or(0, |number| number.ways);
    assert_eq!(WAYS.map(Separators::bit), [1, 2, 4, 8, 16, 32, 64, 128]);
    assert_eq!(Separators { decimal: ',', thousands: Some(',') }.bit(), 0);
    assert_eq!(ways("123"), ANY_WAY);
    assert_eq!(ways("1.5"), POINT_WAYS);
    assert_eq!(ways("1,234"), COMMA_WAYS | ENGLISH.bit());
    assert_eq!(ways("1,23"), COMMA_WAYS);
    assert_eq!(ways("1,234.5"), ENGLISH.bit());
    assert_eq!(ways("1.234"), POINT_WAYS | GERMAN.bit());
    assert_eq!(ways("0,123"), COMMA_WAYS, "no group begins with a zero");
    assert_eq!(ways("1 234"), BLANK_WAYS);
    for text in ["1.234", "123.4", "12", "0.123", "-1.234", "1.2345", "1234.567"] {
        assert_eq!(ways_of_plain(text.as_bytes()), ways(text), "{text}");
    }
    let is_unusual = |text: &str| WrittenNumber::of(text).is_some_and(|number| number.is_unusual());
    for text in ["1", "-1.5", ".5", "5.", "1e3", "1.234"] {
        assert!(!is_unusual(text), "{text}");
    }
    for text in ["1,5", "1,234", "1 234.5", "$1", "5 %", "1.234.567"] {
        assert!(is_unusual(text), "{text}");
    }
    assert!(WrittenNumber::of("9,007,199,254,740,993").expect("a number").is_large_integer(ENGLISH));
    assert!(!WrittenNumber::of("9,007,199,254,740,991").expect("a number").is_large_integer(ENGLISH));
}
