//! Figures: times of repeated work, the machine they are of, and the lines that `benches/report.py` reads.

use std::time::{Duration, Instant};

use serde_json::json;

/// Times in seconds, shortest first.
pub struct Times(Vec<f64>);

impl Times {
    /// Of durations, of which there is at least one.
    pub fn of(durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut seconds: Vec<f64> = durations.into_iter().map(|time| time.as_secs_f64()).collect();
        seconds.sort_by(f64::total_cmp);
        Times(seconds)
    }

    /// Of `work`, repeated for about `time` and at least three times, after one time that does not count.
    pub fn repeat(time: Duration, mut work: impl FnMut()) -> Self {
        work();
        let begin = Instant::now();
        let mut all = Vec::new();
        while begin.elapsed() < time || all.len() < 3 {
            let start = Instant::now();
            work();
            all.push(start.elapsed());
        }
        Times::of(all)
    }

    /// The shortest.
    pub fn best(&self) -> f64 {
        self.0[0]
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }
}

/// A line for `benches/report.py`.
pub fn line(work: &str, threads: usize, unit: &str, times: &Times, score: Option<f64>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    json!({"peer": "epochd", "version": version, "threads": threads, "work": work, "unit": unit,
           "best": times.best(), "median": times.median(), "score": score})
    .to_string()
}

/// A line that also says how much of something there was.
#[allow(dead_code)]
pub fn with(line: String, name: &str, count: usize) -> String {
    let mut line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
    line[name] = count.into();
    line.to_string()
}

/// The machine and the date.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let threads = epochd::processors::available();
    format!("{model}, {threads} threads, {}", jiff::Timestamp::now().strftime("%d %b %Y"))
}
