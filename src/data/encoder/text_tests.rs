//! What columns of text become.

use super::text::*;
use super::*;
use crate::data::column::{Column, ColumnType, Values};
use crate::data::convert::words_of;
use crate::data::split::content;

fn column(texts: &[Option<&str>]) -> Column {
    let words = words_of(texts.iter().map(|text| text.map(Into::into)));
    Column { name: "note".into(), kind: ColumnType::Text, values: Values::Words(words) }
}

fn fitted(texts: &[Option<&str>]) -> Result<Feature, Reason> {
    Feature::fit(&column(texts), &(0..texts.len()).collect::<Vec<_>>())
}

fn buckets(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    each_bucket(text, |bucket, _| found.push(bucket));
    found
}

/// The codes of each of `texts`, those that are there.
fn codes(feature: &Feature, texts: &[Option<&str>]) -> Vec<Vec<u32>> {
    let Encoding::Text { buckets, counts, width } = &feature.encoding else { panic!("of text") };
    let Values::Words(words) = column(texts).values else { panic!("of words") };
    let mut inputs = vec![0.0; texts.len() * (width + 2)];
    Vocabulary { buckets, counts }.write(&words, 0..texts.len(), (1, *width), width + 2, &mut inputs);
    let rows = inputs.chunks_exact(width + 2);
    assert!(rows.clone().all(|row| row[0] == 0.0 && row[width + 1] == 0.0), "only its own columns");
    rows.map(|row| row.iter().filter(|code| **code > 0.0).map(|code| *code as u32).collect()).collect()
}

/// Versions keep these numbers: they are those of every release. Of "good" and "bad" as in Python:
///
/// ```python
/// def mix(x):
///     x = (x + 0x9E3779B97F4A7C15) % 2**64
///     x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
///     x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
///     return x ^ x >> 31
/// def word(text):
///     hash = 0xCBF29CE484222325
///     for byte in text.encode():
///         hash = (hash ^ byte) * 0x100000001B3 % 2**64
///     return mix(hash)
/// good, bad = word("good"), word("bad")
/// print(good >> 44, bad >> 44, 2**20 + (mix(mix(good) ^ bad) >> 44), 2**20 + (mix(mix(bad) ^ good) >> 44))
/// ```
#[test]
fn the_buckets_are_those_of_every_release() {
    assert_eq!(buckets("Good, bad"), [412_819, 394_166, 2_004_821]);
    assert_eq!(buckets("bad GOOD!"), [394_166, 412_819, 1_991_445]);
    assert_eq!(buckets(""), Vec::<u32>::new());
}

#[test]
fn words_that_three_rows_share_have_a_code_and_what_all_have_does_not() {
    let texts = ["item good sound", "item good sound", "item Good sound", "item bad", "item bad", "item bad odd"];
    let texts = texts.map(Some);
    let feature = fitted(&texts).expect("words that rows share");
    // good, sound, bad, and the pairs item good, good sound, item bad: item is in all, odd in one.
    assert_eq!(feature.codes(), Some(Codes { values: 7, bag: Some(4), of_bins: false }));
    let Encoding::Text { buckets: kept, counts, .. } = &feature.encoding else { panic!("of text") };
    assert_eq!(counts, &[3; 6]);
    assert!(buckets("good sound").iter().all(|bucket| kept.contains(bucket)));
    let found = codes(&feature, &[texts[0], texts[0], texts[3], None, Some("item odd"), Some("sound")]);
    assert_eq!(found[0].len(), 4, "good, sound and two pairs");
    assert_eq!((&found[1], found[2].len(), found[5].len()), (&found[0], 2, 1));
    assert!(found[3].is_empty() && found[4].is_empty(), "no text, and none that is known");
    assert!(found[2].iter().all(|code| !found[0].contains(code)));
    assert_eq!((feature.plain_width(), feature.missing), (0, false));
    let gaps = fitted(&[&texts[..], &[None]].concat()).expect("words that rows share");
    assert_eq!((gaps.plain_width(), gaps.missing), (1, true), "that there is none is a value of its own");
}

#[test]
fn identifiers_and_words_that_few_share_are_left_out() {
    let made = |make: &dyn Fn(u64) -> String| {
        let texts: Vec<String> = (0..2_000).map(make).collect();
        fitted(&texts.iter().map(|text| Some(text.as_str())).collect::<Vec<_>>()).map(|_| ())
    };
    let hex = |row: u64| format!("{:016x}", content::mix(row));
    let uuid = |row: u64| format!("{}-{}-{}-{}", &hex(row)[..8], &hex(row)[8..12], &hex(row)[12..], &hex(row + 9)[4..]);
    assert_eq!(made(&uuid), Err(Reason::Unshared));
    assert_eq!(made(&hex), Err(Reason::Unshared));
    assert_eq!(made(&|row| format!("ORD-{row:06}")), Err(Reason::Unshared));
    assert_eq!(made(&|row| format!("https://example.com/items/{row}")), Err(Reason::Unshared));
    assert_eq!(made(&|row| format!("{}", row * 7919)), Err(Reason::Unshared));
    assert_eq!(made(&|row| if row % 50 == 0 { "a rare note".to_owned() } else { hex(row) }), Err(Reason::Unshared));
    assert_eq!(made(&|_| "always the same".to_owned()), Err(Reason::Constant));
    assert_eq!(made(&|row| format!("order {row} came {}", ["late", "early"][row as usize % 2])), Ok(()));
}

#[test]
fn very_long_and_very_many_texts_stay_within_bounds() {
    let long = |row: usize| (0..20_000).map(|at| format!("w{} ", (at * 31 + row) % 15_000)).collect::<String>();
    let texts: Vec<String> = (0..8).map(long).collect();
    let texts: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
    let rows = [&texts[..], &[Some("short and sweet"); 4], &[Some("short again"); 4]].concat();
    let feature = fitted(&rows).expect("words that rows share");
    assert_eq!(feature.codes(), Some(Codes { values: MAX_TEXT_CODES + 1, bag: Some(MAX_TEXT_WIDTH), of_bins: false }));
    let found = codes(&feature, &rows);
    assert_eq!(found[0].len(), MAX_TEXT_WIDTH);
    let Encoding::Text { buckets, .. } = &feature.encoding else { panic!("of text") };
    assert!(found[0].iter().all(|code| buckets[*code as usize - 1] >> BITS == 0), "words rather than pairs");
    let stored = serde_json::to_string(&feature.encoding).expect("JSON");
    assert!(stored.len() < MAX_TEXT_CODES * 20, "{}", stored.len());
}
