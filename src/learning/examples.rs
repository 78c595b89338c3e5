//! Training examples: rows of inputs with their targets.
//!
//! # Shapes
//! Inputs are rows × inputs, targets rows × outputs or one class a row.
//!
//! ```
//! use epochd::learning::examples::{Targets, label};
//!
//! let mut target = [0.0; 3];
//! Targets::Classes(vec![2, 0]).write(0, &mut target);
//! assert_eq!(target, [0.0, 0.0, 1.0]); // one-hot
//! assert_eq!(label(&[0.2, 0.7, 0.1]), 1);
//! assert_eq!(label(&[0.4]), 0); // a single output is the probability of class 1
//! ```

use ndarray::{Array2, Axis};

use super::row_weights::RowWeights;

/// What the outputs of each row should be.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// rows × outputs
    Values(Array2<f32>),
    /// The class of each row; as outputs, 1 for that class and 0 for the others.
    Classes(Vec<u32>),
}

impl Targets {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Targets::Values(values) => values.nrows(),
            Targets::Classes(classes) => classes.len(),
        }
    }

    /// Writes the target of row `row` into `target`, as wide as the outputs.
    pub fn write(&self, row: usize, target: &mut [f32]) {
        match self {
            Targets::Values(values) => {
                let width = target.len();
                let values = values.as_slice().expect("targets are in standard layout");
                target.copy_from_slice(&values[row * width..(row + 1) * width]);
            }
            Targets::Classes(classes) => {
                target.fill(0.0);
                target[classes[row] as usize] = 1.0;
            }
        }
    }

    /// Writes the targets of as many rows of `width` values as `targets` holds, from row `start` on.
    pub fn write_rows(&self, start: usize, targets: &mut [f32], width: usize) {
        for (row, target) in targets.chunks_exact_mut(width).enumerate() {
            self.write(start + row, target);
        }
    }

    /// The class of each row: the given one, the largest of several outputs, or 1 for a single output of at least ½.
    pub fn labels(&self) -> Vec<u32> {
        match self {
            Targets::Classes(classes) => classes.clone(),
            Targets::Values(values) => {
                let rows = values.as_slice().expect("targets are in standard layout").chunks_exact(values.ncols());
                rows.map(label).collect()
            }
        }
    }

    fn select(&self, rows: &[usize]) -> Targets {
        match self {
            Targets::Values(values) => Targets::Values(values.select(Axis(0), rows)),
            Targets::Classes(classes) => Targets::Classes(rows.iter().map(|row| classes[*row]).collect()),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Targets::Values(values) => size_of_val(values.as_slice().unwrap_or(&[])),
            Targets::Classes(classes) => size_of_val(classes.as_slice()),
        }
    }
}

/// The class that a row of outputs stands for: the most likely one; a single output from ½ on is class 1.
pub fn label(row: &[f32]) -> u32 {
    match row {
        [output] => u32::from(*output >= 0.5),
        row => most_likely(row) as u32,
    }
}

/// The index of the largest value, the first of equals.
pub fn most_likely(row: &[f32]) -> usize {
    let mut best = 0;
    for (class, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = class;
        }
    }
    best
}

/// Rows to learn from, or to be measured on.
#[derive(Clone, Debug, PartialEq)]
pub struct Examples {
    inputs: Array2<f32>,
    targets: Targets,
    /// How much each row counts.
    weights: Option<Vec<f32>>,
    /// How much each row counts in the loss that is trained on, where that is not as above: by its class, too.
    loss_weights: Option<Vec<f32>>,
}

impl Examples {
    /// Rows of `inputs` with their targets.
    ///
    /// # Shapes
    /// `inputs` is rows × inputs, `targets` has as many rows.
    ///
    /// # Panics
    /// If the numbers of rows differ or `inputs` is not in standard layout: callers check what comes from outside.
    pub fn new(inputs: Array2<f32>, targets: Targets) -> Self {
        assert_eq!(inputs.nrows(), targets.rows(), "a target for every row");
        assert!(inputs.is_standard_layout(), "row-major inputs");
        Examples { inputs, targets, weights: None, loss_weights: None }
    }

    /// The same rows, each with its weight in the loss and in every measure.
    pub fn with_weights(self, weights: Vec<f32>) -> Self {
        assert_eq!(self.rows(), weights.len(), "a weight for every row");
        Examples { weights: Some(weights), ..self }
    }

    /// The same rows, each with its weight in the loss that is trained on, and in no measure.
    pub fn with_loss_weights(self, weights: Vec<f32>) -> Self {
        assert_eq!(self.rows(), weights.len(), "a weight for every row");
        Examples { loss_weights: Some(weights), ..self }
    }

    /// Puts other targets of the same rows in the place of these, and returns these.
    ///
    /// # Panics
    /// If the numbers of rows differ.
    pub fn exchange_targets(&mut self, targets: Targets) -> Targets {
        assert_eq!(self.rows(), targets.rows(), "a target for every row");
        std::mem::replace(&mut self.targets, targets)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.inputs.nrows()
    }

    /// rows × inputs
    pub fn inputs(&self) -> &Array2<f32> {
        &self.inputs
    }

    /// Inputs of the rows from `start` to before `end`, row-major.
    pub fn input_rows(&self, start: usize, end: usize) -> &[f32] {
        let width = self.inputs.ncols();
        &self.inputs.as_slice().expect("row-major inputs")[start * width..end * width]
    }

    /// The targets.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// How much each row counts, in measures and where nothing else is said.
    pub fn weights(&self) -> RowWeights<'_> {
        self.weights.as_deref().into()
    }

    /// How much each row counts in the loss that is trained on.
    pub fn loss_weights(&self) -> RowWeights<'_> {
        self.loss_weights.as_deref().or(self.weights.as_deref()).into()
    }

    /// The sum of the weights of the rows of each class, in measures; none if rows count alike.
    pub fn class_weights(&self, classes: usize) -> Option<Vec<f64>> {
        let weights = self.weights.as_ref()?;
        let mut sums = vec![0.0; classes];
        self.targets
            .labels()
            .iter()
            .zip(weights)
            .for_each(|(label, weight)| sums[*label as usize] += f64::from(*weight));
        Some(sums)
    }

    /// The weights that are of the loss alone, if there are any.
    pub fn own_loss_weights(&self) -> Option<&[f32]> {
        self.loss_weights.as_deref()
    }

    /// The rows named, in that order.
    pub fn select(&self, rows: &[usize]) -> Examples {
        Examples {
            inputs: self.inputs.select(Axis(0), rows),
            targets: self.targets.select(rows),
            weights: self.weights().select(rows),
            loss_weights: RowWeights::from(self.own_loss_weights()).select(rows),
        }
    }

    /// Memory that the rows take.
    pub fn bytes(&self) -> usize {
        let weights =
            [&self.weights, &self.loss_weights].into_iter().flatten().map(|weights| size_of_val(&weights[..]));
        self.inputs.len() * size_of::<f32>() + self.targets.bytes() + weights.sum::<usize>()
    }
}
