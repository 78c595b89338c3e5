//! A round of work: parts that several threads take, one by one, until none is left.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Looks for work before a helper goes to sleep: about 50 µs, longer than the pause between two batches.
const SPINS: u32 = 4_000;
/// Looks for the others' end, about 2 ms, before it is waited for in pauses: more than any share takes of a batch that is not
/// very large, and less than a time slice.
const WAIT_SPINS: u32 = 40_000;
const WAIT: Duration = Duration::from_micros(50);
/// Most parts of a round.
pub(super) const MAX_PARTS: usize = u16::MAX as usize;

/// Work under way: parts are taken one by one until none is left.
#[derive(Default)]
pub(super) struct Round {
    /// See [`State`].
    state: AtomicU64,
    /// Parts that are not done.
    open: AtomicUsize,
    /// Helpers that may take parts.
    admitted: AtomicUsize,
    work: UnsafeCell<Option<Work>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    over: AtomicBool,
}

/// Parts that nobody has taken, from `front` to before `back`, of the round of this number: a thread that comes late
/// cannot take a part of another round.
#[derive(Clone, Copy)]
struct State {
    round: u32,
    front: u16,
    back: u16,
}

impl State {
    fn of(bits: u64) -> Self {
        State { round: (bits >> 32) as u32, front: (bits >> 16) as u16, back: bits as u16 }
    }

    fn bits(self) -> u64 {
        u64::from(self.round) << 32 | u64::from(self.front) << 16 | u64::from(self.back)
    }

    /// Takes a part from one end: its index, and what is left.
    fn take(self, end: End) -> Option<(usize, State)> {
        let State { front, back, .. } = self;
        (front < back).then(|| match end {
            End::Front => (usize::from(front), State { front: front + 1, ..self }),
            End::Back => (usize::from(back - 1), State { back: back - 1, ..self }),
        })
    }
}

/// Where a thread takes its parts. The one that trains and its helpers begin at opposite ends, so that of two threads
/// each has about the same parts in every round, and their data in its cache.
#[derive(Clone, Copy)]
pub(super) enum End {
    Front,
    Back,
}

/// What to do with the index of a part, without the lifetime that [`Round::finish`] holds it to.
#[derive(Clone, Copy)]
struct Work(*const (dyn Fn(usize) + Sync));

// SAFETY: `work` is written only between rounds, and read only by threads that have taken a part of the round.
unsafe impl Send for Round {}
// SAFETY: as above; everything else is atomic or behind a lock.
unsafe impl Sync for Round {}

impl Round {
    /// # Safety
    /// [`Round::finish`] must be called before `work` ends. Only one thread begins and finishes rounds.
    pub(super) unsafe fn begin(&self, parts: usize, helpers: usize, work: &(dyn Fn(usize) + Sync)) {
        // SAFETY: no part is left to take, and all that were taken are done: nobody reads.
        unsafe {
            let work =
                std::mem::transmute::<*const (dyn Fn(usize) + Sync), *const (dyn Fn(usize) + Sync + 'static)>(work);
            *self.work.get() = Some(Work(work));
        }
        self.open.store(parts, Ordering::Relaxed);
        self.admitted.store(helpers, Ordering::Relaxed);
        let round = State::of(self.state.load(Ordering::Relaxed)).round.wrapping_add(1);
        self.state.store(State { round, front: 0, back: parts as u16 }.bits(), Ordering::SeqCst);
    }

    /// Takes a part and does it; false if none is left. A panic is kept for [`Round::finish`].
    pub(super) fn work_once(&self, end: End) -> bool {
        let take = |bits: u64| Some(State::of(bits).take(end)?.1.bits());
        let Ok(bits) = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, take) else { return false };
        let (index, _) = State::of(bits).take(end).expect("a part was taken");
        // SAFETY: this thread has taken a part, so the round goes on until `open` is counted down below.
        let work = unsafe { (*self.work.get()).map(|Work(work)| &*work) }.expect("a round has its work");
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(index))) {
            *self.panic.lock().expect("nothing panics under this lock") = Some(panic);
        }
        self.open.fetch_sub(1, Ordering::AcqRel);
        true
    }

    /// Waits until all parts are done; hands over a panic of one of them.
    pub(super) fn finish(&self) -> Option<Box<dyn Any + Send>> {
        let mut spins = 0;
        while self.open.load(Ordering::Acquire) > 0 {
            spins += 1;
            // One of the others has long work, or no processor: waiting for that is not to cost one.
            if spins < WAIT_SPINS { std::hint::spin_loop() } else { thread::sleep(WAIT) }
        }
        self.panic.lock().expect("nothing panics under this lock").take()
    }

    /// Ends [`Round::help`], once the helpers are awake.
    pub(super) fn close(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// What helper `number` does until the team is over.
    pub(super) fn help(&self, number: usize, asleep: &AtomicBool) {
        let mut idle = 0;
        while !self.over.load(Ordering::SeqCst) {
            let admitted = number < self.admitted.load(Ordering::Relaxed);
            if admitted && self.work_once(End::Back) {
                idle = 0;
            } else if idle < SPINS {
                idle += 1;
                std::hint::spin_loop();
            } else {
                asleep.store(true, Ordering::SeqCst);
                // Work that came before the flag was up wakes nobody, so it is looked for once more.
                let waiting = admitted && State::of(self.state.load(Ordering::SeqCst)).take(End::Back).is_some();
                if !waiting && !self.over.load(Ordering::SeqCst) {
                    thread::park();
                }
                asleep.store(false, Ordering::SeqCst);
                idle = 0;
            }
        }
    }
}
