//! The scores of a file: how far off a version was on the rows held out.

use serde_json::value::RawValue;

use super::header::{ConformalHeader, SCORES};
use crate::data::encoder::Target;
use crate::learning::conformal::Scores;
use crate::learning::parts::Parts;
use crate::models::ModelError;
use crate::models::conformal::Conformal;
use crate::storage::exact;
use crate::storage::tensors::{TensorFile, Unreadable};

/// What the header says of scores by parts; none of those of earlier releases.
pub(super) fn header(conformal: &Conformal) -> Option<ConformalHeader> {
    let (parts, error_size) = match conformal {
        Conformal::Even(_) => return None,
        Conformal::Ranked(parts) => (parts, None),
        Conformal::Scaled { size, parts } => (parts, Some(size.clone())),
    };
    let of_each = |count: fn(&Scores) -> usize| parts.scores().iter().map(count).collect();
    let (rows, kept) = (of_each(Scores::count), of_each(|scores| scores.values().len()));
    Some(ConformalHeader { bounds: parts.bounds().to_vec(), rows, kept, error_size })
}

/// The scores that are kept, those of one part after those of the other.
pub(super) fn values(conformal: &Conformal) -> Vec<f32> {
    conformal.scores().iter().flat_map(Scores::values).copied().collect()
}

/// The scores of a file; none if it has none.
///
/// # Errors
/// `File`: they are not in order, or do not fit the target.
pub(super) fn read(
    file: &TensorFile,
    held_out: Option<usize>,
    header: Option<&RawValue>,
    target: &Target,
) -> Result<Option<Conformal>, ModelError> {
    let unfit = || ModelError::File("its scores are not in order".into());
    let Some(shape) = file.shape(SCORES) else { return if header.is_some() { Err(unfit()) } else { Ok(None) } };
    let values = file.f32s(SCORES, &shape).map_err(|Unreadable(reason)| ModelError::File(reason))?;
    let conformal = match header {
        None => {
            let count = held_out.unwrap_or(values.len());
            Scores::from_sorted(values, count).map(Conformal::Even)
        }
        Some(header) => {
            let malformed = |error| ModelError::File(format!("its header cannot be read: {error}"));
            let header: ConformalHeader = exact::from_text(header.get()).map_err(malformed)?;
            let rows = header.rows.iter().try_fold(0usize, |sum, rows| sum.checked_add(*rows));
            of_parts(header, &values).filter(|_| rows.is_some() && rows == held_out)
        }
    };
    conformal.filter(|conformal| conformal.fits(target)).map(Some).ok_or_else(unfit)
}

fn of_parts(header: ConformalHeader, values: &[f32]) -> Option<Conformal> {
    let ConformalHeader { bounds, rows, kept, error_size } = header;
    if rows.len() != kept.len() {
        return None;
    }
    let mut rest = values;
    let mut scores = Vec::new();
    for (rows, kept) in rows.into_iter().zip(kept) {
        let (own, others) = rest.split_at_checked(kept)?;
        scores.push(Scores::from_sorted(own.to_vec(), rows)?);
        rest = others;
    }
    let parts = Parts::of(bounds, scores).filter(|_| rest.is_empty())?;
    match error_size {
        None => Some(Conformal::Ranked(parts)),
        Some(size) => size.is_sound().then_some(Conformal::Scaled { size, parts }),
    }
}
