//! When a delivery that failed is tried again: soon at first, then ever more rarely, for about a day.

use std::time::Duration;

/// Attempts of a delivery, the first included: 21 hours in all.
const MOST_ATTEMPTS: u64 = 18;
/// Seconds to the second attempt; each further wait is twice as long, up to the longest.
const FIRST: f64 = 1.0;
const LONGEST: f64 = 6.0 * 3600.0;
/// A wait is that much shorter or longer, by chance, so that not all come back at once.
const JITTER: f64 = 0.25;

/// How long to wait after so many attempts that all failed; `None` if it is to be given up. `chance` lies between 0 and 1.
pub(super) fn wait(attempts: u64, chance: f64) -> Option<Duration> {
    let doublings = attempts.saturating_sub(1).min(MOST_ATTEMPTS) as i32;
    let seconds = (FIRST * 2f64.powi(doublings)).min(LONGEST) * (1.0 - JITTER + 2.0 * JITTER * chance);
    (attempts < MOST_ATTEMPTS).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_last_about_a_day() {
        let waits: Vec<f64> = (1..).map_while(|attempts| wait(attempts, 0.5)).map(|wait| wait.as_secs_f64()).collect();
        assert_eq!(waits[..4], [1.0, 2.0, 4.0, 8.0]);
        assert_eq!((waits.len(), waits[16]), (17, 21_600.0));
        let hours = waits.iter().sum::<f64>() / 3600.0;
        assert!((20.0..26.0).contains(&hours), "{hours}");
    }

    #[test]
    fn chance_moves_a_wait_by_a_quarter_at_most() {
        let seconds = |chance| wait(3, chance).expect("not the last").as_secs_f64();
        assert_eq!([seconds(0.0), seconds(0.5), seconds(1.0)], [3.0, 4.0, 5.0]);
    }
}
