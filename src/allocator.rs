//! The allocator of the process: mimalloc, which gives memory back to the system soon after it was given up.
//!
//! A request makes some fifty small allocations: glibc's allocator takes a tenth of a small prediction for them, and keeps
//! what large uploads took. `benches/README.md` has the figures. It is built without huge pages: a kilobyte that is touched
//! in two megabytes that were given back would take all of them again.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use libmimalloc_sys::{mi_collect, mi_free, mi_malloc, mi_malloc_aligned, mi_option_set};
use libmimalloc_sys::{mi_realloc, mi_realloc_aligned, mi_zalloc, mi_zalloc_aligned};

/// mimalloc aligns what it gives to so many bytes, or to its size where that is less, without being asked.
const ALIGNED: usize = 16;
/// mimalloc's option that says after how many milliseconds free memory goes back to the system (`mi_option_purge_delay` of
/// its header, which the crate does not name).
const PURGE_DELAY: c_int = 15;
/// How long mimalloc keeps free memory by itself: longer than until the next look.
const KEPT: Duration = Duration::from_secs(10);
/// How often all free memory is given back. At once would be too often: a buffer that every connection needs now and then
/// would be taken from the system each time, at 3 % of a prediction, and an upload would find none of the memory of the one
/// before. By itself mimalloc looks for it only while threads allocate, and through a part of it at a time: what the budget
/// calls free would still be taken of the container.
const LOOKS: Duration = Duration::from_millis(100);

/// Of so many looks one is for the system's allocator as well, whose memory SQLite takes: it is less, and looking takes longer.
const SYSTEM_LOOKS: u32 = 10;

/// Looks so far.
static LOOKED: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Looks so far, when this thread last looked through its own memory.
    static SEEN: Cell<u32> = const { Cell::new(0) };
}

/// mimalloc, asked for alignment only where it is more than usual: its path for that is twice as long.
pub struct Allocator;

fn is_usual(size: usize, layout: Layout) -> bool {
    layout.align() <= ALIGNED && layout.align() <= size
}

// SAFETY: each function does what its contract says by the one of mimalloc that has the same contract. All of mimalloc's
// pointers may be given to `mi_free`, `mi_realloc` and `mi_realloc_aligned`, whichever function made them.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size();
        let made = match is_usual(size, layout) {
            true => unsafe { mi_malloc(size) },
            false => unsafe { mi_malloc_aligned(size, layout.align()) },
        };
        made.cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let size = layout.size();
        let made = match is_usual(size, layout) {
            true => unsafe { mi_zalloc(size) },
            false => unsafe { mi_zalloc_aligned(size, layout.align()) },
        };
        made.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, _: Layout) {
        unsafe { mi_free(pointer.cast::<c_void>()) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let pointer = pointer.cast::<c_void>();
        let made = match is_usual(size, layout) {
            true => unsafe { mi_realloc(pointer, size) },
            false => unsafe { mi_realloc_aligned(pointer, size, layout.align()) },
        };
        made.cast()
    }
}

/// Has memory that is free go back to the system soon, whether the process is busy or not. Called before other threads are
/// started.
pub fn give_memory_back() {
    // Where the system makes huge pages of all memory unasked, it is told not to.
    // SAFETY: it sets a flag of the process; the kernel asks for zeros behind it.
    #[cfg(target_os = "linux")]
    unsafe {
        libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0);
    }
    // SAFETY: it sets a number, while no other thread is there.
    unsafe { mi_option_set(PURGE_DELAY, KEPT.as_millis() as _) }
    let look = || loop {
        std::thread::sleep(LOOKS);
        let looks = LOOKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: it may be called on any thread at any time.
        unsafe { mi_collect(true) }
        if looks.is_multiple_of(SYSTEM_LOOKS) {
            give_system_memory_back();
        }
    };
    std::thread::Builder::new().name("allocator".into()).spawn(look).expect("a thread can be started");
}

/// Has the system's allocator give back what is free. That of glibc would keep it for each thread that ever took some: after
/// data sets of thousands of columns that was 20 MiB.
fn give_system_memory_back() {
    // SAFETY: it may be called on any thread at any time.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Gives up what other threads have freed of this thread's memory, which only it can find; at most once between two looks.
/// For threads that are about to wait.
pub fn tidy_this_thread() {
    let looked = LOOKED.load(Ordering::Relaxed);
    if SEEN.replace(looked) != looked {
        // SAFETY: it may be called on any thread at any time.
        unsafe { mi_collect(false) }
    }
}
