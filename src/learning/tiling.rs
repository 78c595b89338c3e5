//! How many rows go through a network at once: the sizes of shards and tiles. They depend on nothing but the model and
//! the number of rows, so that sums over shards and tiles are added up in the same order on any machine.

use std::ops::Range;

use super::spec::ValidModelSpec;
use super::training::ValidTrainingSpec;

/// Most rows of a shard: so many pass through a network at once, and larger batches pass shard after shard, so that
/// memory is bounded.
const SHARD_ROWS: usize = 1024;
/// Most values of one layer's output for the rows of a shard: 16 MB.
const SHARD_VALUES: usize = 4 << 20;

/// Rows of a tile at least: a product with fewer spends its time on bringing weights along.
const TILE_ROWS: usize = 64;
/// Rows of a tile at least where the layers have so many parameters that they do not stay in a core's cache.
const WIDE_TILE_ROWS: usize = 128;
const WIDE_PARAMETERS: usize = 1 << 20;
/// Rows × parameters of a tile at least: about 10 µs. Below, what threads hand to each other costs more than they save.
const TILE_WORK: usize = 250_000;
/// Most tiles of a shard.
const MAX_TILES: usize = 16;

/// Rows × parameters between two looks at whether to go on, and the rows at least: a product with fewer is slow.
const PIECE_WORK: usize = 2_000_000_000;
const LEAST_PIECE_ROWS: usize = 32;

/// Rows of a tile (the rows that one thread takes through the network) of a shard of `rows` rows.
pub fn tile_rows(model: &ValidModelSpec, rows: usize) -> usize {
    let parameters = model.parameter_count();
    let least = if parameters > WIDE_PARAMETERS { WIDE_TILE_ROWS } else { TILE_ROWS };
    // Two threads have something to do from half a tile each.
    let tiles = (rows / least).max(if rows >= least { 2 } else { 1 }).min(rows * parameters / TILE_WORK);
    rows.div_ceil(tiles.clamp(1, MAX_TILES))
}

/// Rows of a shard: fewer where the layers are very wide.
pub fn shard_rows(model: &ValidModelSpec) -> usize {
    (SHARD_VALUES / widest(model)).clamp(1, SHARD_ROWS)
}

/// Rows of a shard that is worked off between two looks at whether to go on: fewer of a large network, so that it takes no
/// more than a tenth of a second or so.
pub fn piece_rows(model: &ValidModelSpec) -> usize {
    shard_rows(model).min((PIECE_WORK / model.parameter_count().max(1)).max(LEAST_PIECE_ROWS))
}

/// Values of a row where the network is widest.
pub fn widest(model: &ValidModelSpec) -> usize {
    model.layers.iter().map(|layer| layer.units.max(layer.inputs)).max().unwrap_or(1)
}

/// The rows of tile `index` of `rows` rows in tiles of `tile_rows`, the last of which may have fewer.
pub fn tile_range(rows: usize, tile_rows: usize, index: usize) -> Range<usize> {
    index * tile_rows..rows.min((index + 1) * tile_rows)
}

/// Places of `count` of `rows` rows, evenly spaced from the first on.
pub fn evenly_spaced(count: usize, rows: usize) -> Vec<usize> {
    (0..count).map(|i| i * rows / count).collect()
}

/// Rows that the training passes take at once: a batch, or a shard of it.
pub fn pass_rows(model: &ValidModelSpec, settings: &ValidTrainingSpec, rows: usize) -> usize {
    settings.batch_size.of(rows).min(shard_rows(model))
}

/// Part `index` of `count` parts of as many rows each, or one more.
pub fn share_range(rows: usize, count: usize, index: usize) -> Range<usize> {
    index * rows / count..(index + 1) * rows / count
}
