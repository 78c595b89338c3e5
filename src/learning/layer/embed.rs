//! The embedding layer: codes in, learned vectors out.
//!
//! Each code picks a row of its column's table (Bengio et al. 2003, "A Neural Probabilistic Language Model"; Guo &
//! Berkhahn 2016, "Entity Embeddings of Categorical Variables"). It is a product with a one-hot row, without the
//! product: forward gathers rows, backward adds to them. The codes of a bag pick several rows, whose mean goes on (`bag`).

use std::ops::Range;

use ndarray::ArrayView2;

use super::bag;
use super::code::known_code;
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
/// Input rows are `[plain values…, code₁ … codeₘ]`, output rows `[plain values…, vector₁ … vectorₘ]`; a bag has several codes in
/// place of one.
#[derive(Clone, Debug)]
pub struct Embed {
    plain: usize,
    tables: Vec<EmbeddingTable>,
    /// Columns of an input row.
    inputs: usize,
    units: usize,
}

/// The vectors of one column's codes, or of a bag's.
#[derive(Clone, Debug)]
struct EmbeddingTable {
    values: usize,
    dimensions: usize,
    is_bag: bool,
    /// Where its codes stand in an input row, and its vector in an output row.
    codes: Range<usize>,
    vector: Range<usize>,
    /// values × dimensions, row-major, in the flat buffer.
    weights: Range<usize>,
}

impl EmbeddingTable {
    /// Where the vector of `code` lies in the flat buffer. What is no code (a fraction, not a number, out of range) is
    /// read as code 0, the missing value.
    fn vector_of(&self, code: f32) -> Range<usize> {
        let start = self.weights.start + known_code(code, self.values).unwrap_or(0) * self.dimensions;
        start..start + self.dimensions
    }
}

impl Embed {
    /// The layer of a model's embeddings, if it has any. Their tables are the first of the flat buffer.
    pub fn new(model: &ValidModelSpec) -> Option<Self> {
        let plain = model.plain_inputs();
        let (mut offset, mut inputs, mut units) = (0, plain, plain);
        let taken = |place: &mut usize, count: usize| {
            *place += count;
            *place - count..*place
        };
        let tables: Vec<EmbeddingTable> = (model.embeddings.iter())
            .map(|embedding| EmbeddingTable {
                values: embedding.values,
                dimensions: embedding.dimensions,
                is_bag: embedding.bag.is_some(),
                codes: taken(&mut inputs, embedding.columns()),
                vector: taken(&mut units, embedding.dimensions),
                weights: taken(&mut offset, embedding.parameter_count()),
            })
            .collect();
        (!tables.is_empty()).then_some(Embed { plain, tables, inputs, units })
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
    /// 1/√dimensions. Those of the codes 0 and 1 are zero. All of a bag are: a code that few rows have would keep most of what was
    /// drawn for it, and rows would be learned by heart by it.
    pub(super) fn initialise(&self, parameters: &mut [f32], generator: &mut Generator) {
        for table in &self.tables {
            let zero_codes = if table.is_bag { table.values } else { ZERO_CODES };
            let (zero, drawn) = parameters[table.weights.clone()].split_at_mut(zero_codes * table.dimensions);
            zero.fill(0.0);
            if !table.is_bag {
                Initializer::LecunNormal.fill(drawn, table.dimensions, table.values, generator);
            }
        }
    }

    pub(super) fn tape(&self, rows: usize) -> Tape {
        let buffer = || vec![0.0; rows * self.units];
        Tape { active: buffer(), gradient: buffer(), ..Tape::default() }
    }

    /// Forward pass: `input` is rows × (plain + codes), `output` rows × units.
    pub(super) fn infer(&self, parameters: &[f32], input: &[f32], output: &mut [f32]) {
        let rows = input.chunks_exact(self.inputs).zip(output.chunks_exact_mut(self.units));
        for (input, output) in rows {
            output[..self.plain].copy_from_slice(&input[..self.plain]);
            for table in &self.tables {
                let (codes, vector) = (&input[table.codes.clone()], &mut output[table.vector.clone()]);
                match table.is_bag {
                    true => bag::mean(&parameters[table.weights.clone()], codes, vector),
                    false => vector.copy_from_slice(&parameters[table.vector_of(codes[0])]),
                }
            }
        }
    }

    /// ∂L/∂table, row by row, is the sum of ∂L/∂output over the rows that have its code; of a bag see [`bag::add_gradient`].
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
        let table = self.tables.iter().find(|table| table.weights == *block).expect("a block is a table");
        for (input, output) in input.chunks_exact(self.inputs).zip(tape.gradient.chunks_exact(self.units)) {
            let (codes, of_vector) = (&input[table.codes.clone()], &output[table.vector.clone()]);
            if table.is_bag {
                bag::add_gradient(codes, of_vector, gradient);
                continue;
            }
            let row = table.vector_of(codes[0]);
            let sums = &mut gradient[row.start - block.start..row.end - block.start];
            sums.iter_mut().zip(of_vector).for_each(|(sum, g)| *sum += g);
        }
    }
}
