//! What the service holds at the moment of a scrape: memory, places, what is stored, caches, whether it is ready.

use prometheus::{Gauge, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::register::{counters, gauge, gauges, ratio};
use crate::memory::Shares;
use crate::workplaces::Occupancy;

/// Objects and bytes that are stored.
pub type StoredTotals = (u64, u64);

/// What the parts of the service say of themselves when they are asked for a scrape.
pub struct Snapshot<'a> {
    /// The memory.
    pub memory: &'a Shares,
    /// The part of the requests that is answered.
    pub admitted: f64,
    /// Bytes of files that belong to requests under way, and what they may take.
    pub scratch: (u64, u64),
    /// Bytes that the disk of the data folder has free, and all of them, where the system tells.
    pub disk: Option<(u64, u64)>,
    /// Whether the parts of the service work, by name.
    pub ready: &'a [(&'static str, bool)],
    /// Places that work waits for, by the pool that they are of.
    pub places: &'a [(&'static str, Occupancy)],
    /// Look-ups that found what they sought in memory, look-ups that did not, and what had to leave, by cache.
    pub caches: &'a [(&'static str, CacheUse)],
    /// What the catalog has; none where it does not answer: what it had before is told again.
    pub stored: Option<StoredState>,
    /// Objects and bytes that may be stored.
    pub stored_limit: StoredTotals,
    /// Whether whoever asks may know of all models.
    pub names_models: bool,
}

/// How a cache is used, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUse {
    /// Look-ups that found it in memory.
    pub hits: u64,
    /// Look-ups that went to the catalog or the blobs.
    pub misses: u64,
    /// What left memory to make room.
    pub evictions: u64,
}

/// What the catalog has.
pub struct StoredState {
    /// Objects and bytes.
    pub totals: StoredTotals,
    /// Models.
    pub models: u64,
    /// Jobs by state.
    pub jobs: Vec<(&'static str, u64)>,
}

/// The gauges of what is held.
pub(super) struct StateMeters {
    ready: IntGaugeVec,
    admitted: Gauge,
    /// Bytes that are taken, and that may be.
    scratch: [IntGauge; 2],
    /// Bytes that are free, and all.
    disk: [IntGauge; 2],
    models: IntGauge,
    /// Objects and bytes that are stored, and that may be.
    stored: [IntGauge; 2],
    stored_limit: [IntGauge; 2],
    /// Bytes charged to each share of the memory, and what it may hold.
    memory: [IntGaugeVec; 2],
    /// Bytes by share and by what holds them.
    held: IntGaugeVec,
    /// How many places a pool has, how many are taken, and how many wait for one.
    places: [IntGaugeVec; 3],
    lookups: IntCounterVec,
    evictions: IntCounterVec,
}

impl StateMeters {
    pub(super) fn new(registry: &Registry) -> Self {
        let of_pool = |name, help| gauges(registry, name, help, &["pool"]);
        let plain = |gauges: [(&str, &str); 2]| gauges.map(|(name, help)| gauge(registry, name, help));
        let of_share = |name, help| gauges(registry, name, help, &["share"]);
        StateMeters {
            ready: gauges(
                registry,
                "epochd_ready",
                "Whether a part of the service works, as /readyz says.",
                &["check"],
            ),
            admitted: ratio(
                registry,
                "epochd_admitted_ratio",
                "Part of the requests that is answered; the others get 429.",
            ),
            scratch: plain([
                ("epochd_scratch_bytes", "Disk taken by requests under way."),
                ("epochd_scratch_limit_bytes", "Disk that requests under way may take."),
            ]),
            disk: plain([
                ("epochd_disk_free_bytes", "What the disk of the data folder has free."),
                ("epochd_disk_size_bytes", "Size of the disk of the data folder."),
            ]),
            models: gauge(registry, "epochd_models", "Models in the registry."),
            stored: plain([
                ("epochd_stored_objects", "Data sets, models, versions and jobs that are stored."),
                ("epochd_stored_bytes", "Bytes of data sets, versions and histories that are stored."),
            ]),
            stored_limit: plain([
                ("epochd_stored_limit_objects", "Objects that may be stored."),
                ("epochd_stored_limit_bytes", "Bytes that may be stored."),
            ]),
            memory: [
                of_share("epochd_memory_used_bytes", "Memory charged to a share: what was made and is not gone."),
                of_share("epochd_memory_limit_bytes", "Memory that a share may hold."),
            ],
            held: gauges(
                registry,
                "epochd_memory_held_bytes",
                "Memory charged to a share, by what holds it.",
                &["share", "holder"],
            ),
            places: [
                of_pool("epochd_places", "Places for work of a kind: what may be under way at once."),
                of_pool("epochd_places_taken", "Places that are taken."),
                of_pool("epochd_places_waiting", "What waits for a place."),
            ],
            lookups: counters(
                registry,
                "epochd_cache_lookups_total",
                "Look-ups in a cache, by whether it had what was sought (hit) or not (miss).",
                &["cache", "result"],
            ),
            evictions: counters(
                registry,
                "epochd_cache_evictions_total",
                "What left a cache to make room.",
                &["cache"],
            ),
        }
    }

    pub(super) fn set(&self, now: &Snapshot) {
        now.ready.iter().for_each(|(check, works)| self.ready.with_label_values(&[check]).set(i64::from(*works)));
        self.admitted.set(now.admitted);
        set_both(&self.scratch, now.scratch);
        set_both(&self.stored_limit, now.stored_limit);
        now.disk.inspect(|disk| set_both(&self.disk, *disk));
        let [used, limit] = &self.memory;
        for share in now.memory.all() {
            used.with_label_values(&[share.name()]).set(signed(share.used()));
            limit.with_label_values(&[share.name()]).set(signed(share.limit()));
            for (holder, bytes) in share.held() {
                self.held.with_label_values(&[share.name(), holder]).set(signed(bytes));
            }
        }
        for (pool, Occupancy { places, taken, waiting }) in now.places {
            for (gauge, count) in self.places.iter().zip([Some(*places), Some(*taken), *waiting]) {
                count.inspect(|count| gauge.with_label_values(&[pool]).set(*count as i64));
            }
        }
        for (cache, CacheUse { hits, misses, evictions }) in now.caches {
            raise(&self.lookups, &[cache, "hit"], *hits);
            raise(&self.lookups, &[cache, "miss"], *misses);
            raise(&self.evictions, &[cache], *evictions);
        }
        if let Some(StoredState { totals, models, .. }) = &now.stored {
            self.models.set(signed(*models));
            set_both(&self.stored, *totals);
        }
    }
}

fn set_both(gauges: &[IntGauge; 2], (first, second): (u64, u64)) {
    gauges.iter().zip([first, second]).for_each(|(gauge, value)| gauge.set(signed(value)));
}

/// Brings a counter to what was counted elsewhere; of two scrapes at once the later one finds nothing to add.
fn raise(counters: &IntCounterVec, labels: &[&str], counted: u64) {
    let counter = counters.with_label_values(labels);
    counter.inc_by(counted.saturating_sub(counter.get()));
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
