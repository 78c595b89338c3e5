//! Threads that work off the parts of a batch together.
//!
//! What is to be done is cut into parts by its size alone, never by the number of threads, and each part writes only
//! what is its own. So the threads may be many or one, and may change while a training runs: the bits are the same.

#![allow(unsafe_code)]

use std::any::Any;
use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

/// Rows × parameters of work that is worth more than one thread: about 20 µs.
pub(super) const WIDE_WORK: usize = 500_000;
/// Looks for work before a helper goes to sleep: about 50 µs, longer than the pause between two batches.
const SPINS: u32 = 4_000;
/// Looks for the others' end before the processor is offered to another thread.
const WAIT_SPINS: u32 = 10_000;
/// Most threads of a training: batches have no more parts.
const MAX_THREADS: usize = 16;
/// Most parts of a round.
const MAX_PARTS: usize = u16::MAX as usize;

/// Processors that trainings share: each gets an equal share of them, at least one.
#[derive(Debug)]
pub struct Cores {
    total: usize,
    trainings: AtomicUsize,
}

impl Cores {
    /// `total` processors, at least one.
    pub fn new(total: usize) -> Arc<Self> {
        Arc::new(Cores { total: total.max(1), trainings: AtomicUsize::new(0) })
    }

    /// Threads that one training may use now.
    fn share(&self) -> usize {
        let trainings = self.trainings.load(Ordering::Relaxed).max(1);
        (self.total / trainings).clamp(1, MAX_THREADS)
    }
}

/// The threads of one training: the one that trains, and helpers. They are started when there is work for them.
#[derive(Default)]
pub struct Team {
    cores: Option<Arc<Cores>>,
    round: Arc<Round>,
    helpers: Vec<Helper>,
}

/// A thread that helps.
struct Helper {
    thread: JoinHandle<()>,
    asleep: Arc<AtomicBool>,
}

impl Team {
    /// The calling thread alone.
    pub fn alone() -> Self {
        Team::default()
    }

    /// Whether there are no cores to share.
    pub(super) fn is_alone(&self) -> bool {
        self.cores.is_none()
    }

    /// A training's share of `cores`.
    pub fn on(cores: &Arc<Cores>) -> Self {
        cores.trainings.fetch_add(1, Ordering::Relaxed);
        let mut team = Team::default();
        team.cores = Some(cores.clone());
        team
    }

    /// Calls `work` once for each of `items`, with its index. `wide` says whether the work is worth more than one
    /// thread: from about 10 µs on.
    pub fn each<T: Send>(&mut self, wide: bool, items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
        let (count, items) = (items.len(), Shared(items.as_mut_ptr()));
        // SAFETY: the index is below `count`, and `run` hands out each index once: no two borrows overlap.
        self.run(wide, count, &|index| work(index, unsafe { items.part(index..index + 1) }.first_mut().expect("one")));
    }

    /// Calls `work` once for each of `cuts`, with its index and that part of each of `buffers`. A buffer may be empty:
    /// so are its parts.
    ///
    /// # Panics
    /// If the cuts overlap, do not ascend, or go beyond a buffer.
    pub fn each_cut<const N: usize>(
        &mut self,
        wide: bool,
        cuts: &[Range<usize>],
        buffers: [&mut [f32]; N],
        work: impl Fn(usize, [&mut [f32]; N]) + Sync,
    ) {
        let mut end = 0;
        for cut in cuts {
            assert!(end <= cut.start && cut.start <= cut.end, "cuts ascend");
            end = cut.end;
        }
        let fits = |buffer: &&mut [f32]| buffer.is_empty() || end <= buffer.len();
        assert!(buffers.iter().all(fits), "cuts lie within the buffers");
        let buffers = buffers.map(|buffer| (buffer.is_empty(), Shared(buffer.as_mut_ptr())));
        self.run(wide, cuts.len(), &|index| {
            let parts = buffers.each_ref().map(|(empty, buffer)| {
                let cut = if *empty { 0..0 } else { cuts[index].clone() };
                // SAFETY: the cut lies within the buffer, cuts do not overlap, and `run` hands out each index once.
                unsafe { buffer.part(cut) }
            });
            work(index, parts);
        });
    }

    /// Calls `work` once with each index below `count`, and returns when all calls have.
    fn run(&mut self, wide: bool, count: usize, work: &(dyn Fn(usize) + Sync)) {
        let threads = self.cores.as_ref().filter(|_| wide).map_or(1, |cores| cores.share().min(count));
        if threads < 2 || count > MAX_PARTS {
            (0..count).for_each(work);
            return;
        }
        while self.helpers.len() < threads - 1 {
            let Some(helper) = self.start_helper() else { break };
            self.helpers.push(helper);
        }
        // SAFETY: `finish` is called before `work` goes out of scope, and nothing in between panics.
        unsafe { self.round.begin(count, threads - 1, work) };
        for helper in &self.helpers[..self.helpers.len().min(threads - 1)] {
            if helper.asleep.swap(false, Ordering::SeqCst) {
                helper.thread.thread().unpark();
            }
        }
        while self.round.work_once(End::Front) {}
        if let Some(panic) = self.round.finish() {
            resume_unwind(panic);
        }
    }

    /// Starts a helper; `None` where the system gives no more threads.
    fn start_helper(&self) -> Option<Helper> {
        let (asleep, round, number) = (Arc::new(AtomicBool::new(false)), self.round.clone(), self.helpers.len());
        let flag = asleep.clone();
        // It has the priority of the thread that trains.
        let thread = thread::Builder::new().name("training".into()).spawn(move || round.help(number, &flag));
        Some(Helper { thread: thread.ok()?, asleep })
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        if let Some(cores) = &self.cores {
            cores.trainings.fetch_sub(1, Ordering::Relaxed);
        }
        self.round.over.store(true, Ordering::SeqCst);
        for Helper { thread, .. } in self.helpers.drain(..) {
            thread.thread().unpark();
            // A helper's panics were handed on when they happened.
            let _ = thread.join();
        }
    }
}

/// Lets threads that answer requests go before this one.
pub fn lower_priority() {
    // On Linux, the priority of the calling thread alone. Without it, training is as urgent as serving: no harm done.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(10);
}

/// A pointer to values of which each thread touches only its own.
struct Shared<T>(*mut T);

// SAFETY: whoever takes a part promises that no other thread has it.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// # Safety
    /// The range lies within what the pointer was made of, whose borrow is still held, and overlaps no part in use.
    #[allow(clippy::mut_from_ref)]
    unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        unsafe { std::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}

/// Work under way: parts are taken one by one until none is left.
#[derive(Default)]
struct Round {
    /// See [`State`].
    state: AtomicU64,
    /// Parts that are not done.
    open: AtomicUsize,
    /// Helpers that may take parts.
    admitted: AtomicUsize,
    work: UnsafeCell<Option<Work>>,
    panic: std::sync::Mutex<Option<Box<dyn Any + Send>>>,
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
enum End {
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
    unsafe fn begin(&self, parts: usize, helpers: usize, work: &(dyn Fn(usize) + Sync)) {
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
    fn work_once(&self, end: End) -> bool {
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
    fn finish(&self) -> Option<Box<dyn Any + Send>> {
        let mut spins = 0;
        while self.open.load(Ordering::Acquire) > 0 {
            spins += 1;
            if spins < WAIT_SPINS { std::hint::spin_loop() } else { thread::yield_now() }
        }
        self.panic.lock().expect("nothing panics under this lock").take()
    }

    /// What helper `number` does until the team is over.
    fn help(&self, number: usize, asleep: &AtomicBool) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once_whatever_the_threads() {
        for threads in [1, 2, 3, 8] {
            let mut team = Team::on(&Cores::new(threads));
            for round in 0..3_000 {
                let mut items = vec![0usize; 1 + round % 17];
                team.each(true, &mut items, |index, item| *item += index + 1);
                assert!(items.iter().enumerate().all(|(index, item)| *item == index + 1));
            }
        }
    }

    #[test]
    fn cuts_are_handed_out_with_all_their_buffers() {
        let mut team = Team::on(&Cores::new(2));
        let (mut a, mut b) = (vec![1.0f32; 10], vec![0.0f32; 10]);
        team.each_cut(true, &[0..3, 3..4, 6..10], [&mut a, &mut b, &mut []], |index, [a, b, none]| {
            assert!(none.is_empty());
            a.iter_mut().zip(b).for_each(|(a, b)| (*a, *b) = (0.0, index as f32 + *a));
        });
        assert_eq!(a, [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(b, [1.0, 1.0, 1.0, 2.0, 0.0, 0.0, 3.0, 3.0, 3.0, 3.0]);
    }

    #[test]
    fn a_panic_is_handed_on_and_the_team_works_on() {
        let mut team = Team::on(&Cores::new(2));
        for _ in 0..200 {
            let mut items = [0; 5];
            let panicking = catch_unwind(AssertUnwindSafe(|| {
                team.each(true, &mut items, |index, _| assert!(index != 3, "three"));
            }));
            assert!(panicking.is_err());
            team.each(true, &mut items, |_, item| *item = 1);
            assert_eq!(items, [1; 5]);
        }
    }

    #[test]
    fn trainings_share_the_processors() {
        let cores = Cores::new(8);
        let first = Team::on(&cores);
        assert_eq!(cores.share(), 8);
        let second = Team::on(&cores);
        let _third = Team::on(&cores);
        assert_eq!(cores.share(), 2);
        drop((first, second));
        assert_eq!(cores.share(), 8);
    }
}
