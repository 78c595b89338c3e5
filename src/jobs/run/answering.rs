//! Which networks answer to rows that are measured: all together, or to each row those that have not learned from it.

use std::ops::Range;

use ndarray::Array2;

use crate::learning::members::{Fold, Group, Members};

/// Networks, and how they share rows out.
#[derive(Clone, Copy)]
pub(super) struct Answering<'a> {
    pub(super) members: &'a Members,
    /// The rows of each fold, one range behind the other, to which those networks answer whose number leaves that of the fold when
    /// it is divided by the count of folds. Empty where all answer to all rows together.
    pub(super) folds: &'a [Range<usize>],
}

impl Answering<'_> {
    /// Outputs of a row.
    pub(super) fn outputs(self) -> usize {
        self.members.first().spec().outputs()
    }

    /// Parameters that a row meets.
    pub(super) fn row_work(self) -> usize {
        if self.folds.is_empty() { self.members.parameter_count() } else { self.of_fold(0).parameter_count() }
    }

    fn of_fold(&self, number: usize) -> Group<'_> {
        self.members.without(Fold { count: self.folds.len(), number })
    }

    /// Hands the logits of all rows of `inputs` (row after row) to `see`, piece after piece, until it says no: then the answer is
    /// no, too. They are rows of those that were shared out: all, or `places` names which, in ascending order.
    pub(super) fn for_each_logits(
        self,
        inputs: &[f32],
        places: Option<&[usize]>,
        see: &mut dyn FnMut(&[f32]) -> bool,
    ) -> bool {
        if self.folds.is_empty() {
            return self.members.for_each_logits(inputs, see);
        }
        let width = self.members.first().spec().inputs();
        let place = |row: usize| places.map_or(row, |places| places.partition_point(|place| *place < row));
        self.folds.iter().enumerate().all(|(index, fold)| {
            let inputs = &inputs[place(fold.start) * width..place(fold.end) * width];
            inputs.is_empty() || self.of_fold(index).for_each_logits(inputs, see)
        })
    }

    /// The logits of `inputs`, which are the rows named.
    pub(super) fn logits_of(self, inputs: &Array2<f32>, places: &[usize]) -> Array2<f32> {
        let mut logits = Vec::with_capacity(inputs.nrows() * self.outputs());
        let mut see = |piece: &[f32]| {
            logits.extend_from_slice(piece);
            true
        };
        self.for_each_logits(inputs.as_slice().expect("row-major"), Some(places), &mut see);
        Array2::from_shape_vec((inputs.nrows(), self.outputs()), logits).expect("each row is answered")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::arr2;

    use super::*;
    use crate::learning::network::Network;
    use crate::learning::spec::{LayerSpec, ModelSpec};

    #[test]
    fn each_row_is_answered_by_the_network_of_its_fold() {
        let spec = ModelSpec { layers: [1, 1].map(LayerSpec::from).to_vec(), ..ModelSpec::default() };
        let spec = Arc::new(spec.check().expect("a network").0);
        // ŷ = x, ŷ = 10x, ŷ = 100x; the second has no row.
        let networks = [1.0, 10.0, 100.0].map(|weight| Network::with_parameters(spec.clone(), vec![weight, 0.0]));
        let members = Members::of_parts(networks.to_vec(), vec![1.0; 3]);
        let answering = Answering { members: &members, folds: &[0..2, 2..2, 2..4] };
        let inputs = arr2(&[[1.0], [2.0], [3.0], [4.0]]);
        assert_eq!(answering.logits_of(&inputs, &[0, 1, 2, 3]), arr2(&[[1.0], [2.0], [300.0], [400.0]]));
        assert_eq!(answering.logits_of(&arr2(&[[2.0], [4.0]]), &[1, 3]), arr2(&[[2.0], [400.0]]));
        let together = Answering { folds: &[], ..answering }.logits_of(&arr2(&[[1.0]]), &[0]);
        assert!((together[[0, 0]] - 37.0).abs() < 1e-4, "{together}");
    }
}
