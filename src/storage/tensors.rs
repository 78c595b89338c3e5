//! Files of tensors: safetensors with a JSON header of the writer's own and a checksum over everything.
//!
//! `__metadata__` of the file holds `epochd`, the header, and `checksum`, `sha256:` over the header and, in the order
//! of their names, each tensor's name, type, shape and data. Data is little-endian. Any safetensors reader can open
//! such a file; <https://huggingface.co/docs/safetensors> describes the format.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};
use serde::Serialize;
use sha2::{Digest, Sha256};

#[cfg(target_endian = "big")]
compile_error!("tensor files are written from memory as it is: little-endian");

const HEADER: &str = "epochd";
const CHECKSUM: &str = "checksum";
/// Largest index of a file, names and header included: reading it takes several times its size of memory.
pub const MAX_INDEX: u64 = 16 << 20;

/// The values of a tensor to be written.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum TensorValues<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
    U32(&'a [u32]),
}

/// A tensor to be written.
#[derive(Clone, Debug)]
pub struct Tensor<'a> {
    /// Row-major sizes.
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub values: TensorValues<'a>,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

fn unreadable<T>(reason: impl Into<String>) -> Result<T, Unreadable> {
    Err(Unreadable(reason.into()))
}

impl Tensor<'_> {
    fn bytes(&self) -> &[u8] {
        match self.values {
            TensorValues::F32(values) => bytemuck::cast_slice(values),
            TensorValues::F64(values) => bytemuck::cast_slice(values),
            TensorValues::U32(values) => bytemuck::cast_slice(values),
        }
    }
}

impl View for &Tensor<'_> {
    fn dtype(&self) -> Dtype {
        match self.values {
            TensorValues::F32(_) => Dtype::F32,
            TensorValues::F64(_) => Dtype::F64,
            TensorValues::U32(_) => Dtype::U32,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.bytes())
    }

    fn data_len(&self) -> usize {
        self.bytes().len()
    }
}

/// Bytes that a part of a header takes in the index of a file, where the header is a text of JSON within JSON.
pub fn index_bytes(part: &impl Serialize) -> u64 {
    let mut count = Escaped(0);
    serde_json::to_writer(&mut count, part).expect("stored types are plain data");
    count.0
}

/// Counts the bytes of a text as JSON has them between quotes.
struct Escaped(u64);

impl io::Write for Escaped {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let escaped = text.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        self.0 += (text.len() + escaped) as u64;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The file of `tensors` with `header`, a JSON text.
///
/// # Panics
/// If a tensor has other than its shape's number of values, or a name twice, or the header is far longer than can be read:
/// [`index_bytes`] tells before.
pub fn write(header: &str, tensors: &[(String, Tensor)]) -> Vec<u8> {
    let mut sorted: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    sorted.sort_by_key(|(name, _)| *name);
    let mut sum = Sum::of(header);
    sorted.iter().for_each(|(name, tensor)| sum.add(name, tensor.dtype(), &tensor.shape, tensor.bytes()));
    let metadata = HashMap::from([(HEADER.to_owned(), header.to_owned()), (CHECKSUM.to_owned(), sum.text())]);
    safetensors::serialize(sorted, Some(metadata)).expect("tensors have their shapes' lengths")
}

/// A file that was read: its header and its tensors, where they lie in the file.
pub struct TensorFile<'a> {
    header: String,
    tensors: SafeTensors<'a>,
}

impl<'a> TensorFile<'a> {
    /// Reads a file and checks its checksum.
    ///
    /// # Errors
    /// It is no safetensors file, not one of ours, or damaged.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let foreign = |error| Unreadable(format!("it is not a safetensors file: {error}"));
        let index = bytes.first_chunk().map(|length| u64::from_le_bytes(*length));
        if index.is_some_and(|index| index > MAX_INDEX) {
            return unreadable(format!("its index is longer than {MAX_INDEX} bytes"));
        }
        let (_, index) = SafeTensors::read_metadata(bytes).map_err(foreign)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(foreign)?;
        let metadata = index.metadata().as_ref();
        let entry = |key: &str| metadata.and_then(|metadata| metadata.get(key)).cloned();
        let (Some(header), Some(checksum)) = (entry(HEADER), entry(CHECKSUM)) else {
            return unreadable("its __metadata__ lacks `epochd` or `checksum`: it was not written by epochd");
        };
        let mut sorted = tensors.tensors();
        sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
        let mut sum = Sum::of(&header);
        sorted.iter().for_each(|(name, tensor)| sum.add(name, tensor.dtype(), tensor.shape(), tensor.data()));
        if sum.text() != checksum {
            return unreadable("its checksum does not fit its content");
        }
        Ok(TensorFile { header, tensors })
    }

    /// The header that it was written with.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shape of a tensor, if there is such a one.
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.tensor(name).ok().map(|tensor| tensor.shape().to_vec())
    }

    /// The f32 values of tensor `name`, appended to `values`.
    ///
    /// # Errors
    /// There is no such tensor, or it has another type or shape.
    pub fn append_f32(&self, name: &str, shape: &[usize], values: &mut Vec<f32>) -> Result<(), Unreadable> {
        let tensor = self.tensor(name, Dtype::F32, shape)?;
        values.extend(tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        Ok(())
    }

    /// The f32 values of tensor `name`.
    ///
    /// # Errors
    /// As [`TensorFile::append_f32`].
    pub fn f32s(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Unreadable> {
        let mut values = Vec::new();
        self.append_f32(name, shape, &mut values)?;
        Ok(values)
    }

    /// The u32 values of tensor `name`.
    ///
    /// # Errors
    /// As [`TensorFile::append_f32`].
    pub fn u32s(&self, name: &str, shape: &[usize]) -> Result<Vec<u32>, Unreadable> {
        let tensor = self.tensor(name, Dtype::U32, shape)?;
        Ok(tensor.data().chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// The f64 values of tensor `name`.
    ///
    /// # Errors
    /// As [`TensorFile::append_f32`].
    pub fn f64s(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, Unreadable> {
        let tensor = self.tensor(name, Dtype::F64, shape)?;
        let values = tensor.data().chunks_exact(8);
        Ok(values.map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])).collect())
    }

    fn tensor(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<TensorView<'_>, Unreadable> {
        let Ok(tensor) = self.tensors.tensor(name) else {
            return unreadable(format!("it has no tensor {name:?}"));
        };
        if tensor.dtype() != dtype || tensor.shape() != shape {
            let (got, of) = (tensor.shape(), tensor.dtype());
            return unreadable(format!("its tensor {name:?} is {of:?} {got:?}; {dtype:?} {shape:?} belongs there"));
        }
        Ok(tensor)
    }
}

struct Sum(Sha256);

impl Sum {
    fn of(header: &str) -> Self {
        let mut sum = Sum(Sha256::new());
        sum.add_part(header.as_bytes());
        sum
    }

    fn add(&mut self, name: &str, dtype: Dtype, shape: &[usize], data: &[u8]) {
        self.add_part(format!("{name} {dtype:?} {shape:?}").as_bytes());
        self.add_part(data);
    }

    /// Lengths stand before the parts, so that no byte can move from one to the next unseen.
    fn add_part(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    fn text(self) -> String {
        format!("sha256:{}", hex::encode(self.0.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_anywhere_is_seen() {
        let tensors = [
            ("a".to_owned(), Tensor { shape: vec![2, 2], values: TensorValues::F32(&[1.0, -2.0, 3.5, f32::MIN]) }),
            ("b".to_owned(), Tensor { shape: vec![3], values: TensorValues::U32(&[1, 2, 3]) }),
            ("c".to_owned(), Tensor { shape: vec![1], values: TensorValues::F64(&[f64::INFINITY]) }),
        ];
        let bytes = write("{\"n\":1}", &tensors);
        let file = TensorFile::read(&bytes).unwrap();
        assert_eq!(file.header(), "{\"n\":1}");
        assert_eq!(file.f32s("a", &[2, 2]).unwrap(), [1.0, -2.0, 3.5, f32::MIN]);
        assert_eq!(
            (file.u32s("b", &[3]).unwrap(), file.f64s("c", &[1]).unwrap()),
            (vec![1, 2, 3], vec![f64::INFINITY])
        );
        assert!(file.f32s("a", &[4]).is_err() && file.u32s("a", &[2, 2]).is_err() && file.f32s("d", &[1]).is_err());
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // Spaces that fill the index up to eight bytes are the only part that says nothing.
            let read = TensorFile::read(&damaged);
            assert!(read.is_err() || bytes[bit / 8] == b' ', "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(TensorFile::read(&bytes[..length]).is_err(), "{length} bytes");
        }
    }
}
