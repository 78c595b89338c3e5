//! Networks as they are before their first epoch.

use std::sync::Arc;

use crate::data::encoder::{Encoder, Target};
use crate::learning::examples::Examples;
use crate::learning::members::{Member, Members, member_seed};
use crate::learning::network::Network;
use crate::learning::spec::{Parametrization, ValidModelSpec};

/// So many networks with parameters to begin with: drawn as their specification says, each with a seed of its own, and by the rows
/// to train on.
pub(super) fn initial(spec: &ValidModelSpec, count: usize, encoder: &Encoder, train: &Examples) -> Members {
    let member = |index: usize| {
        let seed = member_seed(spec.seed, index);
        let mut network = Network::new(Arc::new(ValidModelSpec { seed, ..spec.clone() }));
        encoder.embedded_bins().for_each(|place| network.clear_embedding(place));
        if spec.parametrization == Parametrization::Ntk {
            network.initialise_by(train.inputs().view());
        }
        start_from_shares(&mut network, &encoder.target, train);
        Member { network, weight: 1.0 }
    };
    Members::new((0..count).map(member).collect()).expect("networks of one specification answer alike")
}

/// Lets a classifier start from the classes' shares of the training rows: the output's biases are their log-odds.
fn start_from_shares(network: &mut Network, target: &Target, train: &Examples) {
    let Target::Classification { counts, .. } = target else { return };
    let counts: Vec<f32> = match train.class_weights(counts.len()) {
        None => counts.iter().map(|count| *count as f32).collect(),
        Some(sums) => sums.into_iter().map(|sum| sum as f32).collect(),
    };
    let logs: Vec<f32> = counts.iter().map(|count| count.max(0.5).ln()).collect();
    let parameters = network.parameters_mut();
    let mean = logs.iter().sum::<f32>() / logs.len() as f32;
    match logs.as_slice() {
        // One output: the odds of the second class.
        [first, second] => parameters[parameters.len() - 1] = second - first,
        logs => {
            let start = parameters.len() - logs.len();
            parameters[start..].iter_mut().zip(logs).for_each(|(bias, log)| *bias = log - mean);
        }
    }
}
