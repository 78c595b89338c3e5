//! How long work waits for a thread that answers, and the part of the requests that is answered so that it waits no longer.
//!
//! A queue that never runs empty makes every request wait for as long as the queue is, and no request is answered sooner for
//! it. So what counts is the least wait of a while: a burst passes, a standing queue is more work than can be done (Nichols
//! and Jacobson, "Controlling queue delay", 2012). While one stands, fewer requests are admitted, step by step; when it is
//! gone, more again. And a wait alone is no queue: on a machine that others use too, a thread waits for its turn though
//! nothing else is to be done. Requests that come at a rate λ and wait for W are λ·W at a time (Little 1961); that many have
//! to stand.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::turns::{ALL, Turns};
use crate::memory::Client;

/// The wait that is looked for.
const TARGET: Duration = Duration::from_millis(2);
/// Between two looks at it while requests come in, and while none do.
const LOOKS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));
/// Looks after which the least wait is judged.
const WHILE: u32 = 20;
/// Requests for each thread that stand when there is a queue.
const STANDING: f64 = 8.0;
/// However long the queue is, so many are admitted.
const LEAST: u32 = ALL / 64;

/// The pressure that requests put on the service. Cheap to clone: a handle.
#[derive(Clone, Debug)]
pub struct Pressure(Arc<State>);

#[derive(Debug)]
struct State {
    /// Of [`ALL`].
    admitted: AtomicU32,
    /// Whether a request came since the last look.
    busy: AtomicBool,
    /// Whose they are, while not all are admitted.
    turns: Mutex<Turns>,
}

impl Pressure {
    /// None.
    pub(super) fn new() -> Self {
        let (admitted, busy, turns) = (AtomicU32::new(ALL), AtomicBool::new(false), Mutex::default());
        Pressure(Arc::new(State { admitted, busy, turns }))
    }

    /// Whether one more request of `client` is admitted.
    pub fn admits(&self, client: Option<Client>) -> bool {
        // Read before it is written: the read alone keeps the cache line shared.
        if !self.0.busy.load(Ordering::Relaxed) {
            self.0.busy.store(true, Ordering::Relaxed);
        }
        let admitted = self.0.admitted.load(Ordering::Relaxed);
        admitted == ALL || self.turns().admit(client, admitted)
    }

    // A panic while the lock was held leaves counts that are off by one at most.
    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is no pressure: every request is admitted.
    pub fn is_off(&self) -> bool {
        self.0.admitted.load(Ordering::Relaxed) == ALL
    }

    /// The part of the requests that is admitted, 0 to 1.
    pub fn admitted(&self) -> f64 {
        f64::from(self.0.admitted.load(Ordering::Relaxed)) / f64::from(ALL)
    }

    /// Looks at how long work waits, for as long as `alive` says so; `answered` tells how many requests were answered so
    /// far, with one more for each that is refused.
    pub(super) async fn watch(self, alive: impl Fn() -> bool, answered: impl Fn() -> u64) {
        let threads = tokio::runtime::Handle::current().metrics().num_workers() as f64;
        while alive() {
            if !self.0.busy.swap(false, Ordering::Relaxed) && self.is_off() {
                tokio::time::sleep(LOOKS.1).await;
                continue;
            }
            let (began, before, mut least) = (Instant::now(), answered(), Duration::MAX);
            for _ in 0..WHILE {
                tokio::time::sleep(LOOKS.0).await;
                let since = Instant::now();
                tokio::task::yield_now().await;
                least = least.min(since.elapsed());
            }
            let rate = (answered() - before) as f64 / began.elapsed().as_secs_f64();
            let stand = rate * least.as_secs_f64() >= STANDING * threads;
            self.judge(if stand { least } else { Duration::ZERO });
        }
    }

    /// Admits fewer requests if work waited for `least` or longer all the while, more if it did not.
    fn judge(&self, least: Duration) {
        let now = self.0.admitted.load(Ordering::Relaxed);
        let next = match least {
            // The longer it waits, the fewer: what stands is to be worked off in about the same time.
            _ if least > 4 * TARGET => now / 2,
            _ if least > TARGET => now - now / 8,
            _ if least > TARGET / 2 => now,
            _ => now + now / 8 + ALL / 256,
        };
        let next = next.clamp(LEAST, ALL);
        self.turns().next(next);
        self.0.admitted.store(next, Ordering::Relaxed);
        match (now == ALL, next == ALL) {
            (true, false) => tracing::warn!(waited_ms = least.as_millis() as u64, "overload: some requests get 429"),
            (false, true) => tracing::info!("the overload is over"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(pressure: &Pressure) -> usize {
        (0..10_000).filter(|_| pressure.admits(None)).count()
    }

    #[test]
    fn a_standing_queue_lets_fewer_in_and_its_end_lets_all_in_again() {
        let pressure = Pressure::new();
        assert_eq!(admitted(&pressure), 10_000);
        pressure.judge(TARGET / 2 + Duration::from_micros(1));
        assert_eq!(admitted(&pressure), 10_000, "a short wait is none");
        pressure.judge(TARGET + Duration::from_micros(1));
        assert!((8_600..8_900).contains(&admitted(&pressure)), "{}", admitted(&pressure));
        (0..100).for_each(|_| pressure.judge(Duration::from_secs(1)));
        assert!((100..200).contains(&admitted(&pressure)), "some always get in: {}", admitted(&pressure));
        (0..40).for_each(|_| pressure.judge(Duration::ZERO));
        assert!(pressure.is_off() && admitted(&pressure) == 10_000);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn work_that_waits_is_seen() {
        let pressure = Pressure::new();
        let alive = Arc::new(());
        let of = Arc::downgrade(&alive);
        let done = Arc::new(AtomicU32::new(0));
        let answered = done.clone();
        let answered = move || u64::from(answered.load(Ordering::Relaxed));
        let watching = tokio::spawn(pressure.clone().watch(move || of.strong_count() > 0, answered));
        let until = Instant::now() + Duration::from_secs(20);
        let hogs: Vec<_> = (0..16)
            .map(|_| {
                let (pressure, done) = (pressure.clone(), done.clone());
                tokio::spawn(async move {
                    while pressure.admits(None) && Instant::now() < until {
                        std::thread::sleep(Duration::from_millis(1));
                        done.fetch_add(1, Ordering::Relaxed);
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for hog in hogs {
            hog.await.expect("a task");
        }
        assert!(!pressure.is_off());
        drop(alive);
        watching.await.expect("a task");
    }
}
