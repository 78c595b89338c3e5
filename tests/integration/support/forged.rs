//! Files of versions whose header says something else than the service has written, with a checksum that fits.

use epochd::storage::tensors::{Tensor, TensorFile, TensorValues, write};
use safetensors::{Dtype, SafeTensors};

/// The file with another header.
pub fn forged(file: &[u8], change: impl FnOnce(&str) -> String) -> Vec<u8> {
    let header = change(TensorFile::read(file).expect("our own").header());
    let tensors = SafeTensors::deserialize(file).expect("a file of tensors");
    let mut found: Vec<(String, Vec<usize>, Values)> = Vec::new();
    for (name, view) in tensors.iter() {
        found.push((name.to_owned(), view.shape().to_vec(), Values::of(view.dtype(), view.data())));
    }
    let mut tensors = Vec::new();
    for (name, shape, values) in &found {
        tensors.push((name.clone(), values.tensor(shape.clone())));
    }
    write(&header, &tensors)
}

enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U32(Vec<u32>),
}

impl Values {
    fn of(kind: Dtype, bytes: &[u8]) -> Self {
        let four = || bytes.chunks_exact(4).map(|bytes| bytes.try_into().expect("four bytes"));
        let eight = || bytes.chunks_exact(8).map(|bytes| bytes.try_into().expect("eight bytes"));
        match kind {
            Dtype::F32 => Values::F32(four().map(f32::from_le_bytes).collect()),
            Dtype::F64 => Values::F64(eight().map(f64::from_le_bytes).collect()),
            Dtype::U32 => Values::U32(four().map(u32::from_le_bytes).collect()),
            other => panic!("no file has tensors of {other:?}"),
        }
    }

    fn tensor(&self, shape: Vec<usize>) -> Tensor<'_> {
        let values = match self {
            Values::F32(values) => TensorValues::F32(values),
            Values::F64(values) => TensorValues::F64(values),
            Values::U32(values) => TensorValues::U32(values),
        };
        Tensor { shape, values }
    }
}
