//! What a network without hidden layers sees of a row, and such a network of given weights.

use std::sync::Arc;

use super::ridge::{Moments, Row};
use crate::learning::layer::{known_code, present, unclipped};
use crate::learning::loss::Loss;
use crate::learning::network::Network;
use crate::learning::spec::{Embedding, ValidModelSpec};

/// The columns of a linear network that answers one number: a constant, its plain values, and one for each code of each embedding,
/// which is 1 where a row has the code; of a bag, the code's share of those that the row has.
#[derive(Clone, Debug)]
pub struct Design {
    spec: Arc<ValidModelSpec>,
}

impl Design {
    /// That of a network; `None` if it is no linear one of one number.
    pub fn of(spec: Arc<ValidModelSpec>) -> Option<Self> {
        let is_linear = spec.layers.len() == 1 && spec.waves.is_none() && !spec.scale;
        let is_number = !matches!(spec.loss, Loss::BinaryCrossEntropy | Loss::CrossEntropy) && spec.outputs() == 1;
        (is_linear && is_number).then_some(Design { spec })
    }

    /// What the network is to lose little of.
    pub fn loss(&self) -> Loss {
        self.spec.loss
    }

    /// How many of the columns a row has at most that are not 0.
    pub fn in_a_row(&self) -> usize {
        1 + self.spec.plain_inputs() + self.spec.embeddings.iter().map(Embedding::columns).sum::<usize>()
    }

    /// How many columns there are, the constant among them.
    pub fn columns(&self) -> usize {
        1 + self.spec.plain_inputs() + self.spec.embeddings.iter().map(|table| table.values).sum::<usize>()
    }

    /// The sums of no row of these columns.
    pub fn moments(&self) -> Moments {
        Moments::of_columns(1 + self.spec.plain_inputs(), self.columns())
    }

    /// Puts the columns of a row of the network's input in place of those in `row`.
    pub fn read(&self, input: &[f32], row: &mut Row) {
        let (plain, mut codes) = input.split_at(self.spec.plain_inputs());
        row.dense.clear();
        row.dense.extend([1.0].into_iter().chain(plain.iter().map(|value| f64::from(*value))));
        for column in &self.spec.unclipped {
            row.dense[1 + column] = f64::from(unclipped(plain[*column]));
        }
        row.sparse.clear();
        let mut first = row.dense.len();
        for table in &self.spec.embeddings {
            let (own, rest) = codes.split_at(table.columns());
            read_codes(table, own, first, &mut row.sparse);
            (codes, first) = (rest, first + table.values);
        }
    }

    /// The network that answers with these weights of the columns; `None` if one of them is beyond f32.
    pub fn network(&self, weights: &[f64]) -> Option<Network> {
        let (own, of_codes) = weights.split_at(1 + self.spec.plain_inputs());
        let (mut parameters, mut last) = (Vec::with_capacity(self.spec.parameter_count()), own[1..].to_vec());
        let mut of_codes = of_codes.iter();
        for table in &self.spec.embeddings {
            // The weight of a code is the first value of its vector, the only one that counts.
            for weight in of_codes.by_ref().take(table.values) {
                parameters.push(*weight as f32);
                parameters.extend(std::iter::repeat_n(0.0, table.dimensions - 1));
            }
            last.push(1.0);
            last.extend(std::iter::repeat_n(0.0, table.dimensions - 1));
        }
        parameters.extend(last.iter().chain(&own[..1]).map(|weight| *weight as f32));
        let is_finite = parameters.iter().all(|value: &f32| value.is_finite());
        is_finite.then(|| Network::with_parameters(self.spec.clone(), parameters))
    }
}

/// What `codes` of one table are among columns from `first` on, each column once. What is no code is read as the layer reads it.
fn read_codes(table: &Embedding, codes: &[f32], first: usize, sparse: &mut Vec<(usize, f64)>) {
    if table.bag.is_none() {
        sparse.push((first + known_code(codes[0], table.values).unwrap_or(0), 1.0));
        return;
    }
    let present = present(codes, table.values);
    let (begin, share) = (sparse.len(), 1.0 / present.clone().count() as f64);
    for code in present {
        match sparse[begin..].iter_mut().find(|(at, _)| *at == first + code) {
            Some((_, value)) => *value += share,
            None => sparse.push((first + code, share)),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayView2;

    use super::*;
    use crate::learning::spec::{LayerSpec, ModelSpec};

    /// Two plain values, of which the second has been clipped, a code of three, and a bag of up to three codes of four.
    fn design() -> Design {
        let embedding = |values, dimensions, bag| Embedding { values, dimensions, bag };
        let spec = ModelSpec {
            layers: [2 + 2 + 3, 1].map(LayerSpec::from).to_vec(),
            embeddings: vec![embedding(3, 2, None), embedding(4, 3, Some(3))],
            unclipped: vec![1],
            ..ModelSpec::default()
        };
        Design::of(Arc::new(spec.check().expect("a network").0)).expect("it is linear")
    }

    #[test]
    fn weights_of_a_row_answer_what_their_network_answers() {
        let design = design();
        assert_eq!(design.columns(), 1 + 2 + 3 + 4);
        let weights = [0.5, 1.0, -2.0, 10.0, 20.0, 30.0, 400.0, 100.0, 200.0, 300.0];
        let network = design.network(&weights).expect("weights of ordinary size");
        assert!(design.network(&[1e300; 10]).is_none());
        for input in [
            [1.0, 0.0, 1.0, 2.0, 2.0, 0.0],
            [0.0, 2.5, 2.0, 1.0, 3.0, 1.0],
            [-1.0, -2.9, 7.0, 0.0, 0.0, 0.0],
            [0.25, 1.0, f32::NAN, 3.0, 0.5, 9.0],
        ] {
            let mut row = Row::default();
            design.read(&input, &mut row);
            let expected = network.predict(ArrayView2::from_shape((1, 6), &input).expect("a row"))[[0, 0]];
            assert!((row.times(&weights) - f64::from(expected)).abs() < 1e-3, "{input:?}: {expected} {row:?}");
        }
    }

    #[test]
    fn only_linear_networks_of_one_number_have_one() {
        let spec = |layers: &[usize], loss| {
            let layers = layers.iter().copied().map(LayerSpec::from).collect();
            Arc::new(ModelSpec { layers, loss: Some(loss), ..ModelSpec::default() }.check().expect("a network").0)
        };
        for loss in [Loss::Mse, Loss::Mae, Loss::Huber, Loss::Poisson, Loss::Quantile(0.9)] {
            assert!(Design::of(spec(&[2, 1], loss)).is_some(), "{loss:?}");
        }
        assert!(Design::of(spec(&[2, 2], Loss::Mse)).is_none());
        assert!(Design::of(spec(&[2, 3, 1], Loss::Mse)).is_none());
        assert!(Design::of(spec(&[2, 1], Loss::BinaryCrossEntropy)).is_none());
    }
}
