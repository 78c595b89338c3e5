//! Learning rate schedules. Definitions and defaults are those of `torch.optim.lr_scheduler`.
//!
//! ```
//! use epochd::learning::schedule::{Schedule, ScheduleState};
//!
//! // η₀ = 0.8, halved every 10 epochs.
//! let schedule = ScheduleState::new(Schedule::Step { step_size: 10, gamma: 0.5 }, 0.8, 100, 1);
//! let rate = |epoch| schedule.rates(epoch, 0).learning_rate;
//! assert_eq!([rate(0), rate(9), rate(10), rate(25)], [0.8, 0.8, 0.4, 0.2]);
//! ```

mod definition;
mod state;
mod waves;

pub use definition::Schedule;
pub use state::{Plateau, Rates, ScheduleState};
pub use waves::Brought;
