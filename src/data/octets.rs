//! Rows of numbers as octets (raw binary): f32, little-endian, row after row, nothing in between.

use ndarray::Array2;

/// Octets that are no rows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OctetsError {
    /// They are no whole number of rows, or none.
    #[error("the body has {bytes} bytes; a row of {width} inputs has {}: f32, little-endian, at least one row", 4 * width)]
    Length {
        /// Of the body.
        bytes: usize,
        /// Numbers of a row.
        width: usize,
    },
    /// A number is NaN or infinite.
    #[error("row {}, input {} is not finite", row + 1, input + 1)]
    NotFinite {
        /// Counted from 0.
        row: usize,
        /// Counted from 0.
        input: usize,
    },
}

/// Rows of `width` finite numbers each: rows × width.
///
/// # Errors
/// The body is no whole number of rows, or the first number that is not finite.
pub fn octet_rows(octets: &[u8], width: usize) -> Result<Array2<f32>, OctetsError> {
    let (numbers, rest) = octets.as_chunks::<4>();
    if numbers.is_empty() || !rest.is_empty() || numbers.len() % width != 0 {
        return Err(OctetsError::Length { bytes: octets.len(), width });
    }
    let values: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        return Err(OctetsError::NotFinite { row: at / width, input: at % width });
    }
    Ok(Array2::from_shape_vec((values.len() / width, width), values).expect("a whole number of rows"))
}

/// The octets of `values`, which may be NaN or infinite.
pub fn octets(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
