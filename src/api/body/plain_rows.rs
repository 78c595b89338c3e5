//! Bodies that are nothing but rows of numbers, `{"inputs": [[…],…]}`, read without the general parser and by several
//! threads: it would take most of the time of predicting for many rows.
//!
//! What is read is what serde_json reads, to the bit. A body that is written otherwise, or is wrong, is left to it.

use std::thread;

use crate::data::json::Rows;
use crate::data::values::Decimal;
use crate::memory::made;

/// Bytes that are worth a thread of their own: about 0.3 ms.
const PIECE: usize = 256 << 10;
/// The rows of `body`, of equal width and with at least one number, read by up to `threads` threads; `None` for whatever
/// else it may be, and where the memory for them is refused.
pub fn plain_rows(body: &[u8], threads: usize) -> Option<Rows> {
    let list = list(body)?;
    // A number stands before each comma and after the last; of several pieces they are copied together.
    let numbers_of_list = memchr::memchr_iter(b',', list).count() + 1;
    made((2 * numbers_of_list * size_of::<f32>()) as u64).ok()?;
    if list.first() != Some(&b'[') {
        let mut values = Vec::new();
        return numbers(list, &mut values)?.is_empty().then_some(Rows::Flat(values));
    }
    let pieces = cut(list, threads.min(list.len() / PIECE));
    let (first, others) = pieces.split_first()?;
    let read: Option<Vec<(Vec<f32>, usize)>> = thread::scope(|scope| {
        let others: Vec<_> = others.iter().map(|piece| scope.spawn(|| rows(piece))).collect();
        let first = rows(first);
        let others = others.into_iter().map(|other| other.join().expect("reading does not panic"));
        std::iter::once(first).chain(others).collect()
    });
    let (mut values, widths): (Vec<_>, Vec<_>) = read?.into_iter().unzip();
    let all = if values.len() == 1 { values.swap_remove(0) } else { values.concat() };
    widths.iter().all(|width| *width == widths[0]).then(|| Rows::of_flat(all, widths[0]))
}

/// What stands between the brackets of the list that is the one field, `inputs`.
fn list(body: &[u8]) -> Option<&[u8]> {
    let field = space(space(body).strip_prefix(b"{")?).strip_prefix(b"\"inputs\"")?;
    let list = space(space(field).strip_prefix(b":")?).strip_prefix(b"[")?;
    let list = space_behind(space_behind(list).strip_suffix(b"}")?).strip_suffix(b"]")?;
    Some(space(list))
}

/// A list of rows in up to `most` pieces of about the same length, whole rows each.
fn cut(list: &[u8], most: usize) -> Vec<&[u8]> {
    let (mut pieces, mut rest) = (Vec::new(), list);
    for left in (2..=most).rev() {
        let from = rest.len() / left;
        let Some(end) = memchr::memchr(b']', &rest[from..]) else { break };
        let (piece, others) = rest.split_at(from + end + 1);
        let Some(others) = space(others).strip_prefix(b",") else { break };
        pieces.push(piece);
        rest = space(others);
    }
    pieces.push(rest);
    pieces
}

/// Rows with commas between them: their values, and how many each has.
fn rows(list: &[u8]) -> Option<(Vec<f32>, usize)> {
    let (mut values, mut width, mut rest) = (Vec::new(), 0, list);
    loop {
        let before = values.len();
        rest = numbers(space(rest.strip_prefix(b"[")?), &mut values)?.strip_prefix(b"]")?;
        if before == 0 {
            width = values.len();
            // As many rows as there is room for, if the others are about as long.
            values.reserve(rest.len() / (list.len() - rest.len()) * width);
        }
        if values.len() - before != width {
            return None;
        }
        rest = space(rest);
        if rest.is_empty() {
            return Some((values, width));
        }
        rest = space(rest.strip_prefix(b",")?);
    }
}

/// Takes numbers with commas between them, at least one; what follows the last.
fn numbers<'a>(mut rest: &'a [u8], values: &mut Vec<f32>) -> Option<&'a [u8]> {
    loop {
        let (value, behind) = number(rest)?;
        values.push(value);
        let behind = space(behind);
        let Some(next) = behind.strip_prefix(b",") else { return Some(behind) };
        rest = space(next);
    }
}

/// A number, unless it is long or its exponent large; and what follows it.
#[inline(always)]
fn number(text: &[u8]) -> Option<(f32, &[u8])> {
    let (number, rest) = Decimal::of_json(text)?;
    let value = number.product()? as f32;
    value.is_finite().then_some((value, rest))
}

const SPACE: [u8; 4] = [b' ', b'\n', b'\r', b'\t'];

/// Without the white space in front.
#[inline(always)]
fn space(mut text: &[u8]) -> &[u8] {
    while let Some((byte, rest)) = text.split_first() {
        if *byte > b' ' || !SPACE.contains(byte) {
            break;
        }
        text = rest;
    }
    text
}

/// Without the white space behind.
fn space_behind(mut text: &[u8]) -> &[u8] {
    while let Some((byte, rest)) = text.split_last() {
        if !SPACE.contains(byte) {
            break;
        }
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use serde::Deserialize;

    use super::*;
    use crate::learning::random::{Purpose, generator};
    use crate::memory::{Refused, Share, scope};

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        inputs: Rows,
    }

    #[test]
    fn what_is_read_is_what_serde_reads() {
        let mut random = generator(1, Purpose::Shuffle);
        for digits in 1..=17 {
            let rows: Vec<[String; 3]> = (0..500)
                .map(|_| {
                    let places = random.random_range(0..digits);
                    let size = 10f64.powi(random.random_range(0..3));
                    std::array::from_fn(|_| format!("{:.places$}", random.random_range(-size..size)))
                })
                .collect();
            let rows: Vec<String> = rows.iter().map(|row| format!("[{}]", row.join(", "))).collect();
            let json = format!(" {{\n\"inputs\" : [ {} ] }}\n", rows.join(" ,"));
            let theirs: Body = serde_json::from_str(&json).expect("rows");
            assert_eq!(plain_rows(json.as_bytes(), 1), Some(theirs.inputs), "{digits} digits");
        }
    }

    #[test]
    fn edges_of_numbers_and_lists_are_read_or_left_to_serde() {
        for json in [
            "[0]",
            "[-0]",
            "[1]",
            "[[0.5]]",
            "[12345678,123456789]",
            "[9999999999999999999]",
            "[0.0000000000000001,5e-06,-1.5E+3,1e22]",
        ] {
            let json = format!("{{\"inputs\":{json}}}");
            let theirs: Body = serde_json::from_str(&json).expect("rows");
            let ours = plain_rows(json.as_bytes(), 1).expect("read");
            assert_eq!(format!("{ours:?}"), format!("{:?}", theirs.inputs), "{json}");
        }
        let left = [
            "[]",
            "[[]]",
            "[[1],[]]",
            "[[1,2],[3]]",
            "[1,]",
            "[01]",
            "[-]",
            "[.5]",
            "[1.]",
            "[1e]",
            "[1e-]",
            "[1e23]",
            "[123456e33]",
            "[+1]",
            "[1 2]",
        ];
        let left =
            left.iter().chain(&["[null]", "[[1],2]", "[1,[2]]", "[\"1\"]", "[10000000000000000000]", "[1", "[[1]"]);
        for json in left {
            assert_eq!(plain_rows(format!("{{\"inputs\":{json}}}").as_bytes(), 1), None, "{json}");
        }
        for body in [
            "",
            "{",
            "{}",
            "[1]",
            "{\"inputs\":[1]}x",
            "{\"inputs\":[1],\"x\":1}",
            "{\"records\":[1]}",
            "{\"inputs\"[1]}",
        ] {
            assert_eq!(plain_rows(body.as_bytes(), 1), None, "{body}");
        }
    }

    #[test]
    fn numbers_are_charged_before_they_are_made() {
        let body = format!("{{\"inputs\":[{}[0,0]]}}", "[0,0],".repeat(99_999));
        let share = Share::new("requests", bytesize::ByteSize::mib(1));
        let charge = share.charge(None);
        assert!(matches!(scope(&charge, || plain_rows(body.as_bytes(), 1)), Err(Refused::Never { .. })));
        let enough = Share::new("requests", bytesize::ByteSize::mib(2)).charge(None);
        assert!(matches!(scope(&enough, || plain_rows(body.as_bytes(), 1)), Ok(Some(_))));
        assert_eq!(enough.held(), 200_000 * 8);
    }

    #[test]
    fn several_threads_read_what_one_reads() {
        let row = |i: usize| format!("[ {i}.25 , -{}e-3]", i % 1000);
        let rows: Vec<String> = (0..80_000).map(row).collect();
        let json = format!("{{\"inputs\":[{}]}}", rows.join(" ,\n"));
        assert!(json.len() > 5 * PIECE, "several pieces");
        let one = plain_rows(json.as_bytes(), 1).expect("rows");
        for threads in 2..6 {
            assert_eq!(plain_rows(json.as_bytes(), threads).as_ref(), Some(&one), "{threads} threads");
        }
        for wrong in ["[1]", "[1,2,3]", "[1,x]", "", "1,2"] {
            let json = json.replace("[ 79000.25 , -0e-3]", wrong);
            assert_eq!(plain_rows(json.as_bytes(), 4), None, "{wrong:?}");
        }
    }
}
