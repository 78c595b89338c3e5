//! A round of work: parts that several threads take, one by one, until none is left.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::sync::{AtomicBool, AtomicU64, AtomicUsize, Cell, Mutex, Ordering, fence};
use super::sync::{SPINS, WAIT_SPINS, park, spin_loop, wait};

/// Most parts of a round.
pub(super) const MAX_PARTS: usize = u16::MAX as usize;

/// Work under way: parts are taken one by one until none is left.
#[derive(Default)]
pub(super) struct Round {
    /// The bits of [`Untaken`].
    state: AtomicU64,
    /// Parts that are not done.
    open: AtomicUsize,
    /// Helpers that may take parts.
    admitted: AtomicUsize,
    work: Cell<Option<Call>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    over: AtomicBool,
}

/// Parts that nobody has taken, from `front` to before `back`, of the round of this number: a thread that comes late
/// cannot take a part of another round.
#[derive(Clone, Copy)]
struct Untaken {
    round: u32,
    front: u16,
    back: u16,
}

impl Untaken {
    fn of(bits: u64) -> Self {
        Untaken { round: (bits >> 32) as u32, front: (bits >> 16) as u16, back: bits as u16 }
    }

    fn bits(self) -> u64 {
        u64::from(self.round) << 32 | u64::from(self.front) << 16 | u64::from(self.back)
    }

    /// Takes a part from one end: its index, and what is left.
    fn take(self, side: Side) -> Option<(usize, Untaken)> {
        let Untaken { front, back, .. } = self;
        (front < back).then(|| match side {
            Side::Front => (usize::from(front), Untaken { front: front + 1, ..self }),
            Side::Back => (usize::from(back - 1), Untaken { back: back - 1, ..self }),
        })
    }
}

/// Where a thread takes its parts. The one that trains and its helpers begin at opposite ends, so that of two threads
/// each has about the same parts in every round, and their data in its cache.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Front,
    Back,
}

/// What is called with the index of each part. Its lifetime is left out: [`Round::finish`] returns before it ends.
#[derive(Clone, Copy)]
struct Call(*const (dyn Fn(usize) + Sync));

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
            self.work.write(Some(Call(work)));
        }
        self.open.store(parts, Ordering::Relaxed);
        self.admitted.store(helpers, Ordering::Relaxed);
        let round = Untaken::of(self.state.load(Ordering::Relaxed)).round.wrapping_add(1);
        self.state.store(Untaken { round, front: 0, back: parts as u16 }.bits(), Ordering::Release);
        // Before it is looked at who sleeps: see `help`.
        fence(Ordering::SeqCst);
    }

    /// Takes a part and does it; false if none is left. A panic is kept for [`Round::finish`].
    pub(super) fn work_once(&self, side: Side) -> bool {
        let take = |bits: u64| Some(Untaken::of(bits).take(side)?.1.bits());
        let Ok(bits) = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, take) else { return false };
        let (index, _) = Untaken::of(bits).take(side).expect("a part was taken");
        // SAFETY: this thread has taken a part, so the round goes on until `open` is counted down below.
        let Call(work) = unsafe { self.work.read(|work| *work) }.expect("a round has its work");
        // SAFETY: as above.
        let work = unsafe { &*work };
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
            if spins < WAIT_SPINS { spin_loop() } else { wait() }
        }
        self.panic.lock().expect("nothing panics under this lock").take()
    }

    /// Ends [`Round::help`], once the helpers are awake.
    pub(super) fn close(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// What helper `number` does until the team is over.
    pub(super) fn help(&self, number: usize, asleep: &AtomicBool) {
        let mut idle = 0;
        while !self.over.load(Ordering::Acquire) {
            let admitted = number < self.admitted.load(Ordering::Relaxed);
            if admitted && self.work_once(Side::Back) {
                idle = 0;
            } else if idle < SPINS {
                idle += 1;
                spin_loop();
            } else {
                asleep.store(true, Ordering::Release);
                // Work that came before the flag was up wakes nobody, so it is looked for once more. Of this thread and the one
                // that begins the round, one at least sees what the other has written before its fence.
                fence(Ordering::SeqCst);
                let untaken = || Untaken::of(self.state.load(Ordering::Acquire)).take(Side::Back).is_some();
                let waiting = number < self.admitted.load(Ordering::Relaxed) && untaken();
                if !waiting && !self.over.load(Ordering::Acquire) {
                    park();
                }
                asleep.store(false, Ordering::Release);
                idle = 0;
            }
        }
    }
}
