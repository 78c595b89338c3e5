//! The embedding layer: codes in, learned vectors out.
//!
//! Each code picks a row of its column's table (Bengio et al. 2003, "A Neural Probabilistic Language Model"; Guo &
//! Berkhahn 2016, "Entity Embeddings of Categorical Variables"). It is a product with a one-hot row, without the
//! product: forward gathers rows, backward adds to them.

use std::ops::Range;

use ndarray::ArrayView2;

use super::tape::Tape;
use crate::learning::init::Initializer;
use crate::learning::optimizer::ParameterGroup;
use crate::learning::random::Generator;
use crate::learning::spec::ValidModelSpec;

/// Codes whose vectors start at zero: missing values, and those that are rare or were never seen.
const ZERO_CODES: usize = 2;

/// Vectors in place of codes.
///
/// # Shapes
/// Input rows are `[plain values…, code₁ … codeₘ]`, output rows `[plain values…, vector₁ … vectorₘ]`.
#[derive(Clone, Debug)]
pub struct Embed {
    plain: usize,
    tables: Vec<EmbeddingTable>,
    units: usize,
}

/// The vectors of one column's codes.
#[derive(Clone, Debug)]
struct EmbeddingTable {
    values: usize,
    dimensions: usize,
    /// values × dimensions, row-major, in the flat buffer.
    weights: Range<usize>,
}

impl EmbeddingTable {
    /// Where the vector of `code` lies in the flat buffer. What is no code (a fraction, not a number, out of range) is
    /// read as code 0, the missing value.
    fn vector(&self, code: f32) -> Range<usize> {
        let known = code >= 0.0 && code < self.values as f32 && code.fract() == 0.0;
        let row = if known { code as usize } else { 0 };
        let start = self.weights.start + row * self.dimensions;
        start..start + self.dimensions
    }
}

impl Embed {
    /// The layer of a model's embeddings, if it has any. Their tables are the first of the flat buffer.
    pub fn new(model: &ValidModelSpec) -> Option<Self> {
        let mut offset = 0;
        let tables: Vec<EmbeddingTable> = (model.embeddings.iter())
            .map(|embedding| {
                let start = offset;
                offset += embedding.parameter_count();
                EmbeddingTable { values: embedding.values, dimensions: embedding.dimensions, weights: start..offset }
            })
            .collect();
        (!tables.is_empty()).then(|| Embed { plain: model.plain_inputs(), tables, units: model.embedded_inputs() })
    }

    /// EmbeddingTable `index`: values × dimensions.
    pub fn parameters<'a>(&self, index: usize, parameters: &'a [f32]) -> ArrayView2<'a, f32> {
        let table = &self.tables[index];
        let values = &parameters[table.weights.clone()];
        ArrayView2::from_shape((table.values, table.dimensions), values).expect("a vector for every value")
    }

    /// Columns that pass through.
    pub(super) fn plain(&self) -> usize {
        self.plain
    }

    /// Width of the output.
    pub(super) fn units(&self) -> usize {
        self.units
    }

    pub(super) fn groups(&self) -> Vec<ParameterGroup> {
        let group = |table: &EmbeddingTable| ParameterGroup {
            range: table.weights.clone(),
            learning_rate_factor: 1.0,
            decay_factor: 1.0,
        };
        self.tables.iter().map(group).collect()
    }

    /// Draws vectors of a length of about 1, whatever the model's initializer: each value has the standard deviation
    /// 1/√dimensions. Those of the codes 0 and 1 are zero.
    pub(super) fn initialise(&self, parameters: &mut [f32], generator: &mut Generator) {
        for table in &self.tables {
            let (zero, drawn) = parameters[table.weights.clone()].split_at_mut(ZERO_CODES * table.dimensions);
            zero.fill(0.0);
            Initializer::LecunNormal.fill(drawn, table.dimensions, table.values, generator);
        }
    }

    pub(super) fn tape(&self, rows: usize) -> Tape {
        let buffer = || vec![0.0; rows * self.units];
        Tape { active: buffer(), gradient: buffer(), ..Tape::default() }
    }

    /// Forward pass: `input` is rows × (plain + tables), `output` rows × units.
    pub(super) fn infer(&self, parameters: &[f32], input: &[f32], output: &mut [f32]) {
        let rows = input.chunks_exact(self.plain + self.tables.len()).zip(output.chunks_exact_mut(self.units));
        for (input, output) in rows {
            let (plain, codes) = input.split_at(self.plain);
            let (through, mut vectors) = output.split_at_mut(self.plain);
            through.copy_from_slice(plain);
            for (table, code) in self.tables.iter().zip(codes) {
                let (vector, rest) = vectors.split_at_mut(table.dimensions);
                vector.copy_from_slice(&parameters[table.vector(*code)]);
                vectors = rest;
            }
        }
    }

    /// ∂L/∂table, row by row, is the sum of ∂L/∂output over the rows that have its code.
    pub(super) fn gradient(
        &self,
        block: &Range<usize>,
        input: &[f32],
        tape: &Tape,
        gradient: &mut [f32],
        accumulate: bool,
    ) {
        if !accumulate {
            gradient.fill(0.0);
        }
        let index = self.tables.iter().position(|table| table.weights == *block).expect("a block is a table");
        let (table, codes) = (&self.tables[index], self.plain + self.tables.len());
        let before: usize = self.tables[..index].iter().map(|table| table.dimensions).sum();
        let vector = self.plain + before..self.plain + before + table.dimensions;
        for (input, output) in input.chunks_exact(codes).zip(tape.gradient.chunks_exact(self.units)) {
            let row = table.vector(input[self.plain + index]);
            let sums = &mut gradient[row.start - block.start..row.end - block.start];
            sums.iter_mut().zip(&output[vector.clone()]).for_each(|(sum, g)| *sum += g);
        }
    }
}
