//! Initial parameters of a layer.
//!
//! Variances follow Glorot & Bengio 2010, He et al. 2015 and LeCun et al. 1998, as PyTorch and Keras define them;
//! the normal forms are not truncated. Biases start at zero.
//!
//! ```
//! use epochd::learning::init::Initializer;
//! use epochd::learning::random::{Purpose, generator};
//!
//! // U(−r, r) with r = √(6 / (2 + 4)) = 1, the same for the same seed.
//! let draw = |seed| {
//!     let mut weights = [0.0; 2 * 4];
//!     Initializer::GlorotUniform.fill(&mut weights, 2, 4, &mut generator(seed, Purpose::Parameters));
//!     weights
//! };
//! assert!(draw(1).iter().all(|w| w.abs() <= 1.0));
//! assert_eq!(draw(1), draw(1));
//! assert_ne!(draw(1), draw(2));
//! ```

use rand_distr::{Distribution, StandardNormal, Uniform};
use serde::{Deserialize, Serialize};

use super::random::Generator;

/// How the weights of a layer are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initializer {
    /// U(−r, r) with r = √(6 / (inputs + outputs))
    #[default]
    GlorotUniform,
    /// N(0, 2 / (inputs + outputs))
    GlorotNormal,
    /// U(−r, r) with r = √(6 / inputs)
    HeUniform,
    /// N(0, 2 / inputs)
    HeNormal,
    /// N(0, 1 / inputs)
    LecunNormal,
    /// N(0, 1)
    Normal,
    /// All zero: every unit of a layer stays alike. For teaching, and for linear models.
    Zeros,
}

impl Initializer {
    /// Fills the weights of a layer.
    ///
    /// # Shapes
    /// `weights` is inputs × outputs, row-major.
    pub fn fill(self, weights: &mut [f32], inputs: usize, outputs: usize, generator: &mut Generator) {
        let (fan_in, fan_out) = (inputs as f32, outputs as f32);
        match self {
            Initializer::GlorotUniform => uniform(weights, (6.0 / (fan_in + fan_out)).sqrt(), generator),
            Initializer::GlorotNormal => normal(weights, (2.0 / (fan_in + fan_out)).sqrt(), generator),
            Initializer::HeUniform => uniform(weights, (6.0 / fan_in).sqrt(), generator),
            Initializer::HeNormal => normal(weights, (2.0 / fan_in).sqrt(), generator),
            Initializer::LecunNormal => normal(weights, (1.0 / fan_in).sqrt(), generator),
            Initializer::Normal => normal(weights, 1.0, generator),
            Initializer::Zeros => weights.fill(0.0),
        }
    }
}

fn uniform(weights: &mut [f32], bound: f32, generator: &mut Generator) {
    let distribution = Uniform::new(-bound, bound).expect("the bound is positive and finite");
    weights.iter_mut().for_each(|w| *w = distribution.sample(generator));
}

fn normal(weights: &mut [f32], deviation: f32, generator: &mut Generator) {
    for w in weights {
        let draw: f32 = StandardNormal.sample(generator);
        *w = deviation * draw;
    }
}
