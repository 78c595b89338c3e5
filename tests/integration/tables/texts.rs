//! Columns of text: their words are learned from, and identifiers stay out.

use serde_json::{Value, json};

use crate::support::{TestApp, numbers, text};

/// Words of comments that say nothing, and those that decide.
const FILLERS: [&str; 8] = ["delivery", "on", "Tuesday", "the", "parcel", "box", "ordered", "again"];
const GOOD: [&str; 4] = ["excellent", "lovely", "sturdy", "happy"];
const BAD: [&str; 4] = ["broken", "awful", "returned", "scratched"];

/// A row with a comment; some have none. `not happy` is bad, `not broken` good: single words do not tell all.
fn row(row: usize) -> String {
    let draw = |salt: usize, below: usize| (row * 7919 + salt * 104_729) / 7 % below;
    let (is_good, is_negated) = (draw(1, 2) == 0, draw(2, 5) == 0);
    let word = if is_good != is_negated { GOOD[draw(3, 4)] } else { BAD[draw(3, 4)] };
    let told = if is_negated { format!("not {word}") } else { word.to_owned() };
    let fillers: Vec<&str> = (0..4).map(|at| FILLERS[draw(10 + at, 8)]).collect();
    let comment = match row % 23 {
        0 => String::new(),
        _ => format!("\"{}, {told} {} {}! no {}\"", fillers[0], fillers[1..3].join(" "), fillers[3], draw(4, 900)),
    };
    let price = draw(5, 400) as f64 / 4.0;
    format!(
        "{price},{comment},{:08x}-{:04x},{}\n",
        row * 2_654_435_761 % 4_294_967_291,
        row * 40_503 % 65_521,
        ["no", "yes"][usize::from(is_good)]
    )
}

fn csv(rows: std::ops::Range<usize>) -> String {
    "price,comment,ticket,again\n".to_owned() + &rows.map(row).collect::<String>()
}

async fn trained(service: &TestApp, name: &str, others: Value) -> Value {
    let mut model = json!({"name": name, "dataset": "orders", "target": "again", "seed": 3});
    model.as_object_mut().expect("an object").extend(others.as_object().expect("an object").clone());
    service.post("/models", model).await.expect(201);
    let job = service.train(name, json!({})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    job
}

fn accuracy(job: &Value) -> f64 {
    job["metrics"]["accuracy"].as_f64().expect("a number")
}

#[tokio::test]
async fn comments_decide_and_identifiers_stay_out() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=orders", csv(0..900)).await.expect(201);
    service.post_csv("/datasets?name=later", csv(900..1_100)).await.expect(201);
    let plain = json!({"recipe": "plain", "hidden_layers": [16]});
    let job = trained(&service, "words", plain.clone()).await;
    let mut without = plain;
    without["features"] = json!(["price"]);
    let blind = trained(&service, "blind", without).await;
    assert!(accuracy(&job) > 0.9 && accuracy(&blind) < 0.65, "{} {}", accuracy(&job), accuracy(&blind));
    let later = service.post("/models/words/evaluate", json!({"dataset": "later"})).await.expect(200);
    assert!(later["metrics"]["accuracy"].as_f64().expect("a number") > 0.9, "{later}");

    // What the version says of its columns.
    let schema = service.get("/models/words/schema").await.expect(200);
    let feature = |name: &str| {
        let mut features = schema["features"].as_array().expect("a list").iter();
        features.find(|feature| feature["name"] == name).expect("a column").clone()
    };
    let comment = feature("comment");
    assert_eq!((&comment["type"], &comment["used"], &comment["missing"]), (&json!("text"), &json!(true), &json!(true)));
    assert_eq!((&feature("ticket")["used"], &comment["categories"]), (&json!(false), &Value::Null));
    let codes: Vec<&str> =
        job["warnings"].as_array().expect("a list").iter().map(|warning| text(&warning["code"])).collect();
    assert!(codes.contains(&"identifier_column") && !codes.contains(&"text_column"), "{codes:?}");
    let importance = service.get("/models/words/versions/1/importance").await.expect(200);
    assert_eq!(importance["features"][0]["feature"], "comment", "{importance}");
    let linear = &job["metrics"]["baselines"]["linear"]["accuracy"];
    assert!(linear.as_f64().expect("a number") > 0.8, "{}", job["metrics"]);

    // Words in any writing; a text of unknown words, none, and a very long one are answered without a flag.
    let long = format!("{} broken", "unheard ".repeat(20_000));
    let records = json!([
        {"price": 20, "comment": "EXCELLENT box", "ticket": "0"}, {"price": 20, "comment": "box, excellent"},
        {"price": 20, "comment": "awful the box"}, {"price": 20, "comment": "zzz"}, {"price": 20, "comment": long},
        {"price": 20, "comment": null}]);
    let reply = service.post("/models/words/predict", json!({"records": records})).await.expect(200);
    let labels: Vec<&str> =
        reply["predictions"].as_array().expect("a list").iter().map(|one| text(&one["label"])).collect();
    assert_eq!((&labels[..3], labels[4]), (&["yes", "yes", "no"][..], "no"), "{reply}");
    assert!(reply["predictions"].as_array().expect("a list").iter().all(|one| one["flags"] == json!([])), "{reply}");
    let csv = "price,comment\n20,EXCELLENT box\n20,awful the box\n";
    let of_csv = service.post_csv("/models/words/predict", csv).await;
    let of_csv = String::from_utf8(of_csv.body).expect("UTF-8");
    let lines: Vec<&str> = of_csv.lines().skip(1).collect();
    assert!(lines[0].contains("yes") && lines[1].contains("no"), "{of_csv}");
    let explained = json!({"records": [{"price": 20, "comment": "awful"}]});
    let explained = service.post("/models/words/predict?explain=true", explained).await.expect(200);
    let first = &explained["predictions"][0]["explanation"]["features"][0];
    assert_eq!(first["column"], "comment", "{explained}");

    // The same request gives the same bits; the file brings the vocabulary along, and a warm start keeps it.
    trained(&service, "twin", json!({"recipe": "plain", "hidden_layers": [16]})).await;
    let twin = service.post("/models/twin/predict", json!({"records": records})).await.expect(200);
    assert_eq!(twin["predictions"], reply["predictions"]);
    let service = service.restarted().await;
    let again = service.post("/models/words/predict", json!({"records": records})).await.expect(200);
    assert_eq!(again["predictions"], reply["predictions"]);
    let other = "price,comment,ticket,again\n".to_owned()
        + &(0..60)
            .map(|row| format!("{row},newly worded text {},t{row},{}\n", row % 3, ["no", "yes"][row % 2]))
            .collect::<String>();
    service.post_csv("/datasets?name=other", other).await.expect(201);
    let warm = service.train("words", json!({"dataset": "other", "warm_start": true, "epochs": 2})).await;
    assert_eq!(warm["state"], "succeeded", "{warm}");
    service.stop().await;
}

#[tokio::test]
async fn the_standard_recipe_and_its_linear_model_see_words() {
    let service = TestApp::start().await;
    service.post_csv("/datasets?name=orders", csv(0..500)).await.expect(201);
    let job = trained(&service, "words", json!({"hidden_layers": [16, 16]})).await;
    assert!(accuracy(&job) > 0.85, "{}", accuracy(&job));
    // Text alone.
    trained(&service, "alone", json!({"hidden_layers": [8], "features": ["comment"]})).await;
    // Identifiers alone are refused before anything is stored.
    let ids = json!({"name": "ids", "dataset": "orders", "target": "again", "features": ["ticket"]});
    let refused = service.post("/models", ids).await;
    assert!(refused.status == 422 && refused.json().to_string().contains("identifiers"), "{}", refused.json());
    let answers = service.post("/models/alone/predict", json!({"records": [{"comment": "awful"}]})).await.expect(200);
    assert_eq!(numbers(&json!([answers["predictions"][0]["probability"]])).len(), 1);
    service.stop().await;
}
