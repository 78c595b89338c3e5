//! What people are told about their data: of one kind together, the dearest first, no more than somebody reads.

use std::collections::BTreeSet;

use epochd::findings::KINDS;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::contract::contract;
use crate::support::{TestApp, text};

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn codes(told: &Value) -> Vec<&str> {
    list(told).iter().map(|one| text(&one["code"])).collect()
}

fn of<'a>(told: &'a Value, code: &str) -> &'a Value {
    list(told).iter().find(|one| one["code"] == code).unwrap_or_else(|| panic!("{code}: {told}"))
}

/// A table of 16 columns of texts, 60 different ones in 100 rows without a word that some of them share, beside a column of one value and the size that tells `y`.
fn texts() -> String {
    let names: Vec<String> = (0..16).map(|at| format!("t{at}")).collect();
    let row = |row: usize| {
        let texts: Vec<String> = (0..16).map(|at| format!("text {at} {}", row * 7 % 60)).collect();
        format!("{},one,{}.5,{}\n", texts.join(","), row * 13 % 90, ["lo", "hi"][row * 13 % 90 / 45])
    };
    format!("{},constant,size,y\n", names.join(",")) + &(0..100).map(row).collect::<String>()
}

/// A table of 300 rows: `y` follows `x` for the most part, and `code` gives it away.
fn leaky() -> String {
    let row = |row: usize| {
        let y = usize::from(row * 37 % 101 > 50);
        format!("{},{},{}\n", row * 37 % 101 + row % 7, ["A", "B"][y], ["no", "yes"][y])
    };
    "x,code,y\n".to_owned() + &(0..300).map(row).collect::<String>()
}

#[tokio::test]
async fn what_was_told_of_a_training_stays_with_its_version() {
    let service = TestApp::start().await;
    let job = service.post_csv("/train?name=m&target=y&epochs=2&hidden_layers=4", leaky()).await.expect(202);
    let job = service.ended(&job).await;
    let version = service.get("/models/m/versions/1").await.expect(200);
    assert!(codes(&version["warnings"]).contains(&"target_leakage"), "{version}");
    let told_by_both = |code: &str| assert_eq!(of(&version["warnings"], code), of(&job["warnings"], code));
    codes(&job["warnings"]).into_iter().for_each(told_by_both);
    assert_eq!(list(&version["warnings"]).len(), list(&job["warnings"]).len());
    // A restart, and the job's deletion, change nothing.
    let service = service.restarted().await;
    service.delete(&format!("/jobs/{}", text(&job["id"]))).await.expect(204);
    assert_eq!(service.get("/models/m/versions/1").await.expect(200)["warnings"], version["warnings"]);
    let listed = service.get("/models/m/versions").await.expect(200);
    assert_eq!(listed["data"][0]["warnings"], version["warnings"]);
    // The file brings it along.
    let file = service.get("/models/m/versions/1/export").await.body;
    let path = "/models/import?name=copy";
    let request = service.raw(Method::POST, path).header("content-type", "application/octet-stream").body(file);
    service.send(Method::POST, path, request).await.expect(201);
    assert_eq!(service.get("/models/copy/versions/1").await.expect(200)["warnings"], version["warnings"]);
}

/// A target of noise between 0 and 3, with one value of a thousand million in row 311.
fn mistyped() -> String {
    let noise = |row: usize, step: usize| (row * step % 601) as f64 / 200.0;
    let y = |row: usize| if row == 311 { 1e9 } else { noise(row, 263) };
    "x,y\n".to_owned() + &(0..600).map(|row| format!("{},{}\n", noise(row, 37), y(row))).collect::<String>()
}

#[tokio::test]
async fn a_value_that_outweighs_all_others_and_a_version_that_is_worth_nothing_are_named() {
    let service = TestApp::start().await;
    for recipe in ["plain", "standard"] {
        let path = format!("/train?name={recipe}&target=y&recipe={recipe}&epochs=30&hidden_layers=8");
        let job = service.post_csv(&path, mistyped()).await.expect(202);
        let job = service.ended(&job).await;
        let told = codes(&job["warnings"]);
        assert!(told.contains(&"target_outliers") && told.contains(&"no_better_than_constant"), "{job}");
        for said in list(&job["warnings"]).iter().filter(|said| said["code"] == "loss_not_falling") {
            assert!(!text(&said["message"]).contains("(0.00"), "the start of rows without the value: {said}");
        }
    }
}

/// Classes that differ by case or blanks alone, and a column that has no value in nearly all rows.
fn alike() -> String {
    let word = |row: usize| ["good", "GOOD", "\"good \"", "bad"][row % 4];
    let row = |row: usize| format!("{},,{}\n", row * 37 % 101, word(row));
    "x,empty,y\n".to_owned() + &(0..200).map(row).collect::<String>()
}

#[tokio::test]
async fn classes_that_differ_by_case_alone_are_named_and_a_column_is_told_of_once() {
    let service = TestApp::start().await;
    let job = service.post_csv("/train?name=m&target=y&epochs=2&hidden_layers=4", alike()).await.expect(202);
    let job = service.ended(&job).await;
    let said = text(&of(&job["warnings"], "words_alike")["message"]);
    assert!(said.contains(r#""GOOD" (50), "good" (50), "good " (50)"#), "{said}");
    let empty = of(&job["warnings"], "mostly_missing");
    assert_eq!((&empty["count"], &empty["columns"]), (&json!(1), &json!(["empty"])), "{empty}");
}

#[tokio::test]
async fn columns_of_text_without_shared_words_are_one_warning_that_names_them() {
    let service = TestApp::start().await;
    let job = service.post_csv("/train?name=m&target=y&epochs=2&hidden_layers=4", texts()).await.expect(202);
    let job = service.ended(&job).await;
    let told = &job["warnings"];
    let at = |code: &str| codes(told).iter().position(|told| *told == code);
    assert!(at("unshared_words") < at("constant_column") && at("unshared_words").is_some(), "a loss first: {told}");
    let texts = of(told, "unshared_words");
    assert_eq!((&texts["count"], list(&texts["columns"]).len(), &texts["column"]), (&json!(16), 16, &Value::Null));
    let message = text(&texts["message"]);
    assert!(message.starts_with("16 columns hold identifiers, or text whose words few rows share"), "{message}");
    assert!(message.contains(": \"t0\", \"t1\", \"t2\" and 13 more. What matters in them"), "{message}");
    let one = of(told, "constant_column");
    let constant = json!("constant");
    assert_eq!((&one["count"], &one["columns"], &one["column"]), (&json!(1), &json!(["constant"]), &constant));
    // Asked for, there is what is said of each; a restart changes nothing.
    let service = service.restarted().await;
    let path = format!("/jobs/{}", text(&job["id"]));
    assert_eq!(service.get(&path).await.expect(200)["warnings"], *told);
    let full = service.get(&format!("{path}?all=true")).await.expect(200);
    let each = list(&of(&full["warnings"], "unshared_words")["each"]);
    assert_eq!((each.len(), &each[15]["column"]), (16, &json!("t15")));
    assert!(text(&each[15]["message"]).starts_with("column \"t15\" holds identifiers"), "{}", each[15]);
    let listed = service.get("/jobs").await.expect(200);
    assert_eq!(listed["data"][0]["warnings"], *told);
}

/// 60 rows of a table with a dozen things to be said of it. Semicolons stand between the cells.
fn messy() -> String {
    let row = |row: usize| {
        let words = |common: String, odd: &str| if row == 30 { odd.to_owned() } else { common };
        let cells = [
            (1000 + row).to_string(),
            "same".to_owned(),
            if row == 3 { "1".to_owned() } else { String::new() },
            format!("{},5", row * 7 % 50),
            format!("{},25", row * 3 % 50),
            format!("01/{:02}/2024", row % 12 + 1),
            format!("{}-Jul-{:02}", row % 28 + 1, row % 30),
            words((row % 9).to_string(), "NA"),
            format!("9007199254740{:03}", 993 + row % 7),
            words((row % 9).to_string(), "nine"),
            words(format!("2024-05-{:02}", row % 28 + 1), "soon"),
            words(["true", "false"][row % 2].to_owned(), "perhaps"),
            format!("{}", row % 5),
            format!("{}", row % 5),
        ];
        cells.join(";") + "\n"
    };
    let header = "id;constant;empty;price;weight;slashes;short;gaps;large;numbers;dates;booleans;twin;double\n";
    header.to_owned() + &(0..60).map(row).collect::<String>()
}

#[tokio::test]
async fn a_data_set_tells_ten_findings_the_dearest_first_and_all_when_asked() {
    let service = TestApp::start().await;
    let made = service.post_csv("/datasets?name=messy", messy()).await.expect(201);
    let told = &made["findings"];
    assert_eq!(list(told).len(), 10, "{told}");
    assert_eq!(codes(told)[..3], ["numbers_as_words", "dates_as_words", "booleans_as_words"], "{told}");
    let ranks: Vec<usize> =
        codes(told).iter().map(|code| KINDS.iter().position(|kind| kind.code == *code).expect("a kind")).collect();
    assert!(ranks.is_sorted(), "{told}");
    let last = &list(told)[9];
    assert_eq!(last["code"], "further_findings");
    let path = format!("/datasets/{}", text(&made["id"]));
    assert!(text(&last["message"]).contains(&format!("GET {path}?all=true")), "{last}");
    let full = service.get("/datasets/messy?all=true").await.expect(200);
    let counted = |told: &Value| list(told).iter().map(|one| one["count"].as_u64().expect("a count")).sum::<u64>();
    assert!(list(&full["findings"]).len() > 10 && counted(told) == counted(&full["findings"]), "{full}");
    let prices = of(&full["findings"], "numbers_formatted");
    assert_eq!(prices["columns"], json!(["price", "weight"]));
    let example = "2 columns hold numbers that are written otherwise than a program would: \"price\" and \"weight\". The \
                   first: Its numbers are written with a decimal comma: \"0,5\" on line 2 is read as 0.5.";
    assert!(text(&prices["message"]).starts_with(example), "{prices}");
    let each: Vec<&str> = list(&prices["each"]).iter().map(|one| text(&one["message"])).collect();
    assert!(each.len() == 2 && each[1].contains("\"0,25\" on line 2"), "{each:?}");
    // The same in a list, and after a restart.
    let service = service.restarted().await;
    assert_eq!(service.get("/datasets").await.expect(200)["data"][0]["findings"], *told);
    assert_eq!(service.get("/datasets/messy").await.expect(200)["findings"], *told);
    service.get("/datasets/messy?all=yes").await.problem(422, "invalid_value");
    service.get("/datasets/messy?al=true").await.problem(422, "unknown_field");
}

#[test]
fn service_and_contract_know_the_same_kinds_of_findings() {
    let described = contract().value("/components/schemas/WarningCode/description").expect("the list of codes");
    let named = text(described).lines().filter_map(|line| line.trim().strip_prefix("- "));
    let before_colon = named.filter_map(|line| line.split_once(':')).map(|(codes, _)| codes);
    let theirs: BTreeSet<&str> = before_colon.flat_map(|codes| codes.split('`').skip(1).step_by(2)).collect();
    let ours: BTreeSet<&str> = KINDS.iter().map(|kind| kind.code).collect();
    assert_eq!(ours, theirs);
}
