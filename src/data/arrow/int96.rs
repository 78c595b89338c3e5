//! Times of 96 bits: a day and the nanoseconds of it, which the decoder adds up without a look at whether they fit.

use crate::data::error::DataError;

/// Nanoseconds of the day in eight bytes, and the day in four.
const BYTES: usize = 12;
/// The Julian day of 1970-01-01.
const EPOCH: i64 = 2_440_588;
const DAY_MICROSECONDS: i64 = 86_400_000_000;

/// Checks that times, written one after another, can be told in microseconds since 1970.
///
/// # Errors
/// `Unfit`: one cannot.
pub(super) fn check(times: &[u8]) -> Result<(), DataError> {
    let (times, _) = times.as_chunks::<BYTES>();
    if times.iter().all(|time| microseconds(time).is_some()) {
        return Ok(());
    }
    Err(DataError::unfit("a time is outside the years 0 to 9999"))
}

fn microseconds(time: &[u8; BYTES]) -> Option<i64> {
    let nanoseconds = i64::from_le_bytes(time[..8].try_into().expect("eight bytes"));
    let day = i32::from_le_bytes(time[8..].try_into().expect("four bytes"));
    (i64::from(day) - EPOCH).checked_mul(DAY_MICROSECONDS)?.checked_add(nanoseconds / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_does_not_fit_is_found() {
        let time = |day: i32| [[0; 8].as_slice(), &day.to_le_bytes()].concat().try_into().expect("twelve bytes");
        assert_eq!(microseconds(&time(2_440_589)), Some(DAY_MICROSECONDS));
        assert_eq!(microseconds(&time(5_373_484)), Some(253_402_214_400_000_000), "9999-12-31");
        assert_eq!(microseconds(&time(i32::MAX)), None);
        assert_eq!(microseconds(&time(i32::MIN)), None);
    }
}
