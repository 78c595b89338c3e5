//! Intervals of 90 % under each split, on generated tables whose truth is known: what they hold of the rows that come next.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};
use serde_json::Value;

use crate::support::TestApp;

/// The numbers of this test, which it holds.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/splits.md");
const LEVEL: f64 = 0.9;
/// How far the share may be from what the page says.
const AS_SAID: f64 = 0.03;

/// Columns of a block's own, beside its name.
const OWN: usize = 8;
const ROWS: usize = 4000;
/// Tables of each kind, of whose shares the mean counts.
const SEEDS: [u64; 3] = [1, 2, 3];

/// What a block is called, by its number.
type Label = fn(usize) -> String;

/// Rows in blocks: each block has numbers of its own, and a level that none of them tells.
struct Blocks {
    /// The row of the page.
    title: &'static str,
    split: &'static str,
    /// What a block is called in the column of this name, if there is one.
    label: Option<(&'static str, Label)>,
    rows_of_a_block: usize,
    /// How much of the last block's level is left in the next.
    stays: f64,
    in_order: bool,
    /// How far the share may be from 0.9.
    tolerance: f64,
}

const TABLES: [Blocks; 4] = [
    Blocks {
        title: "independent rows",
        split: "random",
        label: None,
        rows_of_a_block: 1,
        stays: 0.0,
        in_order: false,
        tolerance: 0.02,
    },
    Blocks {
        title: "days on which a level drifts",
        split: "time:day",
        label: Some(("day", |day| (jiff::civil::date(2019, 1, 1) + jiff::Span::new().days(day as i64)).to_string())),
        rows_of_a_block: 20,
        stays: 0.8,
        in_order: true,
        tolerance: 0.06,
    },
    Blocks {
        title: "customers with a level of their own",
        split: "group:customer",
        label: Some(("customer", |customer| format!("c{customer}"))),
        rows_of_a_block: 20,
        stays: 0.0,
        in_order: false,
        tolerance: 0.06,
    },
    Blocks {
        title: "neighbours that resemble each other",
        split: "order",
        label: None,
        rows_of_a_block: 20,
        stays: 0.5,
        in_order: true,
        tolerance: 0.06,
    },
];

impl Blocks {
    /// Rows to train on and those that come next, as CSV.
    fn tables(&self, seed: u64) -> [String; 2] {
        let mut random = StdRng::seed_from_u64(seed);
        let mut last = 0.0;
        let blocks = 2 * ROWS / self.rows_of_a_block;
        let mut lines = Vec::with_capacity(2 * ROWS);
        for block in 0..blocks {
            let own: [f64; OWN] = std::array::from_fn(|_| StandardNormal.sample(&mut random));
            let own: String = own.iter().map(|own| format!("{own:.4},")).collect();
            let shock: f64 = StandardNormal.sample(&mut random);
            last = self.stays * last + (1.0 - self.stays * self.stays).sqrt() * shock;
            let label = self.label.map_or(String::new(), |(_, label)| label(block) + ",");
            for _ in 0..self.rows_of_a_block {
                let [dose, noise]: [f64; 2] = std::array::from_fn(|_| StandardNormal.sample(&mut random));
                lines.push(format!("{label}{own}{dose:.4},{:.4}\n", last + 0.5 * dose + 0.2 * noise));
            }
        }
        let own: String = (0..OWN).map(|at| format!("own{at},")).collect();
        let header = self.label.map_or(String::new(), |(name, _)| format!("{name},")) + &own + "dose,y\n";
        let (trained, later) = lines.split_at_mut(ROWS);
        if !self.in_order {
            trained.shuffle(&mut random);
        }
        [trained, later].map(|lines| header.clone() + &lines.concat())
    }

    /// The share of rows that come next whose value lies in the interval of a model trained with `split`.
    async fn share_held(&self, service: &TestApp, split: &str) -> f64 {
        let shares = SEEDS.map(|seed| self.share_of_one(service, split, seed));
        futures_util::future::join_all(shares).await.iter().sum::<f64>() / SEEDS.len() as f64
    }

    async fn share_of_one(&self, service: &TestApp, split: &str, seed: u64) -> f64 {
        let [trained, later] = self.tables(seed);
        let kind = split.split(':').next().expect("a word");
        let name = format!("{}-{kind}-{seed}", self.split.replace(':', "-"));
        let query = format!("name={name}&target=y&epochs=60&recipe=plain&hidden_layers=64&split={split}");
        let job = service.post_csv(&format!("/train?{query}"), trained).await.expect(202);
        let job = service.ended(&job).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        let path = format!("/models/{name}/predict?interval={LEVEL}");
        let request = service.raw(reqwest::Method::POST, &path).header("content-type", "text/csv");
        let request = request.header("accept", "application/json").body(later.clone());
        let reply = service.send(reqwest::Method::POST, &path, request).await.expect(200);
        let predicted = reply["predictions"].as_array().expect("a list");
        let truth = later.lines().skip(1).map(|line| line.rsplit(',').next().and_then(|y| y.parse::<f64>().ok()));
        let holds = |(predicted, truth): &(&Value, Option<f64>)| {
            let end = |name: &str| predicted[name].as_f64().expect("a number");
            (end("lower")..=end("upper")).contains(&truth.expect("a number"))
        };
        predicted.iter().zip(truth).filter(holds).count() as f64 / predicted.len() as f64
    }
}

/// The shares that the page gives of a table: of its own split and of the random one.
fn said(title: &str) -> [f64; 2] {
    let page = std::fs::read_to_string(PAGE).expect("the page is there");
    let line = page.lines().find(|line| line.starts_with(&format!("| {title} |")));
    let cells: Vec<&str> = line.unwrap_or_else(|| panic!("docs/splits.md has no {title}")).split('|').collect();
    [cells[3], cells[4]].map(|cell| cell.trim().parse().unwrap_or(f64::NAN))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intervals_hold_of_the_rows_that_come_next_what_they_say() {
    let service = TestApp::start().await;
    let mut wrong = Vec::new();
    for table in &TABLES {
        let own = table.share_held(&service, table.split).await;
        let random = if table.split == "random" { own } else { table.share_held(&service, "random").await };
        let said = said(table.title);
        let is_as_said = (own - said[0]).abs() <= AS_SAID && (random - said[1]).abs() <= AS_SAID;
        // Where rows resemble each other, rows at random promise what those that come next do not keep.
        let flatters = table.split == "random" || random < LEVEL - 0.1;
        if !is_as_said || !flatters || (own - LEVEL).abs() > table.tolerance {
            wrong.push(format!("{}: {own:.3}, at random {random:.3}; the page has {said:?}", table.title));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
