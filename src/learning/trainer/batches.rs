//! One batch: its rows go through the network and back in tiles; then the gradients of the parameters are found, and a step
//! taken, in bundles of blocks. Tiles and bundles depend on the batch and the network alone, so the number of threads changes no bit.

use std::ops::Range;

use rand::RngExt;

use crate::learning::examples::Examples;
use crate::learning::kernels::vectorized;
use crate::learning::layer::{BLOCK_VALUES, Dropout, Layer};
use crate::learning::network::{Block, Network};
use crate::learning::optimizer::{OptimizerState, ParameterGroup, Step};
use crate::learning::random::Generator;
use crate::learning::team::{Team, WIDE_WORK};
use crate::learning::tile::Tile;
use crate::learning::tiling::{pass_rows, tile_range, tile_rows};
use crate::learning::training::ValidTrainingSpec;

/// Parameters of a bundle at least: what a thread steps on in about 1 µs.
const SMALL_BUNDLE: usize = 1024;

/// What batches are worked off with; made once, so that no epoch allocates.
pub(super) struct Batches {
    /// Rows of a tile.
    tile_rows: usize,
    tiles: Vec<Tile>,
    /// Tiles that the last pass filled.
    filled: usize,
    /// The blocks, small neighbours together: what one thread takes at a time.
    bundles: Vec<Vec<Block>>,
    /// The bundles' ranges of the flat buffer.
    ranges: Vec<Range<usize>>,
    groups: Vec<ParameterGroup>,
    /// ∂L/∂parameters, flat.
    gradients: Vec<f32>,
    /// The sum of the squares of each bundle's gradients.
    squares: Vec<f64>,
    /// A seed of dropout masks for each tile, where there is dropout.
    seeds: Vec<u64>,
}

impl Batches {
    pub(super) fn new(network: &Network, settings: &ValidTrainingSpec, rows: usize) -> Self {
        let pass_rows = pass_rows(network.spec(), settings, rows);
        let tile_rows = tile_rows(network.spec(), pass_rows);
        let tiles = pass_rows.div_ceil(tile_rows);
        let bundles = bundles(network.blocks(), network.parameters().len());
        let dropout = network.spec().layers.iter().any(|layer| layer.dropout > 0.0);
        let tile = || Tile::new(network, tile_rows).with_label_smoothing(settings.label_smoothing);
        Batches {
            tile_rows,
            tiles: (0..tiles).map(|_| tile()).collect(),
            filled: 0,
            ranges: bundles.iter().map(|bundle| bundle[0].range.start..bundle[bundle.len() - 1].range.end).collect(),
            squares: vec![0.0; bundles.len()],
            groups: network.groups(),
            gradients: vec![0.0; network.parameters().len()],
            seeds: vec![0; if dropout { tiles } else { 0 }],
            bundles,
        }
    }

    /// Takes the rows named, at most a pass of them, through the network and back; their losses are scaled on the way back, and the
    /// share of dropped units multiplied. Returns the weighted sum of their losses.
    pub(super) fn pass(
        &mut self,
        network: &Network,
        examples: &Examples,
        rows: &[u32],
        (scale, dropout_factor): (f32, f32),
        dropout: &mut Generator,
        team: &mut Team,
    ) -> f64 {
        let tile_rows = self.tile_rows;
        self.filled = rows.len().div_ceil(tile_rows);
        self.seeds.iter_mut().take(self.filled).for_each(|seed| *seed = dropout.random());
        let (tiles, seeds) = (&mut self.tiles[..self.filled], &self.seeds);
        team.each(true, tiles, |index, filled| {
            let rows = &rows[tile_range(rows.len(), tile_rows, index)];
            let dropout = seeds.get(index).map(|seed| Dropout { seed: *seed, factor: dropout_factor });
            filled.pass(network, examples, rows, scale, dropout);
        });
        tiles.iter().map(Tile::loss).sum()
    }

    /// Keeps the gradients of the last pass for the step after the next one; `first` says that there are none to add to.
    pub(super) fn accumulate(&mut self, network: &mut Network, first: bool, team: &mut Team) {
        let wide = self.is_wide();
        let Batches { tiles, filled, bundles, ranges, gradients, .. } = self;
        let (layers, _) = network.layers_and_parameters();
        team.each_range(wide, ranges, [gradients], |index, [gradients]| {
            for block in &bundles[index] {
                let gradient = &mut gradients[within(&ranges[index], block)];
                add_up(&tiles[..*filled], layers, block, gradient, first);
            }
        });
    }

    /// Steps along the gradients of the passes since the last step, of which there was one only if `first`.
    pub(super) fn step(
        &mut self,
        network: &mut Network,
        optimizer: &mut OptimizerState,
        step: Step,
        clip_norm: Option<f64>,
        first: bool,
        team: &mut Team,
    ) {
        let mut step = step;
        let clipped = clip_norm.is_some();
        if let Some(most) = clip_norm {
            self.accumulate(network, first, team);
            step.gradient_scale = self.clipping(most, team);
        }
        let wide = self.is_wide();
        let Batches { tiles, filled, bundles, ranges, groups, gradients, .. } = self;
        let (layers, parameters) = network.layers_and_parameters();
        let (stepper, [first_state, second_state]) = optimizer.begin(&step);
        team.each_range(wide, ranges, [gradients, parameters, first_state, second_state], |index, [g, w, m, v]| {
            for block in &bundles[index] {
                let range = within(&ranges[index], block);
                let of = |state: &[f32]| if state.is_empty() { 0..0 } else { range.clone() };
                let (m_range, v_range) = (of(m), of(v));
                let gradient = &mut g[range.clone()];
                if !clipped {
                    add_up(&tiles[..*filled], layers, block, gradient, first);
                }
                stepper.step(&groups[block.group], &mut w[range], gradient, &mut m[m_range], &mut v[v_range]);
            }
        });
    }

    /// Whether the gradients of the last pass are worth more than one thread.
    fn is_wide(&self) -> bool {
        let rows: usize = self.tiles[..self.filled].iter().map(Tile::rows).sum();
        rows * self.gradients.len() > WIDE_WORK
    }

    /// The factor that brings the gradient's norm down to `most`, as PyTorch's `clip_grad_norm_`.
    fn clipping(&mut self, most: f64, team: &mut Team) -> f32 {
        let (wide, gradients, ranges) = (self.is_wide(), &self.gradients, &self.ranges);
        team.each(wide, &mut self.squares, |index, sum| *sum = sum_of_squares(&gradients[ranges[index].clone()]));
        let norm = self.squares.iter().sum::<f64>().sqrt();
        (most / (norm + 1e-6)).min(1.0) as f32
    }
}

/// Puts blocks together until they are worth a thread's while: a quarter of all parameters, if that is no more than a
/// block has at most.
fn bundles(blocks: Vec<Block>, parameters: usize) -> Vec<Vec<Block>> {
    let enough = (parameters / 4).clamp(SMALL_BUNDLE, BLOCK_VALUES);
    let mut bundles: Vec<Vec<Block>> = Vec::new();
    let mut held = enough;
    for block in blocks {
        if held >= enough {
            bundles.push(Vec::new());
            held = 0;
        }
        held += block.range.len();
        bundles.last_mut().expect("there is a bundle").push(block);
    }
    bundles
}

/// Where a block lies in its bundle.
fn within(bundle: &Range<usize>, block: &Block) -> Range<usize> {
    block.range.start - bundle.start..block.range.end - bundle.start
}

/// The gradient of a block over all tiles, added to what is there unless `first`.
fn add_up(tiles: &[Tile], layers: &[Layer], block: &Block, gradient: &mut [f32], first: bool) {
    for (at, tile) in tiles.iter().enumerate() {
        tile.gradient(layers, block, gradient, at > 0 || !first);
    }
}

vectorized! {
    /// Σ x², in f64, in eight sums that are added up at the end.
    fn sum_of_squares(values: &[f32]) -> f64 {
        let (eights, rest) = values.as_chunks::<8>();
        let mut sums = [0.0f64; 8];
        for eight in eights {
            sums.iter_mut().zip(eight).for_each(|(sum, x)| *sum += f64::from(*x) * f64::from(*x));
        }
        sums.iter().sum::<f64>() + rest.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>()
    }
}
