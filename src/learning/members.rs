//! Networks that answer together: the weighted mean of their outputs.
//!
//! An ensemble of networks that were drawn and trained apart errs less than each of them, and its probabilities are more
//! honest (Lakshminarayanan, Pritzel & Blundell 2017, "Simple and Scalable Predictive Uncertainty Estimation using Deep
//! Ensembles"). The mean is taken of outputs, so of probabilities and not of logits. A single network answers bit for
//! bit as it does alone, without a copy.

use ndarray::{Array2, ArrayView2, Axis, s};
use rand::RngExt;

use super::activation::OutputActivation;
use super::curves::Curves;
use super::examples::Examples;
use super::loss::Scored;
use super::metrics::{self, Metrics};
use super::network::Network;
use super::random::{Purpose, generator};
use super::spec::{Embedding, MAX_SEED, ValidModelSpec};
use super::tiling::{shard_rows, tile_range};
pub use super::training::MAX_MEMBERS;

/// The seed of the network of this index, counted from 0, among those of a training with this seed: the first has the seed itself.
pub fn member_seed(seed: u64, index: usize) -> u64 {
    let mut drawn = generator(seed, Purpose::Members);
    (0..index).fold(seed, |_, _| drawn.random::<u64>() & MAX_SEED)
}

/// One of several networks, and how much its outputs count.
#[derive(Clone, Debug)]
pub struct Member {
    /// The network.
    pub network: Network,
    /// Above 0; only its share of the sum of all weights matters.
    pub weight: f64,
}

/// One or more networks with the same inputs, outputs and loss. Hidden layers and seeds may differ.
#[derive(Clone, Debug)]
pub struct Members {
    list: Vec<Member>,
}

impl From<Network> for Members {
    fn from(network: Network) -> Self {
        Members { list: vec![Member { network, weight: 1.0 }] }
    }
}

impl Members {
    /// Networks that answer together, in this order. `None` if there is none or more than [`MAX_MEMBERS`], if a weight is
    /// not above 0 and finite, or if they do not take the same inputs and give the same outputs.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use epochd::learning::members::{Member, Members};
    /// use epochd::learning::network::Network;
    /// use epochd::learning::spec::{LayerSpec, ModelSpec};
    /// use ndarray::arr2;
    ///
    /// // Two networks with one input, one output and no hidden layer: ŷ = 2x and ŷ = 4x + 1.
    /// let spec = ModelSpec { layers: [1, 1].map(LayerSpec::from).to_vec(), ..ModelSpec::default() };
    /// let spec = Arc::new(spec.check()?.0);
    /// let first = Member { network: Network::with_parameters(spec.clone(), vec![2.0, 0.0]), weight: 3.0 };
    /// let second = Member { network: Network::with_parameters(spec, vec![4.0, 1.0]), weight: 1.0 };
    /// let both = Members::new(vec![first, second]).expect("they fit together");
    /// // ¾ · 2 + ¼ · 5
    /// assert_eq!(both.predict(arr2(&[[1.0]]).view()), arr2(&[[2.75]]));
    /// # Ok::<(), epochd::learning::error::SpecError>(())
    /// ```
    pub fn new(list: Vec<Member>) -> Option<Self> {
        let first = list.first()?.network.spec();
        let weighs = |member: &Member| member.weight > 0.0 && member.weight.is_finite();
        let fits = list.iter().all(|member| weighs(member) && answers_alike(first, member.network.spec()));
        (fits && list.len() <= MAX_MEMBERS).then_some(Members { list })
    }

    /// Networks that answer together and count alike.
    ///
    /// # Panics
    /// They do not fit together: see [`Members::new`].
    pub fn alike(networks: Vec<Network>) -> Self {
        let weights = vec![1.0; networks.len()];
        Members::of_parts(networks, weights)
    }

    /// Networks that answer together with these weights.
    ///
    /// # Panics
    /// They do not fit together: see [`Members::new`].
    pub fn of_parts(networks: Vec<Network>, weights: Vec<f64>) -> Self {
        let member = |(network, weight)| Member { network, weight };
        Members::new(networks.into_iter().zip(weights).map(member).collect()).expect("the networks fit together")
    }

    /// The networks, and their weights.
    pub fn into_parts(self) -> (Vec<Network>, Vec<f64>) {
        self.list.into_iter().map(|member| (member.network, member.weight)).unzip()
    }

    /// The networks with their weights: at least one.
    pub fn list(&self) -> &[Member] {
        &self.list
    }

    /// The first network.
    pub fn first(&self) -> &Network {
        &self.list[0].network
    }

    /// The first network, without the others.
    pub fn into_first(mut self) -> Network {
        self.list.swap_remove(0).network
    }

    /// Weights and biases of all of them.
    pub fn parameter_count(&self) -> usize {
        self.list.iter().map(|member| member.network.parameters().len()).sum()
    }

    /// All of them.
    pub fn all(&self) -> Group<'_> {
        Group(self.list.iter().collect())
    }

    /// Those that have not learned from this fold of the rows.
    pub fn without(&self, fold: Fold) -> Group<'_> {
        Group(self.list.iter().skip(fold.number).step_by(fold.count).collect())
    }

    /// As [`Group::shard_rows`].
    pub fn shard_rows(&self) -> usize {
        self.all().shard_rows()
    }

    /// As [`Group::predict`].
    ///
    /// # Panics
    /// If the input's width is not the networks'.
    pub fn predict(&self, inputs: ArrayView2<f32>) -> Array2<f32> {
        self.all().predict(inputs)
    }

    /// As [`Group::logits_of`].
    ///
    /// # Panics
    /// If the input's width is not the networks'.
    pub fn logits_of(&self, inputs: ArrayView2<f32>) -> Array2<f32> {
        self.all().logits_of(inputs)
    }

    /// As [`Group::for_each_logits`].
    pub fn for_each_logits(&self, inputs: &[f32], see: &mut dyn FnMut(&[f32]) -> bool) -> bool {
        self.all().for_each_logits(inputs, see)
    }

    /// Loss and measures on `examples`.
    pub fn evaluate(&self, examples: &Examples) -> (f64, Metrics) {
        let (loss, metrics, _) = self.evaluate_unless(examples, &mut || true).expect("nobody stops it");
        (loss, metrics)
    }

    /// The same with the curves; `None` once `go_on`, which is asked every some rows, says no.
    pub fn evaluate_unless(
        &self,
        examples: &Examples,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Option<(f64, Metrics, Curves)> {
        if self.list.len() == 1 {
            return metrics::evaluate_unless(self.first(), examples, go_on);
        }
        metrics::measured(self.first().spec(), examples, |see| self.mean_loss(examples, see, go_on))
    }

    /// The mean loss of the rows by their weights; `see` gets their outputs, shard after shard, while it may `go_on`.
    fn mean_loss(
        &self,
        examples: &Examples,
        see: &mut dyn FnMut(&[f32]),
        go_on: &mut dyn FnMut() -> bool,
    ) -> Option<f64> {
        let (spec, rows, shard) = (self.first().spec(), examples.rows(), self.shard_rows());
        let (width, mut sum) = (spec.outputs(), 0.0);
        for index in 0..rows.div_ceil(shard) {
            let rows = tile_range(rows, shard, index);
            let weights = examples.weights().given().map(|weights| &weights[rows.clone()]);
            let outputs = self.predict(examples.inputs().slice(s![rows.clone(), ..]));
            let mut targets = vec![0.0; outputs.len()];
            examples.targets().write_rows(rows.start, &mut targets, width);
            see(outputs.as_slice().expect("standard layout"));
            if !go_on() {
                return None;
            }
            let logits = logits(spec.output, outputs.clone());
            let [logits, outputs] = [&logits, &outputs].map(|values| values.as_slice().expect("standard layout"));
            sum += spec.loss.sum(&Scored { logits, outputs, targets: &targets, weights, width });
        }
        Some(sum / examples.weights().total(rows))
    }
}

/// A fold of the rows, which those members have not learned from whose place leaves the fold's number when it is divided by the count
/// of folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fold {
    /// How many there are.
    pub count: usize,
    /// Counted from 0.
    pub number: usize,
}

/// Some of the [`Members`]: at least one.
#[derive(Clone, Debug)]
pub struct Group<'a>(Vec<&'a Member>);

impl Group<'_> {
    /// Weights and biases of all of them.
    pub fn parameter_count(&self) -> usize {
        self.0.iter().map(|member| member.network.parameters().len()).sum()
    }

    /// Rows that pass through the networks at once. Cutting a batch at multiples of it changes no bit of its outputs.
    pub fn shard_rows(&self) -> usize {
        let rows = self.0.iter().map(|member| shard_rows(member.network.spec()));
        rows.min().expect("at least one network")
    }

    /// Outputs for `inputs` (rows × inputs): rows × outputs, Σ weight · output / Σ weight.
    ///
    /// # Panics
    /// If the input's width is not the networks'.
    pub fn predict(&self, inputs: ArrayView2<f32>) -> Array2<f32> {
        let [first, others @ ..] = self.0.as_slice() else { unreachable!("at least one network") };
        if others.is_empty() {
            return first.network.predict(inputs);
        }
        let total: f64 = self.0.iter().map(|member| member.weight).sum();
        let mut outputs = Array2::zeros((inputs.nrows(), first.network.spec().outputs()));
        let shard = self.shard_rows();
        let shards = inputs.axis_chunks_iter(Axis(0), shard).zip(outputs.axis_chunks_iter_mut(Axis(0), shard));
        for (inputs, mut outputs) in shards {
            for member in &self.0 {
                outputs.scaled_add((member.weight / total) as f32, &member.network.predict(inputs));
            }
        }
        outputs
    }

    /// Hands the logits of all rows of `inputs` (rows × inputs, row after row) to `see`, piece after piece, until it says no: then
    /// the answer is no, too. See [`Group::logits_of`].
    pub fn for_each_logits(&self, inputs: &[f32], see: &mut dyn FnMut(&[f32]) -> bool) -> bool {
        let first = &self.0[0].network;
        if self.0.len() == 1 {
            return first.for_each_logits(inputs, see);
        }
        let width = first.spec().inputs();
        inputs.chunks(self.shard_rows() * width).all(|piece| {
            let rows = ArrayView2::from_shape((piece.len() / width, width), piece).expect("whole rows");
            see(self.logits_of(rows).as_slice().expect("standard layout"))
        })
    }

    /// Logits for `inputs` (rows × inputs): rows × outputs, in standard layout. Of several networks they are what the
    /// output's activation makes their mean output of: ln p before a softmax, ln p/(1 − p) before a sigmoid, else the
    /// outputs themselves.
    ///
    /// # Panics
    /// If the input's width is not the networks'.
    pub fn logits_of(&self, inputs: ArrayView2<f32>) -> Array2<f32> {
        let first = &self.0[0].network;
        if self.0.len() == 1 {
            return first.logits_of(inputs);
        }
        logits(first.spec().output, self.predict(inputs))
    }
}

/// Whether networks of these specifications take the same inputs and give outputs of the same meaning.
pub fn answers_alike(one: &ValidModelSpec, other: &ValidModelSpec) -> bool {
    let of_table = |table: &Embedding| (table.values, table.bag);
    let codes = |spec: &ValidModelSpec| spec.embeddings.iter().map(of_table).collect::<Vec<_>>();
    let widths = |spec: &ValidModelSpec| (spec.plain_inputs(), spec.outputs());
    widths(one) == widths(other) && codes(one) == codes(other) && (one.output, one.loss) == (other.output, other.loss)
}

/// The logits that `output` makes these outputs of.
fn logits(output: OutputActivation, mut outputs: Array2<f32>) -> Array2<f32> {
    output.invert(outputs.as_slice_mut().expect("standard layout"));
    outputs
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::arr2;

    use super::*;
    use crate::learning::examples::Targets;
    use crate::learning::loss::Loss;
    use crate::learning::spec::{LayerSpec, ModelSpec};

    fn network(widths: &[usize], loss: Loss, seed: u64) -> Network {
        let layers = widths.iter().copied().map(LayerSpec::from).collect();
        let spec = ModelSpec { layers, loss: Some(loss), seed: Some(seed), ..ModelSpec::default() };
        Network::new(Arc::new(spec.check().expect("a valid model").0))
    }

    fn with(widths: &[usize], loss: Loss, parameters: &[f32]) -> Network {
        Network::with_parameters(Arc::new(network(widths, loss, 0).spec().clone()), parameters.to_vec())
    }

    fn members(list: Vec<(Network, f64)>) -> Option<Members> {
        Members::new(list.into_iter().map(|(network, weight)| Member { network, weight }).collect())
    }

    /// σ(0) = ½ and σ(ln 3) = ¾ with weights 1 and 3: p = ⅛ + 9/16 = 11/16, its logit ln 11/5; for a row of class 1 the
    /// loss is −ln 11/16.
    #[test]
    fn probabilities_are_averaged_by_weight() {
        let sigmoid = |bias| with(&[1, 1], Loss::BinaryCrossEntropy, &[0.0, bias]);
        let both = members(vec![(sigmoid(0.0), 1.0), (sigmoid(3f32.ln()), 3.0)]).expect("they fit");
        let row = arr2(&[[7.0]]);
        assert!((both.predict(row.view())[[0, 0]] - 11.0 / 16.0).abs() < 1e-6);
        assert!((both.logits_of(row.view())[[0, 0]] - (11f32 / 5.0).ln()).abs() < 1e-5);
        let (loss, measures) = both.evaluate(&Examples::new(row, Targets::Values(arr2(&[[1.0]]))));
        assert!((loss + (11f64 / 16.0).ln()).abs() < 1e-6, "{loss}");
        let Metrics::Classification(measures) = measures else { panic!("two classes") };
        assert!(measures.accuracy == 1.0 && (measures.log_loss - loss).abs() < 1e-12);
    }

    /// Softmax of (0, ln 3) is (¼, ¾), of (ln 3, 0) it is (¾, ¼); the mean of both is even, where the mean of logits is too,
    /// but with weights 1 and 3 it is (⅝, ⅜).
    #[test]
    fn a_softmax_is_averaged_class_by_class() {
        let softmax = |first: f32, second: f32| with(&[1, 2], Loss::CrossEntropy, &[0.0, 0.0, first, second]);
        let both = members(vec![(softmax(0.0, 3f32.ln()), 1.0), (softmax(3f32.ln(), 0.0), 3.0)]).expect("they fit");
        let row = arr2(&[[1.0]]);
        let outputs = both.predict(row.view());
        assert!((outputs[[0, 0]] - 0.625).abs() < 1e-6 && (outputs[[0, 1]] - 0.375).abs() < 1e-6, "{outputs}");
        let logits = both.logits_of(row.view());
        assert!((logits[[0, 0]] - logits[[0, 1]] - (5f32 / 3.0).ln()).abs() < 1e-5, "{logits}");
    }

    #[test]
    fn a_single_member_answers_bit_for_bit_as_its_network() {
        let alone = network(&[3, 5, 2], Loss::CrossEntropy, 4);
        let one = members(vec![(alone.clone(), 0.3)]).expect("it fits");
        let rows = Array2::from_shape_fn((9, 3), |(row, column)| (row * 7 % 5) as f32 - column as f32 / 3.0);
        let examples = Examples::new(rows.clone(), Targets::Classes((0..9).map(|row| row % 2).collect()));
        assert_eq!(one.predict(rows.view()), alone.predict(rows.view()));
        assert_eq!(one.logits_of(rows.view()), alone.logits_of(rows.view()));
        assert_eq!(one.evaluate(&examples), metrics::evaluate(&alone, &examples));
    }

    /// A layer of 65,536 units is worked off 64 rows at a time, a small one 1,024 rows.
    #[test]
    fn cutting_a_batch_at_shards_changes_no_bit() {
        let both =
            members(vec![(network(&[2, 65_536, 1], Loss::Mse, 1), 1.0), (network(&[2, 3, 1], Loss::Mse, 2), 2.0)]);
        let both = both.expect("hidden layers may differ");
        let (rows, shard) = (Array2::from_shape_fn((150, 2), |(row, column)| (row + column) as f32 / 90.0), 64);
        assert_eq!(both.shard_rows(), shard);
        let whole = both.predict(rows.view());
        assert_eq!(whole.slice(s![shard.., ..]), both.predict(rows.slice(s![shard.., ..])));
    }

    #[test]
    fn what_does_not_answer_alike_is_no_ensemble() {
        let plain = || network(&[2, 3, 1], Loss::Mse, 1);
        assert!(members(vec![]).is_none());
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(members(vec![(plain(), 1.0), (plain(), weight)]).is_none(), "{weight}");
        }
        for other in [network(&[3, 1], Loss::Mse, 1), network(&[2, 2], Loss::Mse, 1), network(&[2, 1], Loss::Huber, 1)]
        {
            assert!(members(vec![(plain(), 1.0), (other, 1.0)]).is_none());
        }
        assert!(members(vec![(plain(), 1.0); MAX_MEMBERS + 1]).is_none());
    }
}
