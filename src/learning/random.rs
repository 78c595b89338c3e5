//! Seeded random generators: ChaCha with 8 rounds, one stream for each purpose.
//!
//! Streams of one seed are independent, so that drawing more of one thing (say, dropout masks) never changes
//! another (the order of the rows), and the same seed gives the same run on any machine.

use rand::SeedableRng;
pub use rand_chacha::ChaCha8Rng as Generator;
use serde::{Deserialize, Serialize};

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
    /// The orders in which a feature's values are shuffled to learn its importance.
    Importance = 4,
    /// The orders in which a row's features are looked at to explain an answer.
    Explanation = 5,
    /// The seeds of networks that learn side by side.
    Members = 6,
    /// The settings of candidates that a training chooses from.
    Candidates = 7,
}

/// The generator of `seed` for `purpose`.
pub fn generator(seed: u64, purpose: Purpose) -> Generator {
    let mut generator = Generator::seed_from_u64(seed);
    generator.set_stream(purpose as u64);
    generator
}

/// Where in its stream a generator stands: words drawn, of 128 bits, which not every format can write as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    high: u64,
    low: u64,
}

impl Position {
    /// Where `generator` stands.
    pub fn of(generator: &Generator) -> Self {
        let words = generator.get_word_pos();
        Position { high: (words >> 64) as u64, low: words as u64 }
    }

    /// Sets `generator`, of the same seed and purpose, to this position.
    pub fn restore(self, generator: &mut Generator) {
        generator.set_word_pos(u128::from(self.high) << 64 | u128::from(self.low));
    }
}
