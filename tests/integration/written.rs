//! Numbers, dates and missing words as people write them: read alike in data sets, trainings and predictions.

use serde_json::{Value, json};

use crate::support::{Reply, TestApp, text};

/// A table of prices such as `1.234,56 €`, days such as `15-Jul-19`, shares such as `45 %`, and a target that follows from them.
fn shop_csv(rows: u32) -> String {
    let row = |row: u32| {
        let (whole, cents, share) = (1000 + 7 * row % 900, row % 100, row % 80);
        let price = format!("{}.{:03},{cents:02} €", whole / 1000, whole % 1000);
        let sold = if row % 9 == 4 { "-".to_owned() } else { format!("{},5", row % 13) };
        format!("{price};{}-Jul-19;{share} %;{sold};{}\n", 1 + row % 28, whole / 2 + share)
    };
    format!("price;day;share;sold;y\n{}", (0..rows).map(row).collect::<String>())
}

async fn shop() -> TestApp {
    let service = TestApp::start().await;
    let path = "/train?name=shop&target=y&epochs=3&hidden_layers=8&features=price,day,share,sold";
    let job = service.post_csv(path, shop_csv(200)).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    service
}

async fn values(service: &TestApp, records: Value) -> Vec<Value> {
    let reply = service.post("/models/shop/predict", json!({ "records": records })).await.expect(200);
    reply["predictions"].as_array().expect("a list").iter().map(|entry| entry["value"].clone()).collect()
}

#[tokio::test]
async fn a_column_tells_how_it_is_written_and_predictions_read_it_so() {
    let service = shop().await;
    let dataset = service.get("/datasets/shop").await.expect(200);
    let columns = dataset["columns"].as_array().expect("a list");
    let formats: Vec<&Value> = columns.iter().map(|column| &column["format"]).collect();
    assert_eq!(*formats[0], json!({"decimal": ",", "thousands": ".", "prefix": null, "suffix": "€", "scale": 1.0}));
    assert_eq!(*formats[1], json!({"format": "%d-%b-%y"}));
    assert_eq!(*formats[2], json!({"decimal": ".", "thousands": null, "prefix": null, "suffix": "%", "scale": 0.01}));
    assert_eq!((&formats[3]["decimal"], formats[4]), (&json!(","), &Value::Null));
    let kinds: Vec<&str> = columns.iter().map(|column| text(&column["type"])).collect();
    assert_eq!(kinds, ["numeric", "datetime", "numeric", "numeric", "numeric"]);
    assert_eq!(columns[0]["min"], 1000.0);
    let found =
        |code: &str| dataset["findings"].as_array().expect("a list").iter().any(|finding| finding["code"] == code);
    assert!(
        found("numbers_formatted") && found("missing_words") && !found("identifier_column"),
        "{}",
        dataset["findings"]
    );
    // The same row in every writing that the model reads.
    let written = json!({"price": "1.234,50 €", "day": "15-Jul-19", "share": "45 %", "sold": "3,5"});
    let plain = json!({"price": 1234.5, "day": "2019-07-15", "share": 0.45, "sold": 3.5});
    let bare = json!({"price": "1234,5", "day": "15 July 2019", "share": 0.45, "sold": 3.5});
    let answers = values(&service, json!([written, plain, bare])).await;
    assert!(answers.iter().all(|value| *value == answers[0]), "{answers:?}");
    let csv = "price;day;share;sold\n1.234,50 €;15-Jul-19;45 %;3,5\n\"1234,5\";2019-07-15;45%;3,5\n";
    let reply = service.post_csv("/models/shop/predict", csv).await;
    let lines = String::from_utf8(reply.body.clone()).expect("UTF-8");
    let by_csv: Vec<&str> = lines.lines().skip(1).collect();
    let answer = answers[0].to_string();
    assert_eq!(by_csv, [answer.as_str(); 2]);
    let missing = values(&service, json!([{"sold": null, "price": 1100}, {"sold": "-", "price": 1100}])).await;
    assert_eq!(missing[0], missing[1]);
    // What contradicts the column's form is refused.
    for (name, wrong) in
        [("price", json!("1,234.50")), ("price", json!("$5")), ("day", json!("07/15/2019")), ("share", json!(true))]
    {
        let reply = service.post("/models/shop/predict", json!({"records": [{name: wrong}]})).await;
        assert!(text(&reply.problem(422, "invalid_value")["detail"]).contains(name), "{wrong}");
    }
}

#[tokio::test]
async fn day_and_month_are_never_guessed_in_a_prediction() {
    let service = TestApp::start().await;
    let csv =
        (0..60).fold("when,y\n".to_owned(), |csv, row| csv + &format!("2024-05-{:02},{}\n", 1 + row % 28, row % 28));
    let job =
        service.post_csv("/train?name=iso&target=y&epochs=2&hidden_layers=4&task=regression", csv).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    for when in ["01/05/2024", "13/05/2024", "5.1.2024"] {
        let reply = service.post("/models/iso/predict", json!({"records": [{"when": when}]})).await;
        assert!(text(&reply.problem(422, "invalid_value")["detail"]).contains("when"), "{when}");
    }
    service
        .post("/models/iso/predict", json!({"records": [{"when": "1 May 2024"}, {"when": "May 1, 2024 4:05 PM"}]}))
        .await
        .expect(200);
}

async fn upload(service: &TestApp, query: &str, csv: &str) -> Reply {
    service.post_csv(&format!("/datasets?{query}"), csv.to_owned()).await
}

#[tokio::test]
async fn types_missing_words_and_skipped_columns_are_asked_for_in_the_query() {
    let service = TestApp::start().await;
    let csv = "price,when,word,n\n\"1,234\",20190715,x,1\n\"2,345\",20200501,unknown,-999\n";
    let types = "types=%7B%22price%22:%7B%22decimal%22:%22,%22%7D,%22when%22:%22datetime%22,%22n%22:%7B%22missing%22:[%22-999%22]%7D%7D";
    let stored =
        upload(&service, &format!("name=asked&{types}&missing=unknown&missing=none&skip_columns=word"), csv).await;
    let stored = stored.expect(201);
    let columns = stored["columns"].as_array().expect("a list");
    assert_eq!(columns.len(), 3, "{stored}");
    assert_eq!(
        (&columns[0]["min"], &columns[1]["min"], &columns[2]["missing"]),
        (&json!(1.234), &json!("2019-07-15T00:00:00Z"), &json!(1))
    );
    assert_eq!(columns[1]["format"], json!({"format": "digits", "asked": true}));
    assert_eq!(columns[2]["missing_words"], json!(["unknown", "none", "-999"]));
    for (query, parameter) in [
        ("types=%7B%22price%22:%7B%22decimal%22:%22;%22%7D%7D", "types"),
        ("types=%7B%7D&types=%7B%7D", "types"),
        ("types=%7B%22when%22:%7B%22format%22:%22%25H%22%7D%7D", "types"),
    ] {
        let problem = upload(&service, query, csv).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{problem}");
    }
    upload(&service, "skip_columns=nothing", csv).await.problem(422, "unfit_data");
    upload(&service, "skip=word", csv).await.problem(422, "unknown_field");
}

#[tokio::test]
async fn versions_keep_the_words_for_missing_values() {
    let service = TestApp::start().await;
    let row = |row: u32| {
        format!(
            "{},{},{}\n",
            if row.is_multiple_of(7) { "-999".into() } else { (row % 40).to_string() },
            ["a", "b", "unknown"][row as usize % 3],
            row % 40
        )
    };
    let csv = format!("n,w,y\n{}", (0..120).map(row).collect::<String>());
    let path = "/train?name=words&target=y&task=regression&epochs=3&hidden_layers=8&missing=unknown&missing=-999";
    let job = service.post_csv(path, csv).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    let records = json!({"records": [{"n": -999, "w": "unknown"}, {"n": null, "w": null}]});
    let reply = service.post("/models/words/predict", records).await.expect(200);
    assert_eq!(reply["predictions"][0], reply["predictions"][1]);
    let reply = service.post_csv("/models/words/predict", "n,w\n-999,unknown\n,\n").await;
    let lines = String::from_utf8(reply.body.clone()).expect("UTF-8");
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[1], lines[2]);
}

#[tokio::test]
async fn a_word_for_missing_values_that_is_a_number_is_found_however_it_is_written() {
    let service = TestApp::start().await;
    let files = [
        ("text/csv", "v,y\n-999.0,1\n-999,2\n-9.99e2,3\n4,4\n"),
        (
            "application/x-ndjson",
            "{\"v\":-999.0,\"y\":1}\n{\"v\":-999,\"y\":2}\n{\"v\":-999.00,\"y\":3}\n{\"v\":4,\"y\":4}\n",
        ),
    ];
    for (at, (kind, file)) in files.into_iter().enumerate() {
        let made = service.post_file(&format!("/datasets?name=d{at}&missing=-999"), kind, file).await.expect(201);
        assert_eq!((&made["columns"][0]["missing"], &made["columns"][0]["min"]), (&json!(3), &json!(4.0)), "{made}");
    }
}

#[tokio::test]
async fn a_target_that_is_not_what_it_seems_is_refused_and_nothing_is_left() {
    let service = TestApp::start().await;
    let ages = (0..200)
        .map(|row| format!("{},{}\n", if row == 77 { "unknown".into() } else { (row % 90).to_string() }, row % 7));
    let ages = format!("age,x\n{}", ages.collect::<String>());
    let names = format!("name,x\n{}", (0..300).map(|row| format!("n{},{}\n", row % 150, row % 7)).collect::<String>());
    let currencies = format!(
        "p,x\n{}",
        (0..100).map(|row| format!("{}{row},{}\n", if row % 2 == 0 { "$" } else { "€" }, row % 7)).collect::<String>()
    );
    for (csv, target, parts) in [
        (&ages, "age", ["line 79", "task=classification"]),
        (&names, "name", ["150 different values", "task=classification"]),
        (&currencies, "p", ["several currencies", "task=classification"]),
    ] {
        let problem = service.post_csv(&format!("/train?name=doubtful&target={target}&epochs=1"), csv.clone()).await;
        let problem = problem.problem(422, "invalid_value");
        assert!(parts.iter().all(|part| text(&problem["detail"]).contains(part)), "{problem}");
    }
    let lines: String = (0..300).map(|row| format!("{{\"n\":\"{}\",\"x\":{}}}\n", 500 + row % 150, row % 7)).collect();
    let problem = service.post_file("/train?name=doubtful&target=n&epochs=1", "application/x-ndjson", lines).await;
    let problem = problem.problem(422, "invalid_value");
    assert!(text(&problem["detail"]).contains("types={\"n\":\"numeric\"}"), "{problem}");
    for csv in ["y\n1\n2\n3\n", "y,c\n1,k\n2,k\n3,k\n", "y,e\n1,\n2,\n3,\n"] {
        let problem = service.post_csv("/train?name=doubtful&target=y&task=regression&epochs=1", csv).await;
        assert!(text(&problem.problem(422, "invalid_value")["detail"]).contains("no column is left"), "{csv}");
    }
    for list in ["/datasets", "/models", "/jobs"] {
        assert_eq!(service.get(list).await.expect(200)["data"], json!([]), "{list}");
    }
    service.post_csv("/train?name=meant&target=name&epochs=1&task=classification", names).await.expect(202);
}

#[tokio::test]
async fn words_for_missing_values_in_a_target_are_told_once() {
    let service = TestApp::start().await;
    let row = |row: u32| format!("{}.5,{}\n", row * 37 % 211, ["Yes", "No", "NA"][(row * row % 7 % 3) as usize]);
    let csv = format!("a,y\n{}", (0..200).map(row).collect::<String>());
    let job = service.post_csv("/train?name=asked&target=y&epochs=2&hidden_layers=4", csv).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let warnings = job["warnings"].as_array().expect("a list").iter();
    let told: Vec<&Value> = warnings.filter(|warning| warning["code"] == "missing_words").collect();
    assert!(told.len() == 1 && told[0]["count"] == 1 && told[0]["column"] == "y", "{told:?}");
    assert!(text(&told[0]["message"]).contains("learned as classes"), "{told:?}");
}
