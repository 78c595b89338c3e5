//! Intervals and label sets hold the answer as often as they say, on rows that no training saw.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use serde_json::{Value, json};

use crate::support::TestApp;

const TRAINING_ROWS: usize = 8000;
const HELD_OUT_ROWS: usize = 6000;
/// How far coverage may be from its level.
const TOLERANCE: f64 = 0.02;

/// Rows of three numbers and a word, with the answer that `answer` draws for them.
fn table(
    seed: u64,
    rows: usize,
    answer: impl Fn([f64; 3], bool, &mut StdRng) -> String,
) -> (String, Vec<Value>, Vec<String>) {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut csv, mut records, mut answers) = (String::from("a,b,c,w,y\n"), Vec::new(), Vec::new());
    for _ in 0..rows {
        let [a, b, c]: [f64; 3] = std::array::from_fn(|_| StandardNormal.sample(&mut random));
        let word = random.random_bool(0.4);
        let y = answer([a, b, c], word, &mut random);
        let w = if word { "on" } else { "off" };
        csv.push_str(&format!("{a},{b},{c},{w},{y}\n"));
        records.push(json!({"a": a, "b": b, "c": c, "w": w}));
        answers.push(y);
    }
    (csv, records, answers)
}

/// Predictions of a model trained on such a table, for rows drawn alike, with what is true of them.
async fn predictions(
    service: &TestApp,
    name: &str,
    level: f64,
    answer: impl Fn([f64; 3], bool, &mut StdRng) -> String,
) -> Vec<(Value, String)> {
    let (csv, ..) = table(1, TRAINING_ROWS, &answer);
    let (_, records, answers) = table(2, HELD_OUT_ROWS, &answer);
    let path = format!("/train?name={name}&target=y&epochs=6&hidden_layers=32");
    let job = service.post_csv(&path, csv).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let path = format!("/models/{name}/predict?interval={level}");
    let reply = service.post(&path, json!({"records": records})).await.expect(200);
    let predicted = reply["predictions"].as_array().expect("a list").clone();
    predicted.into_iter().zip(answers).collect()
}

fn share(rows: &[(Value, String)], holds: impl Fn(&Value, &str) -> bool) -> f64 {
    rows.iter().filter(|(row, answer)| holds(row, answer)).count() as f64 / rows.len() as f64
}

fn normal(random: &mut StdRng) -> f64 {
    StandardNormal.sample(random)
}

#[tokio::test]
async fn intervals_hold_the_value_as_often_as_they_say() {
    let service = TestApp::start().await;
    // Noise of one width, noise that grows with the value, and noise with heavy tails.
    let even = |x: [f64; 3], word: bool, random: &mut StdRng| {
        (x[0] * x[1] + f64::from(u8::from(word)) + 0.5 * normal(random)).to_string()
    };
    let growing = |x: [f64; 3], word: bool, random: &mut StdRng| {
        (100.0 * (x[0].exp() + f64::from(u8::from(word))) * (1.0 + 0.2 * normal(random))).to_string()
    };
    let heavy = |x: [f64; 3], _: bool, random: &mut StdRng| (x[2].sin() + normal(random).powi(3)).to_string();
    let covered = |row: &Value, answer: &str| {
        let answer: f64 = answer.parse().expect("a number");
        let end = |name: &str| row[name].as_f64().expect("a number");
        (end("lower")..=end("upper")).contains(&answer)
    };
    for (name, level, rows) in [
        ("even", 0.9, predictions(&service, "even", 0.9, even).await),
        ("growing", 0.8, predictions(&service, "growing", 0.8, growing).await),
        ("heavy", 0.95, predictions(&service, "heavy", 0.95, heavy).await),
    ] {
        let coverage = share(&rows, covered);
        assert!((coverage - level).abs() < TOLERANCE, "{name}: {coverage} instead of {level}");
    }
}

/// The share of rows within their intervals, of each quarter of the rows by what was answered.
fn by_quarter(mut rows: Vec<(Value, String)>, holds: impl Fn(&Value, &str) -> bool) -> Vec<f64> {
    let answered = |row: &Value| row["value"].as_f64().or(row["probability"].as_f64()).expect("a number");
    rows.sort_by(|(a, _), (b, _)| answered(a).total_cmp(&answered(b)));
    rows.chunks(rows.len() / 4).map(|quarter| share(quarter, &holds)).collect()
}

#[tokio::test]
async fn intervals_hold_in_each_quarter_of_the_answers() {
    let service = TestApp::start().await;
    // Noise that grows with the value, which is never below 0.
    let growing = |x: [f64; 3], word: bool, random: &mut StdRng| {
        (10.0 * (x[0] + f64::from(u8::from(word))).exp() * (0.4 * normal(random)).exp()).to_string()
    };
    let level = 0.9;
    let rows = predictions(&service, "growing", level, growing).await;
    let number = |row: &Value, name: &str| row[name].as_f64().expect("a number");
    assert!(rows.iter().all(|(row, _)| number(row, "lower") >= 0.0 && number(row, "value") >= 0.0));
    assert!(rows.iter().any(|(row, _)| number(row, "lower") == 0.0), "the clip at 0 matters");
    let covered = |row: &Value, answer: &str| {
        (number(row, "lower")..=number(row, "upper")).contains(&answer.parse::<f64>().expect("a number"))
    };
    let quarters = by_quarter(rows.clone(), covered);
    assert!(quarters.iter().all(|held| (held - level).abs() < 0.05), "{quarters:?} instead of {level}");
    // Intervals of one width that hold as much of all rows fail where it matters.
    let off = |row: &Value, answer: &str| (number(row, "value") - answer.parse::<f64>().expect("a number")).abs();
    let mut errors: Vec<f64> = rows.iter().map(|(row, answer)| off(row, answer)).collect();
    errors.sort_by(f64::total_cmp);
    let width = errors[(errors.len() as f64 * level) as usize];
    let even = by_quarter(rows, |row, answer| off(row, answer) <= width);
    assert!(even[3] < level - 0.15 && even[0] > level + 0.05, "{even:?}");
}

#[tokio::test]
async fn label_sets_hold_in_each_quarter_of_the_probabilities() {
    let service = TestApp::start().await;
    // The larger `c`, the harder the classes are to tell apart.
    let kinds = |x: [f64; 3], word: bool, random: &mut StdRng| {
        let scores = [x[0] + f64::from(u8::from(word)), x[1], -x[0]];
        let scores = scores.map(|score| score + x[2].exp() * normal(random));
        let best = (0..3).max_by(|i, j| scores[*i].total_cmp(&scores[*j])).expect("three");
        ["first", "second", "third"][best].to_owned()
    };
    let rows = predictions(&service, "kinds", 0.9, kinds).await;
    let holds = |row: &Value, answer: &str| row["label_set"].as_array().expect("a list").contains(&json!(answer));
    let quarters = by_quarter(rows.clone(), holds);
    let right = by_quarter(rows, |row, answer| row["label"] == answer);
    // A set has one class at least, so that it may hold more than it says where answers are sure.
    let kept = |(held, right): (&f64, &f64)| (held - right.max(0.9)).abs() < 0.05;
    assert!(quarters.iter().zip(&right).all(kept), "{quarters:?} instead of 0.9; right: {right:?}");
    assert!(right[0] < 0.6 && right[3] > 0.85, "the quarters must differ: {right:?}");
}

#[tokio::test]
async fn label_sets_hold_the_class_as_often_as_they_say() {
    let service = TestApp::start().await;
    let kinds = |x: [f64; 3], word: bool, random: &mut StdRng| {
        let scores = [x[0] + f64::from(u8::from(word)), x[1], x[2]].map(|score| score + 1.2 * normal(random));
        let best = (0..3).max_by(|i, j| scores[*i].total_cmp(&scores[*j])).expect("three");
        ["first", "second", "third"][best].to_owned()
    };
    let rows = predictions(&service, "kinds", 0.9, kinds).await;
    let right = share(&rows, |row, answer| row["label"] == answer);
    assert!(right < 0.8, "the classes must be hard to tell apart for sets to matter: {right}");
    let coverage = share(&rows, |row, answer| row["label_set"].as_array().expect("a list").contains(&json!(answer)));
    assert!((coverage - 0.9).abs() < TOLERANCE, "{coverage} instead of 0.9");
}
