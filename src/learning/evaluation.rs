//! The loss of rows that are only looked at.

use super::cuts::{part, shard_rows, widest};
use super::examples::Examples;
use super::loss::Scored;
use super::network::{Network, Scratch};
use super::spec::ValidModelSpec;
use super::team::{Team, WIDE_WORK};

/// Most rows of a piece: enough for products at full speed, few enough for all threads to have some.
const PIECE_ROWS: usize = 256;
/// Pieces that are worked off together.
const PIECES: usize = 8;

/// Buffers for pieces of rows; grow to what a piece needs.
#[derive(Clone, Debug)]
pub struct Evaluation {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, Default)]
struct Piece {
    scratch: Scratch,
    outputs: Vec<f32>,
    targets: Vec<f32>,
    /// The sum of the rows' losses.
    loss: f64,
}

impl Default for Evaluation {
    fn default() -> Self {
        Evaluation { pieces: vec![Piece::default(); PIECES] }
    }
}

impl Evaluation {
    /// The mean loss over the first `rows` rows of `examples`, without dropout and unweighted; `see` gets the outputs of
    /// the rows, piece after piece.
    pub fn mean_loss(
        &mut self,
        network: &Network,
        examples: &Examples,
        rows: usize,
        team: &mut Team,
        mut see: impl FnMut(&[f32]),
    ) -> f64 {
        let piece_rows = piece_rows(network.spec());
        let count = rows.div_ceil(piece_rows);
        let wide = rows.saturating_mul(network.parameters().len()) > WIDE_WORK;
        // Buffers that no other thread fills would be memory for nothing.
        let together = if wide && !team.is_alone() { PIECES } else { 1 };
        let mut sum = 0.0;
        for first in (0..count).step_by(together) {
            let pieces = &mut self.pieces[..together.min(count - first)];
            team.each(wide, pieces, |index, piece| {
                let rows = part(rows, piece_rows, first + index);
                piece.look_at(network, examples, rows.start, rows.end);
            });
            for piece in pieces {
                sum += piece.loss;
                see(&piece.outputs);
            }
        }
        sum / rows as f64
    }

    /// Values that the buffers hold for a model at most.
    pub fn values(model: &ValidModelSpec) -> usize {
        PIECES * piece_rows(model) * (2 * widest(model) + 2 * model.outputs())
    }
}

fn piece_rows(model: &ValidModelSpec) -> usize {
    PIECE_ROWS.min(shard_rows(model))
}

impl Piece {
    fn look_at(&mut self, network: &Network, examples: &Examples, start: usize, end: usize) {
        let (spec, width) = (network.spec(), network.spec().outputs());
        let logits = network.logits(examples.input_rows(start, end), &mut self.scratch);
        self.outputs.clear();
        self.outputs.extend_from_slice(logits);
        spec.output.forward(&mut self.outputs, width);
        self.targets.resize((end - start) * width, 0.0);
        examples.targets().write_rows(start, &mut self.targets, width);
        let (outputs, targets) = (&self.outputs, &self.targets);
        self.loss = spec.loss.sum(&Scored { logits, outputs, targets, weights: None, width });
    }
}
