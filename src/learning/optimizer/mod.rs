//! Optimizers: how a gradient becomes a step.
//!
//! Formulas and defaults are PyTorch's (`torch.optim`). State lives in flat buffers parallel to the parameters.
//!
//! ```
//! use epochd::learning::optimizer::{Optimizer, OptimizerState, ParameterGroup, Step};
//!
//! // Two steps of momentum along the gradient 1: v = 1, then ½·1 + 1 = 1.5; w = 0 − 0.1·1, then − 0.1·1.5 more.
//! let group = ParameterGroup { range: 0..1, learning_rate_factor: 1.0, decay_factor: 1.0 };
//! let step = Step { learning_rate: 0.1, momentum: None, gradient_scale: 1.0, l1: 0.0, weight_decay: 0.0 };
//! let mut state = OptimizerState::new(Optimizer::Momentum { momentum: 0.5 }, 1);
//! let mut weights = [0.0];
//! state.step(&mut weights, &[1.0], std::slice::from_ref(&group), &step);
//! assert_eq!(weights, [-0.1]);
//! state.step(&mut weights, &[1.0], &[group], &step);
//! assert_eq!(weights, [-0.25]);
//! ```

mod settings;
mod state;
mod step;

pub use settings::Optimizer;
pub use state::OptimizerState;
pub use step::{ParameterGroup, Step};
