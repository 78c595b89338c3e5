//! Lists of encodings in the metadata of a Parquet file: some writers mark their entries as integers of another width than
//! the specification has. The entries are written alike in all widths but one byte, so that marking them anew is enough.

use super::compact::{Compact, INTEGERS, LIST, STRUCT};

/// The fields on the way from the metadata to what is said of a column of a row group: row groups, columns, metadata.
const WAY: [i16; 3] = [4, 1, 3];
/// The list of its encodings.
const ENCODINGS: i16 = 2;
/// The mark of an integer of 32 bits.
const INTEGER_32: u8 = 5;

/// The metadata with all lists of encodings marked as integers of 32 bits; nothing if they are, or cannot be found.
pub(super) fn mended(metadata: &[u8]) -> Option<Vec<u8>> {
    let mut places = Vec::new();
    find(&mut Compact::new(metadata), &WAY, &mut places)?;
    let mut mended = metadata.to_vec();
    for place in places {
        if INTEGERS.contains(&(mended[place] & 0x0f)) {
            mended[place] = (mended[place] & 0xf0) | INTEGER_32;
        }
    }
    (mended != metadata).then_some(mended)
}

/// Gathers where the lists begin in a structure, `way` fields below it.
fn find(metadata: &mut Compact, way: &[i16], places: &mut Vec<usize>) -> Option<()> {
    let mut last = 0;
    loop {
        let (field, kind) = metadata.field(last)?;
        match way {
            _ if kind == 0 => return Some(()),
            [] if field == ENCODINGS && kind == LIST => {
                places.push(metadata.position());
                metadata.skip(kind)?;
            }
            [step, rest @ ..] if field == *step && kind == LIST => {
                let (entries, kind) = metadata.list()?;
                if kind != STRUCT {
                    return None;
                }
                (0..entries).try_for_each(|_| find(metadata, rest, places))?;
            }
            [step, rest @ ..] if field == *step && kind == STRUCT => find(metadata, rest, places)?,
            _ => metadata.skip(kind)?,
        }
        last = field;
    }
}
