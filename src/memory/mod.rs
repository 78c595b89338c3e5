//! The memory of the process as one budget: its shares, what each request, job and model has taken of them, and how much
//! the machine gives.
//!
//! Everything that is made for a client is charged before it is allocated and given back when its bytes are gone. What is
//! charged is what is *made*, not what was sent: a small body can unpack to a large one, and a few bytes can call for many
//! rows.

pub mod behalf;
pub mod charge;
pub mod machine;
pub mod plan;
pub mod scope;
pub mod share;

pub use charge::{Charge, FOR_A_BYTE, FOR_ANY, Refused};
pub use plan::{Plan, Shares, Wanted};
pub use scope::{made, scope};
pub use share::{Client, Share, TIMES_FREE};
