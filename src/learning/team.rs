//! Threads that work off the parts of a batch together.
//!
//! What is to be done is cut into parts by its size alone, never by the number of threads, and each part writes only
//! what is its own. So the threads may be many or one, and may change while a training runs: the bits are the same.

#![allow(unsafe_code)]

mod helper;
mod round;
mod sync;

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use helper::Helper;
use round::{MAX_PARTS, Round, Side};

/// Rows × parameters of work that is worth more than one thread: about 20 µs.
pub(super) const WIDE_WORK: usize = 500_000;
/// Most threads of a training: batches have no more parts.
const MAX_THREADS: usize = 16;

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
    /// thread, as from about `WIDE_WORK` on.
    pub fn each<T: Send>(&mut self, wide: bool, items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
        let (count, items) = (items.len(), Disjoint(items.as_mut_ptr()));
        // SAFETY: the index is below `count`, and `run` hands out each index once: no two borrows overlap.
        self.run(wide, count, &|index| work(index, unsafe { items.part(index..index + 1) }.first_mut().expect("one")));
    }

    /// Calls `work` once for each of `ranges`, with its index and that part of each of `buffers`. A buffer may be empty:
    /// so are its parts.
    ///
    /// # Panics
    /// If the ranges overlap, do not ascend, or go beyond a buffer.
    pub fn each_range<const N: usize>(
        &mut self,
        wide: bool,
        ranges: &[Range<usize>],
        buffers: [&mut [f32]; N],
        work: impl Fn(usize, [&mut [f32]; N]) + Sync,
    ) {
        let mut end = 0;
        for range in ranges {
            assert!(end <= range.start && range.start <= range.end, "ranges ascend");
            end = range.end;
        }
        let fits = |buffer: &&mut [f32]| buffer.is_empty() || end <= buffer.len();
        assert!(buffers.iter().all(fits), "ranges lie within the buffers");
        let buffers = buffers.map(|buffer| (buffer.is_empty(), Disjoint(buffer.as_mut_ptr())));
        self.run(wide, ranges.len(), &|index| {
            let parts = buffers.each_ref().map(|(empty, buffer)| {
                let range = if *empty { 0..0 } else { ranges[index].clone() };
                // SAFETY: the range lies within the buffer, ranges do not overlap, and `run` hands out each index once.
                unsafe { buffer.part(range) }
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
            let Some(helper) = Helper::start(self.round.clone(), self.helpers.len()) else { break };
            self.helpers.push(helper);
        }
        // SAFETY: `finish` is called before `work` goes out of scope, and nothing in between panics.
        unsafe { self.round.begin(count, threads - 1, work) };
        self.helpers.iter().take(threads - 1).for_each(Helper::wake);
        while self.round.work_once(Side::Front) {}
        if let Some(panic) = self.round.finish() {
            resume_unwind(panic);
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        if let Some(cores) = &self.cores {
            cores.trainings.fetch_sub(1, Ordering::Relaxed);
        }
        self.round.close();
        self.helpers.drain(..).for_each(Helper::end);
    }
}

/// A pointer to values of which each thread touches only its own.
struct Disjoint<T>(*mut T);

// SAFETY: whoever takes a part promises that no other thread has it.
unsafe impl<T: Send> Sync for Disjoint<T> {}

impl<T> Disjoint<T> {
    /// # Safety
    /// The range lies within what the pointer was made of, whose borrow is still held, and overlaps no part in use.
    #[allow(clippy::mut_from_ref)]
    unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        unsafe { std::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

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
    fn ranges_are_handed_out_with_all_their_buffers() {
        let mut team = Team::on(&Cores::new(2));
        let (mut a, mut b) = (vec![1.0f32; 10], vec![0.0f32; 10]);
        team.each_range(true, &[0..3, 3..4, 6..10], [&mut a, &mut b, &mut []], |index, [a, b, none]| {
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
