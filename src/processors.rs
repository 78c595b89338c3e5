//! How many processors this process may use, and which of its threads go first where there is more to do than they can.

#![allow(unsafe_code)]

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// How long a thread for blocking work waits for more of it until it ends. Until then it keeps what others have freed of its
/// memory: after large uploads some 15 MiB.
pub const IDLE_THREADS: Duration = Duration::from_millis(200);

/// The processors that the system gives this process; 1 where it does not say.
pub fn available() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// What lets those threads go first that read requests and answer short ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patient {
    /// What takes long of a request. Under more load than can be done the requests that are refused are read all the same: had
    /// they to wait for this, all would wait.
    LongWork,
    /// Trainings, which let everything go first.
    Training,
}

impl Patient {
    /// By how much its threads are nicer than others. The lowest priority, 19, still gets some time of a busy processor: a
    /// training that got none would never end. At 5 a thread gets a third of what one has that it competes with.
    #[cfg(target_os = "linux")]
    fn nice(self) -> i32 {
        match self {
            Patient::LongWork => 5,
            Patient::Training => 19,
        }
    }
}

/// Makes the calling thread one of this kind. Where the system does not take it, it is as urgent as others: no harm done.
pub fn give_way(patient: Patient) {
    #[cfg(target_os = "linux")]
    linux::give_way(patient.nice());
    #[cfg(not(target_os = "linux"))]
    let _ = patient;
}

/// Threads for long work, which are begun when there is some and end when there is none.
#[derive(Debug)]
pub struct LongWorkThreads(Option<Runtime>);

impl LongWorkThreads {
    /// None yet.
    ///
    /// # Panics
    /// The system gives not even what it takes to begin none.
    pub fn new() -> Self {
        let mut threads = Builder::new_current_thread();
        threads
            .thread_name("long work")
            .thread_keep_alive(IDLE_THREADS)
            .on_thread_start(|| give_way(Patient::LongWork));
        LongWorkThreads(Some(threads.build().expect("a runtime without a driver can be built")))
    }

    /// Does `work` on one of them, within the runtime of the caller.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let caller = Handle::current();
        let threads = self.0.as_ref().expect("the threads are there until this is dropped");
        threads.spawn_blocking(move || {
            let _within = caller.enter();
            work()
        })
    }
}

impl Default for LongWorkThreads {
    fn default() -> Self {
        LongWorkThreads::new()
    }
}

impl Drop for LongWorkThreads {
    fn drop(&mut self) {
        // Without waiting for them, which no async thread may.
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

#[cfg(target_os = "linux")]
mod linux {
    /// For how long a thread may go on when a more urgent one has something to do, in nanoseconds. The kernel takes it from
    /// version 6.12 on; its default is some 3 ms, which a request then waits however low the priority is.
    const SLICE: u64 = 100_000;

    /// Of the calling thread alone, which in Linux has a priority of its own.
    pub fn give_way(by: i32) {
        let Ok(nice) = rustix::process::nice(by) else { return };
        let attributes = libc::sched_attr {
            size: size_of::<libc::sched_attr>() as u32,
            sched_policy: libc::SCHED_OTHER as u32,
            sched_flags: 0,
            sched_nice: nice,
            sched_priority: 0,
            sched_runtime: SLICE,
            sched_deadline: 0,
            sched_period: 0,
        };
        // SAFETY: the kernel reads `size` bytes of the attributes, and 0 is the calling thread.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    }

    #[cfg(test)]
    mod tests {
        use rustix::process::nice;

        use super::super::{LongWorkThreads, Patient, give_way};

        #[tokio::test]
        async fn long_work_comes_after_what_is_short_and_trainings_after_all() {
            let before = nice(0).expect("a priority");
            let training = std::thread::spawn(|| {
                give_way(Patient::Training);
                nice(0)
            });
            assert_eq!(training.join().expect("no panic"), Ok(19));
            let threads = LongWorkThreads::new();
            let within = || (nice(0), tokio::runtime::Handle::current().id());
            let (long, runtime) = threads.spawn(within).await.expect("no panic");
            assert_eq!(long, Ok((before + 5).min(19)));
            assert_eq!(runtime, tokio::runtime::Handle::current().id());
            assert_eq!(nice(0), Ok(before), "of those threads alone");
        }
    }
}
