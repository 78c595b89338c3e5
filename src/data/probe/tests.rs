//! The probe on generated tables of which it is known whether their rows depend on each other.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::data::column::{Column, ColumnType, Table, Values, Words};
use crate::data::encoder::Task;
use crate::data::profile::{ColumnProfile, TableProfile};
use crate::data::split::content::row_hashes;

const HOUR: i64 = 3_600_000_000;

/// A table that is made column by column.
struct Made {
    random: ChaCha8Rng,
    rows: usize,
    columns: Vec<Column>,
}

impl Made {
    fn new(seed: u64, rows: usize) -> Self {
        Made { random: ChaCha8Rng::seed_from_u64(seed), rows, columns: Vec::new() }
    }

    fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.random)
    }

    fn noise(&mut self) -> Vec<f64> {
        (0..self.rows).map(|_| self.normal()).collect()
    }

    /// x₀, x₁ = φ x₀ + √(1 − φ²) ε, …: of variance 1, and alike for about 1 / (1 − φ) rows.
    fn slow(&mut self, phi: f64) -> Vec<f64> {
        let (rows, mut x) = (self.rows, self.normal());
        let next = |_| {
            x = phi * x + (1.0 - phi * phi).sqrt() * self.normal();
            x
        };
        (0..rows).map(next).collect()
    }

    fn numbers(&mut self, name: &str, values: Vec<f64>) {
        self.columns.push(Column { name: name.into(), kind: ColumnType::Numeric, values: Values::Numeric(values) });
    }

    fn times(&mut self, name: &str, times: impl Iterator<Item = i64>) {
        let values = Values::Datetime(times.map(Some).collect());
        self.columns.push(Column { name: name.into(), kind: ColumnType::Datetime, values });
    }

    fn words(&mut self, name: &str, codes: Vec<u32>) {
        let most = codes.iter().max().map_or(0, |most| most + 1);
        let words = Words { codes, words: (0..most).map(|code| format!("w{code}")).collect() };
        self.columns.push(Column { name: name.into(), kind: ColumnType::Categorical, values: Values::Words(words) });
    }

    fn labels(&mut self, scores: &[f64]) {
        let codes = scores.iter().map(|score| u32::from(*score > 0.0) + u32::from(*score > 1.0)).collect();
        self.words("y", codes);
    }

    fn shuffled(mut self) -> Self {
        let mut order: Vec<usize> = (0..self.rows).collect();
        order.shuffle(&mut self.random);
        for column in &mut self.columns {
            match &mut column.values {
                Values::Numeric(values) => *values = order.iter().map(|row| values[*row]).collect(),
                Values::Datetime(values) => *values = order.iter().map(|row| values[*row]).collect(),
                Values::Words(words) => words.codes = order.iter().map(|row| words.codes[*row]).collect(),
                Values::Boolean(values) => *values = order.iter().map(|row| values[*row]).collect(),
            }
        }
        self
    }

    /// What the probe says; columns named `beside…` are not learned from.
    fn probe(self) -> Option<Dependence> {
        let (beside, columns): (Vec<_>, Vec<_>) =
            self.columns.into_iter().partition(|column| column.name.starts_with("beside"));
        let table = Table { columns, rows: self.rows };
        let beside = Table { columns: beside, rows: self.rows };
        let answer = table.column("y").expect("a target");
        let task = if answer.kind == ColumnType::Numeric { Task::Regression } else { Task::Classification };
        let rows: Vec<usize> = (0..self.rows).collect();
        let hashes = row_hashes(table.columns.iter(), &rows, 1);
        let profile = TableProfile {
            rows: self.rows as u64,
            columns: table.columns.iter().chain(&beside.columns).map(profile).collect(),
            findings: Vec::new(),
        };
        let (times, keys) = (time_columns(&profile), key_columns(&profile, "y"));
        let rows = Rows { table: &table, beside: &beside, answer, task, rows: &rows, hashes: &hashes, seed: 1 };
        dependence(&rows, &times, &keys, &|| true).expect("nobody stops it")
    }
}

fn profile(column: &Column) -> ColumnProfile {
    let values: std::collections::HashSet<_> = (0..column.values.len()).map(|row| column.values.text(row)).collect();
    let profile = serde_json::json!({
        "name": column.name, "type": column.kind, "missing": 0, "distinct": values.len(),
        "min": null, "max": null, "mean": null, "std": null, "top": [],
    });
    serde_json::from_value(profile).expect("a profile")
}

/// A table whose rows have nothing to do with each other, of one of many kinds.
fn independent(seed: u64) -> Made {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let rows = [100, 150, 300, 700, 1500, 4000][random.random_range(0..6)];
    let mut made = Made::new(seed, rows);
    let features = random.random_range(1..8);
    let noise = [0.02, 0.3, 1.0, 3.0][random.random_range(0..4)];
    let mut y = vec![0.0; rows];
    for feature in 0..features {
        let x = made.noise();
        let kind = random.random_range(0..4);
        let add = |x: f64| match kind {
            0 => x,
            1 => (3.0 * x).sin(),
            2 => x * x,
            _ => x.exp().min(20.0),
        };
        y.iter_mut().zip(&x).for_each(|(y, x)| *y += add(*x));
        made.numbers(&format!("x{feature}"), x);
    }
    if random.random_bool(0.5) {
        let levels = [2, 5, 12][random.random_range(0..3)];
        let codes: Vec<u32> = (0..rows).map(|_| random.random_range(0..levels)).collect();
        y.iter_mut().zip(&codes).for_each(|(y, code)| *y += f64::from(code % 4));
        made.words("kind", codes);
    }
    if random.random_bool(0.5) {
        // Names that have nothing to do with the answer.
        let codes = (0..rows).map(|_| random.random_range(0..(rows as u32 / 8).max(20))).collect();
        made.words("who", codes);
    }
    if random.random_bool(0.5) {
        let times: Vec<i64> = (0..rows).map(|_| random.random_range(0..50_000) * HOUR).collect();
        if random.random_bool(0.5) {
            y.iter_mut().zip(&times).for_each(|(y, at)| *y += (((at / HOUR) % 24) as f64 / 4.0).sin());
        }
        made.times("at", times.into_iter());
    }
    let heavy = random.random_bool(0.2);
    for y in &mut y {
        let draw = made.normal();
        *y += noise * if heavy { draw.powi(3) } else { draw };
    }
    match random.random_bool(0.4) {
        true => made.labels(&y),
        false => made.numbers("y", y),
    }
    made.shuffled()
}

/// Readings of a slow process; with `at`, its features tell when they were taken.
fn series(seed: u64, rows: usize, phi: f64, with_time: bool) -> Made {
    let mut made = Made::new(seed, rows);
    if with_time {
        made.times("at", (0..rows as i64).map(|row| row * HOUR));
    }
    for name in ["a", "b", "c"] {
        let x = made.slow(phi);
        made.numbers(name, x);
    }
    let (slow, noise) = (made.slow(phi), made.noise());
    made.numbers("y", slow.iter().zip(noise).map(|(slow, noise)| slow + 0.2 * noise).collect());
    made
}

/// Rows of patients, each with an age and a size of its own and a level of its own; `named`: a column says who it is.
fn patients(seed: u64, rows: usize, each: usize, named: &str) -> Made {
    let mut made = Made::new(seed, rows);
    let count = rows / each;
    let who: Vec<usize> = (0..rows).map(|row| row / each).collect();
    let of_patients = |made: &mut Made| {
        let values: Vec<f64> = (0..count + 1).map(|_| made.normal()).collect();
        who.iter().map(|patient| values[*patient]).collect::<Vec<_>>()
    };
    let (age, size, level) = (of_patients(&mut made), of_patients(&mut made), of_patients(&mut made));
    let (x, noise) = (made.noise(), made.noise());
    let y = (0..rows).map(|row| level[row] + 0.5 * x[row] + 0.3 * noise[row]).collect();
    if named != "named" {
        made.numbers("age", age);
        made.numbers("size", size);
    }
    made.numbers("x", x);
    made.words(if named == "beside" { "beside who" } else { "who" }, who.iter().map(|who| *who as u32).collect());
    made.numbers("y", y);
    made
}

fn false_findings(seeds: std::ops::Range<u64>) -> Vec<(u64, Dependence)> {
    seeds.filter_map(|seed| independent(seed).probe().map(|found| (seed, found))).collect()
}

#[test]
fn shuffled_tables_hardly_ever_have_the_finding() {
    let found = false_findings(0..100);
    assert!(found.len() <= 2, "{found:?}");
}

/// The same of ten times as many: `cargo test --release --lib probe -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn a_thousand_shuffled_tables() {
    let found = false_findings(100..1100);
    println!("{} of 1000: {found:?}", found.len());
    assert!(found.len() <= 20);
}

#[test]
fn a_slow_series_depends_on_time_or_order() {
    for seed in 0..3 {
        let found = series(seed, 2000, 0.98, true).shuffled().probe().expect("it depends on time");
        assert_eq!(found.by, Nearness::Time("at".into()));
        assert!(found.random > 0.5 && found.random - found.apart > 0.2, "{found:?}");
        let found = series(seed, 1000, 0.98, false).probe().expect("rows resemble their neighbours");
        assert_eq!(found.by, Nearness::Order);
    }
}

#[test]
fn rows_of_one_patient_depend_on_each_other() {
    for named in ["named", "also", "beside"] {
        for seed in 0..3 {
            let found = patients(seed, 1500, 10, named).shuffled().probe().expect(named);
            let name = if named == "beside" { "beside who" } else { "who" };
            assert_eq!(found.by, Nearness::Group(name.into()));
            assert!(found.random > 0.4 && found.apart < 0.3, "{found:?}");
        }
        // Rows of a patient stand together: the column says more than that.
        let found = patients(9, 1500, 10, named).probe().expect(named);
        assert!(matches!(found.by, Nearness::Group(_)), "{found:?}");
    }
    // Few patients with many rows each are told from kinds by the name of the column.
    let mut few = patients(1, 6000, 200, "also").shuffled();
    assert_eq!(few.columns[3].name, "who");
    few.columns[3].name = "who_id".into();
    assert_eq!(few.probe().expect("a key").by, Nearness::Group("who_id".into()));
}

#[test]
fn rows_in_the_order_of_their_target_are_no_series() {
    let mut made = Made::new(1, 600);
    let x = made.noise();
    let mut y: Vec<(f64, f64)> = x.iter().map(|x| (x + 0.5 * made.normal(), *x)).collect();
    y.sort_by(|a, b| a.0.total_cmp(&b.0));
    made.numbers("x", y.iter().map(|pair| pair.1).collect());
    made.numbers("y", y.iter().map(|pair| pair.0).collect());
    assert_eq!(made.probe(), None);
    let mut made = Made::new(2, 150);
    let (x, noise) = (made.noise(), made.noise());
    let kinds: Vec<u32> = (0..150).map(|row| row / 50).collect();
    made.numbers("x", (0..150).map(|row| x[row] + 3.0 * f64::from(kinds[row])).collect());
    made.numbers("z", noise);
    made.words("y", kinds);
    assert_eq!(made.probe(), None);
}

#[test]
fn a_probe_stops_when_it_is_told_to() {
    let made = series(1, 1500, 0.9, true);
    let rows: Vec<usize> = (0..1500).collect();
    let table = Table { columns: made.columns, rows: 1500 };
    let hashes = row_hashes(table.columns.iter(), &rows, 1);
    let answer = table.column("y").expect("a target");
    let (beside, task) = (Table::default(), Task::Regression);
    let rows = Rows { table: &table, beside: &beside, answer, task, rows: &rows, hashes: &hashes, seed: 1 };
    let asked = std::cell::Cell::new(0);
    let go_on = || {
        asked.set(asked.get() + 1);
        asked.get() < 5
    };
    assert_eq!((dependence(&rows, &[], &[], &go_on), asked.get()), (None, 5));
}
