//! Linear regression, solved exactly: ridge regression over what a network without hidden layers sees.
//!
//! A network of one layer with the squared error has one best set of parameters, which needs no steps: it solves a system of linear
//! equations. With a penalty on squared weights it is there for any rows (Hoerl & Kennard 1970, "Ridge Regression: Biased Estimation for
//! Nonorthogonal Problems"):
//!
//! minimise (1/Σw) Σ w·(y − b − x·β)² + λ Σ (sⱼ·βⱼ)²,
//!
//! where sⱼ is the deviation of a plain column, and 1 of a code: what few rows have is drawn to 0 before what all have.
//!
//! Other losses of a number take some such regressions, one after the other ([`reweighted()`]).
//!
//! ```
//! use epochd::learning::linear::{Moments, Row};
//!
//! // y = 1 + 2x over three rows.
//! let mut moments = Moments::of_columns(2, 2);
//! for x in [0.0, 1.0, 2.0] {
//!     moments.add(&Row { dense: vec![1.0, x], sparse: vec![] }, 1.0 + 2.0 * x, 1.0);
//! }
//! let found = moments.equations().solve(0.0).expect("x varies");
//! assert!((found[0] - 1.0).abs() < 1e-12 && (found[1] - 2.0).abs() < 1e-12);
//! ```

mod design;
mod reweighted;
mod ridge;

pub use design::Design;
pub use reweighted::{MOST_STEPS, loss_of, reweighted};
pub use ridge::{Equations, Moments, Row};
