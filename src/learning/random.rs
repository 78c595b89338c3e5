//! Seeded random generators: ChaCha with 8 rounds, one stream for each purpose.
//!
//! Streams of one seed are independent, so that drawing more of one thing (say, dropout masks) never changes
//! another (the order of the rows), and the same seed gives the same run on any machine.

use rand::SeedableRng;
pub use rand_chacha::ChaCha8Rng as Generator;

/// What a generator draws.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Initial parameters.
    Parameters = 0,
    /// The order of the training rows in an epoch.
    Shuffle = 1,
    /// Dropout masks.
    Dropout = 2,
    /// The choice of validation rows.
    Split = 3,
}

/// The generator of `seed` for `purpose`.
pub fn generator(seed: u64, purpose: Purpose) -> Generator {
    let mut generator = Generator::seed_from_u64(seed);
    generator.set_stream(purpose as u64);
    generator
}
