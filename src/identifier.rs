//! Identifiers of what is made: UUIDs in the order of their making.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{ClockSequence, NoContext, Timestamp, Uuid};

/// A new identifier, a UUIDv7. A clock that stands before 1970 counts as 1970: the identifier is new all the same, and in
/// no order.
pub fn new_id() -> Uuid {
    if clock_is_set() { Uuid::now_v7() } else { Uuid::new_v7(Timestamp::from_unix(NoContext, 0, 0)) }
}

/// As [`new_id`], in the order that `context` keeps.
pub fn new_id_in(context: impl ClockSequence<Output = impl Into<u128>>) -> Uuid {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(context, now.as_secs(), now.subsec_nanos()))
}

/// Whether the system's clock stands after 1970: several libraries take it for granted.
pub fn clock_is_set() -> bool {
    is_set(SystemTime::now())
}

fn is_set(now: SystemTime) -> bool {
    now >= UNIX_EPOCH
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_before_1970_is_not_set() {
        assert!(is_set(UNIX_EPOCH) && is_set(SystemTime::now()));
        assert!(!is_set(UNIX_EPOCH - Duration::from_nanos(1)));
    }
}
