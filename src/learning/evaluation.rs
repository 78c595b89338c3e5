//! The loss of rows that are only looked at.

use std::ops::Range;

use super::examples::Examples;
use super::loss::Scored;
use super::network::{Network, Scratch};
use super::spec::ValidModelSpec;
use super::team::{Team, WIDE_WORK};
use super::tiling::{shard_rows, tile_range, widest};

/// Most rows of a tile: enough for products at full speed, few enough for all threads to have some.
const TILE_ROWS: usize = 256;
/// Tiles that are worked off together.
const TILES: usize = 8;

/// Buffers for tiles of rows; grow to what a tile needs.
#[derive(Clone, Debug)]
pub struct Evaluation {
    tiles: Vec<ForwardTile>,
}

#[derive(Clone, Debug, Default)]
struct ForwardTile {
    scratch: Scratch,
    outputs: Vec<f32>,
    targets: Vec<f32>,
    /// The sum of the rows' losses.
    loss: f64,
}

impl Default for Evaluation {
    fn default() -> Self {
        Evaluation { tiles: vec![ForwardTile::default(); TILES] }
    }
}

impl Evaluation {
    /// The mean loss over `rows` of `examples` by their weights, without dropout and whatever their classes
    /// weigh; `see` gets the outputs of the rows, tile after tile, until it says no: then there is no loss.
    pub fn mean_loss(
        &mut self,
        network: &Network,
        examples: &Examples,
        rows: Range<usize>,
        team: &mut Team,
        mut see: impl FnMut(&[f32]) -> bool,
    ) -> Option<f64> {
        let (tile_rows, from, rows) = (tile_rows(network.spec()), rows.start, rows.len());
        let count = rows.div_ceil(tile_rows);
        let wide = rows.saturating_mul(network.parameters().len()) > WIDE_WORK;
        // Buffers that no other thread fills would be memory for nothing.
        let together = if wide && !team.is_alone() { TILES } else { 1 };
        let mut sum = 0.0;
        for first in (0..count).step_by(together) {
            let tiles = &mut self.tiles[..together.min(count - first)];
            team.each(wide, tiles, |index, tile| {
                let rows = tile_range(rows, tile_rows, first + index);
                tile.look_at(network, examples, from + rows.start, from + rows.end);
            });
            for tile in tiles {
                sum += tile.loss;
                if !see(&tile.outputs) {
                    return None;
                }
            }
        }
        Some(sum / examples.weights().starting_at(from).total(rows))
    }

    /// Values that the buffers hold at most when `rows` rows of a model are looked at, by one thread `alone` or a team.
    pub fn values(model: &ValidModelSpec, rows: usize, alone: bool) -> usize {
        let tiles = if alone { 1 } else { TILES };
        (tiles * tile_rows(model)).min(rows) * (2 * widest(model) + 2 * model.outputs())
    }
}

fn tile_rows(model: &ValidModelSpec) -> usize {
    TILE_ROWS.min(shard_rows(model))
}

impl ForwardTile {
    fn look_at(&mut self, network: &Network, examples: &Examples, start: usize, end: usize) {
        let (spec, width) = (network.spec(), network.spec().outputs());
        let logits = network.logits(examples.input_rows(start, end), &mut self.scratch);
        self.outputs.clear();
        self.outputs.extend_from_slice(logits);
        spec.output.forward(&mut self.outputs, width);
        self.targets.resize((end - start) * width, 0.0);
        examples.targets().write_rows(start, &mut self.targets, width);
        let (outputs, targets) = (&self.outputs, &self.targets);
        let weights = examples.weights().given().map(|weights| &weights[start..end]);
        self.loss = spec.loss.sum(&Scored { logits, outputs, targets, weights, width });
    }
}
