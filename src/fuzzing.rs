//! What is fed with any bytes: all fuzz targets, the properties that must hold, and the replay of what fuzzing has found.

use std::sync::Arc;

use safetensors::tensor::{Dtype, SafeTensors};
use serde::Deserialize;
use serde_json::Value;

use crate::api::body::plain_rows::plain_rows;
use crate::api::fuzzing::requests;
use crate::data::fuzzing::{TARGETS as DATA_TARGETS, Target};
use crate::data::json::Rows;
use crate::learning::members::{MAX_MEMBERS, Member, Members};
use crate::learning::network::Network;
use crate::models::Predictor;
use crate::models::artifact::{decode, encode};
use crate::models::stored::spec_from_json;
use crate::storage::tensors::{Tensor, TensorValues, write};

/// All targets.
pub fn targets() -> impl Iterator<Item = Target> {
    let ours: [Target; 3] = [("plain_rows", plain_rows_as_serde), ("version", version), ("requests", requests)];
    DATA_TARGETS.into_iter().chain(ours)
}

/// What the reader of plain rows accepts is what serde_json reads, to the bit.
///
/// # Panics
/// If it is not.
pub fn plain_rows_as_serde(bytes: &[u8]) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        inputs: Rows,
    }
    let Some(ours) = plain_rows(bytes, 2) else { return };
    let theirs: Body = serde_json::from_slice(bytes).expect("serde_json reads what the reader of plain rows does");
    // Text tells 0 from -0.
    assert_eq!(format!("{ours:?}"), format!("{:?}", theirs.inputs));
}

/// Networks larger than this are not made up for a header.
const MOST_PARAMETERS: usize = 1 << 14;

/// The file of a version is read or refused, and what is read can be written and read again.
///
/// No mutation hits a checksum. So a file is also read with its checksum mended, and bytes that begin with `{` are taken for
/// a header, and get the tensors that go with it.
///
/// # Panics
/// If a property does not hold.
pub fn version(bytes: &[u8]) {
    let Some(file) = (match bytes.first() {
        Some(b'{') => std::str::from_utf8(bytes).ok().and_then(with_header),
        _ => {
            read_again(bytes);
            mended(bytes)
        }
    }) else {
        return;
    };
    read_again(&file);
}

fn read_again(bytes: &[u8]) {
    let Ok(read) = decode(bytes) else { return };
    let written = encode(&read.predictor, read.facts.as_ref());
    let again = decode(&written).expect("what was read can be written and read again");
    let twice = encode(&again.predictor, again.facts.as_ref());
    // Over the header and all tensors. The file's own two entries beside it stand in any order.
    assert_eq!(checksum(&twice), checksum(&written), "something is lost on the way");
}

/// The checksum that a file says it has.
fn checksum(file: &[u8]) -> Option<String> {
    let (_, index) = SafeTensors::read_metadata(file).ok()?;
    index.metadata().as_ref()?.get("checksum").cloned()
}

/// The file with a checksum that fits.
fn mended(bytes: &[u8]) -> Option<Vec<u8>> {
    let (_, index) = SafeTensors::read_metadata(bytes).ok()?;
    sealed(bytes, index.metadata().as_ref()?.get("epochd")?, None)
}

/// A file with this header, whose parameters are 0.
fn with_header(header: &str) -> Option<Vec<u8>> {
    let fields: Value = serde_json::from_str(header).ok()?;
    let member = |member: &Value| {
        let spec =
            spec_from_json(&member["model"].to_string()).ok().filter(|s| s.parameter_count() <= MOST_PARAMETERS)?;
        let parameters = vec![0.0; spec.parameter_count()];
        Some(Member { network: Network::with_parameters(Arc::new(spec), parameters), weight: 1.0 })
    };
    let members: Option<Vec<Member>> = match fields["members"].as_array() {
        Some(members) => members.iter().take(MAX_MEMBERS).map(member).collect(),
        None => member(&fields).map(|one| vec![one]),
    };
    let file = encode(&Predictor::new(Members::new(members?)?, None), None);
    let scores = fields["held_out"].as_u64().map(|rows| (0..rows.min(64)).map(|row| row as f32).collect());
    sealed(&file, header, scores)
}

/// The values of a tensor.
enum Owned {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U32(Vec<u32>),
}

/// The tensors of a file, and scores, under another header, with a checksum that fits.
fn sealed(file: &[u8], header: &str, scores: Option<Vec<f32>>) -> Option<Vec<u8>> {
    let scores = scores.map(|values| ("scores".to_owned(), vec![values.len()], Owned::F32(values)));
    let mut all: Vec<(String, Vec<usize>, Owned)> = scores.into_iter().collect();
    for (name, view) in SafeTensors::deserialize(file).ok()?.tensors() {
        let values = match view.dtype() {
            Dtype::F32 => Owned::F32(chunks(view.data()).map(f32::from_le_bytes).collect()),
            Dtype::F64 => Owned::F64(chunks(view.data()).map(f64::from_le_bytes).collect()),
            Dtype::U32 => Owned::U32(chunks(view.data()).map(u32::from_le_bytes).collect()),
            _ => return None,
        };
        all.push((name, view.shape().to_vec(), values));
    }
    let tensors = all.iter().map(|(name, shape, values)| {
        let values = match values {
            Owned::F32(values) => TensorValues::F32(values),
            Owned::F64(values) => TensorValues::F64(values),
            Owned::U32(values) => TensorValues::U32(values),
        };
        (name.clone(), Tensor { shape: shape.clone(), values })
    });
    Some(write(header, &tensors.collect::<Vec<_>>()))
}

/// Bytes by so many.
fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::RngExt;

    use super::*;
    use crate::learning::random::{Purpose, generator};

    /// Names of the files or folders in `folder` of the fuzzing crate, without endings.
    fn names(folder: &str) -> BTreeSet<String> {
        let entries = std::fs::read_dir(format!("{}/fuzz/{folder}", env!("CARGO_MANIFEST_DIR"))).expect("a folder");
        let stem = |path: std::path::PathBuf| path.file_stem().map(|name| name.to_string_lossy().into_owned());
        entries.filter_map(|entry| stem(entry.expect("an entry").path())).collect()
    }

    /// The files of a corpus.
    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
        let entries = std::fs::read_dir(folder).expect("the target has a corpus");
        entries.map(|entry| std::fs::read(entry.expect("a file").path()).expect("its bytes")).collect()
    }

    #[test]
    fn every_target_has_a_program_and_a_corpus_that_it_gets_through() {
        let all: BTreeSet<String> = targets().map(|(name, _)| name.to_owned()).collect();
        assert_eq!((&names("fuzz_targets"), &names("corpus")), (&all, &all));
        for (name, run) in targets() {
            let files = corpus(name);
            assert!(!files.is_empty(), "{name}");
            files.iter().for_each(|file| run(file));
        }
    }

    /// A fuzzer without eyes, for where there is no other: bytes of the corpus changed, cut, doubled and joined at random.
    #[test]
    fn random_changes_of_the_corpus_break_no_property() {
        let rounds = std::env::var("FUZZ_ROUNDS").map_or(2_000, |rounds| rounds.parse().expect("a number"));
        let mut random = generator(1, Purpose::Shuffle);
        for name in ["plain_rows", "version", "records", "csv_rows"] {
            let (_, run) = targets().find(|(target, _)| *target == name).expect("a target");
            let files: Vec<Vec<u8>> = corpus(name);
            for _ in 0..rounds {
                let mut bytes = files[random.random_range(0..files.len())].clone();
                for _ in 0..random.random_range(1..5) {
                    let at = random.random_range(0..=bytes.len());
                    let end = random.random_range(at..=bytes.len().min(at + 16));
                    match random.random_range(0..4) {
                        0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.random()),
                        1 => bytes.drain(at..end).for_each(drop),
                        2 => bytes.extend_from_within(at..end),
                        _ => {
                            let other = &files[random.random_range(0..files.len())];
                            let from = random.random_range(0..=other.len());
                            let piece = &other[from..other.len().min(from + 16)];
                            bytes.splice(at..at, piece.iter().copied()).for_each(drop);
                        }
                    }
                }
                run(&bytes);
            }
        }
    }

    /// The corpus of versions would be worth little if all of it were refused.
    #[test]
    fn made_up_files_are_read() {
        for name in ["layers.json", "members.json", "table.json"] {
            let path = format!("{}/fuzz/corpus/version/{name}", env!("CARGO_MANIFEST_DIR"));
            let header = std::fs::read_to_string(path).expect("the header");
            decode(&with_header(&header).expect("a model")).expect("a file that can be read");
        }
    }
}
