//! Plots of versions and jobs, held against values that are computed apart.

mod picture;

use serde_json::{Value, json};

use crate::support::{TestApp, numbers, text, xor_model};
use picture::Picture;

/// Rows of the tables, and how many of them, the last ones, are held out.
const ROWS: usize = 400;
const HELD_OUT: usize = 100;

/// Numbers from 0 to 1 that look drawn.
fn drawn(row: usize, salt: u64) -> f64 {
    let mixed =
        (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt.wrapping_mul(0xd1b5_4a32_d192_ed03));
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) as f64 / u64::MAX as f64
}

/// Rows of a number and what follows from it, never certainly: a class or a number.
fn rows(is_classified: bool) -> Vec<(f64, Value)> {
    let row = |row| {
        let (x, noise) = (drawn(row, 1), drawn(row, 2) - 0.5);
        let target = match is_classified {
            true => json!(if x + noise > 0.5 { "yes" } else { "no" }),
            false => json!((100.0 * (x + 0.3 * noise)).round() / 10.0),
        };
        (x, target)
    };
    (0..ROWS).map(row).collect()
}

/// A model of these rows that was trained on the first of them and measured on the last.
async fn trained(service: &TestApp, name: &str, rows: &[(f64, Value)]) -> Value {
    let line =
        |(x, target): &(f64, Value)| format!("{x},{}\n", target.as_str().map_or(target.to_string(), String::from));
    let csv = format!("x,y\n{}", rows.iter().map(line).collect::<String>());
    let path =
        format!("/train?name={name}&target=y&split=order&validation_split=0.25&epochs=12&hidden_layers=8&members=1");
    let job = service.post_csv(&path, csv).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    job
}

/// What the model says of the rows that were held out.
async fn answers(service: &TestApp, name: &str, rows: &[(f64, Value)]) -> Vec<Value> {
    let records: Vec<Value> = rows[ROWS - HELD_OUT..].iter().map(|(x, _)| json!({"x": x})).collect();
    let reply = service.post(&format!("/models/{name}/predict"), json!({"records": records})).await.expect(200);
    reply["predictions"].as_array().expect("predictions").clone()
}

async fn plot(service: &TestApp, path: &str) -> Picture {
    let reply = service.get(path).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "image/svg+xml"), "{path}");
    Picture::read(&String::from_utf8(reply.body).expect("text"))
}

fn near(drawn: &[(f64, f64)], expected: &[(f64, f64)], most: f64) {
    assert_eq!(drawn.len(), expected.len(), "{drawn:?}\n{expected:?}");
    for (one, other) in drawn.iter().zip(expected) {
        assert!((one.0 - other.0).abs() < most && (one.1 - other.1).abs() < most, "{one:?} is not {other:?}");
    }
}

#[tokio::test]
async fn curves_of_two_classes_are_those_of_the_rows_held_out() {
    let service = TestApp::start().await;
    let rows = rows(true);
    trained(&service, "two", &rows).await;
    let probability = |answer: &Value| answer["probabilities"]["yes"].as_f64().expect("a probability");
    let said: Vec<f64> = answers(&service, "two", &rows).await.iter().map(probability).collect();
    let truth: Vec<bool> = rows[ROWS - HELD_OUT..].iter().map(|(_, target)| target == "yes").collect();

    let mut bins = Vec::new();
    for bin in 0..10 {
        let (low, high) = (f64::from(bin) / 10.0, f64::from(bin + 1) / 10.0);
        let inside: Vec<usize> = (0..HELD_OUT).filter(|row| said[*row] > low && said[*row] <= high).collect();
        if !inside.is_empty() {
            let mean =
                |value: &dyn Fn(usize) -> f64| inside.iter().map(|row| value(*row)).sum::<f64>() / inside.len() as f64;
            bins.push((mean(&|row| said[row]), mean(&|row| f64::from(u8::from(truth[row])))));
        }
    }
    let calibration = plot(&service, "/models/two/versions/1/plots/calibration.svg").await;
    assert!(bins.len() > 3, "{bins:?}");
    near(&calibration.circles(), &bins, 0.002);
    assert_eq!(calibration.description.matches("came true").count(), bins.len(), "{}", calibration.description);

    // Each corner lets through what scores at least as high as one of the rows.
    let mut thresholds = said.clone();
    thresholds.sort_by(f64::total_cmp);
    let share = |threshold: f64, class: bool| {
        let of_class = (0..HELD_OUT).filter(|row| truth[*row] == class);
        let (passed, all): (Vec<usize>, Vec<usize>) = of_class.partition(|row| said[*row] >= threshold);
        passed.len() as f64 / (passed.len() + all.len()) as f64
    };
    let corners: Vec<(f64, f64)> = thresholds.iter().map(|at| (share(*at, false), share(*at, true))).collect();
    let roc = plot(&service, "/models/two/versions/1/plots/roc.svg?theme=dark").await;
    let line = roc.longest_line();
    assert!(line.len() > 10);
    near(&[line[0], *line.last().expect("a line")], &[(0.0, 0.0), (1.0, 1.0)], 0.002);
    for point in &line[1..] {
        let is_one = |corner: &(f64, f64)| (corner.0 - point.0).abs() < 0.002 && (corner.1 - point.1).abs() < 0.002;
        assert!(corners.iter().any(is_one), "{point:?} of {corners:?}");
    }
    let area: f64 = line.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum();
    let version = service.get("/models/two/versions/1").await.expect(200);
    assert!((area - version["metrics"]["roc_auc"].as_f64().expect("an area")).abs() < 0.003, "{area}: {version}");

    let matrix = &version["metrics"]["confusion_matrix"];
    let confusion = plot(&service, "/models/two/versions/1/plots/confusion.svg").await;
    let counts: Vec<f64> =
        matrix.as_array().expect("rows").iter().flat_map(numbers).filter(|count| *count > 0.0).collect();
    let written: Vec<f64> = confusion.texts.iter().filter_map(|text| text.words.parse().ok()).collect();
    assert_eq!(written, counts);
    let told = format!("no: {} as no, {} as yes; yes: ", matrix[0][0], matrix[0][1]);
    assert!(confusion.description.contains(&told), "{}", confusion.description);

    // The file of a version has the curves with it.
    let file = service.get("/models/two/versions/1/export?format=safetensors").await.body;
    service.post_file("/models/import?name=copy", "application/octet-stream", file).await.expect(201);
    let copied = plot(&service, "/models/copy/versions/1/plots/roc.svg").await;
    near(&copied.longest_line(), &line, 1e-9);
    let lost = service.get("/models/copy/versions/1/plots/loss.svg").await.problem(404, "plot_unavailable");
    assert!(text(&lost["detail"]).contains("imported"), "{lost}");
    for plot in ["residuals.svg", "nothing.svg", "roc", "roc.png"] {
        service.get(&format!("/models/two/versions/1/plots/{plot}")).await.problem(404, "plot_unavailable");
    }
    service.get("/models/two/versions/9/plots/roc.svg").await.problem(404, "version_not_found");
    service.get("/models/two/versions/1/plots/roc.svg?theme=blue").await.problem(422, "invalid_value");
    service.stop().await;
}

#[tokio::test]
async fn residuals_and_importance_are_those_of_the_rows_held_out() {
    let service = TestApp::start().await;
    let rows = rows(false);
    trained(&service, "number", &rows).await;
    let said = answers(&service, "number", &rows).await;
    let held_out = rows[ROWS - HELD_OUT..].iter().zip(&said);
    let expected: Vec<(f64, f64)> = held_out
        .map(|((_, target), answer)| {
            let (actual, predicted) = (target.as_f64().expect("a number"), answer["value"].as_f64().expect("a value"));
            (predicted, actual - predicted)
        })
        .collect();
    let residuals = plot(&service, "/models/number/versions/1/plots/residuals.svg").await;
    near(&residuals.circles(), &expected, 0.02);
    assert!(residuals.description.starts_with("y: actual less predicted of 100 rows"), "{}", residuals.description);

    let importance = plot(&service, "/models/number/versions/1/plots/importance.svg").await;
    let told = service.get("/models/number/versions/1/importance").await.expect(200);
    let value = told["features"][0]["importance"].as_f64().expect("a number");
    let shown = importance.description.split("x: ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a value");
    assert!((shown.parse::<f64>().expect("a number") / value - 1.0).abs() < 1e-3, "{shown}: {value}");
    for (plot, reason) in [("roc", "predicts numbers"), ("calibration", "predicts numbers"), ("confusion", "one class")]
    {
        let problem = service.get(&format!("/models/number/versions/1/plots/{plot}.svg")).await;
        let problem = problem.problem(404, "plot_unavailable");
        assert!(text(&problem["detail"]).contains(reason), "{problem}");
    }
    service.stop().await;
}

#[tokio::test]
async fn the_curves_of_a_job_are_its_epochs() {
    let service = TestApp::start().await;
    let job = trained(&service, "two", &rows(true)).await;
    let id = text(&job["id"]);
    let epochs = service.get(&format!("/jobs/{id}/epochs")).await.expect(200);
    let of = |field: &str| -> Vec<(f64, f64)> {
        let value =
            |entry: &Value| (entry["epoch"].as_f64().expect("an epoch"), entry[field].as_f64().expect("a loss"));
        epochs["data"].as_array().expect("epochs").iter().map(value).collect()
    };
    for path in [format!("/jobs/{id}/plot.svg"), "/models/two/versions/1/plots/loss.svg".into()] {
        let picture = plot(&service, &path).await;
        near(&picture.longest_line(), &of("loss"), 0.03);
        for (epoch, loss) in of("loss") {
            let told = format!("epoch {epoch}: {}", (loss * 1e4).round() / 1e4);
            assert!(picture.description.contains(&told), "{told} in {}", picture.description);
        }
        // Validation is a broken line, all of whose pieces lie on the curve.
        let broken = picture.lines.iter().filter(|line| line.colour == "#B04E00" && line.points.len() == 2);
        assert!(broken.count() > 10, "{path}");
    }
    let version = plot(&service, "/models/two/versions/1/plots/loss.svg").await;
    let best = job["best_epoch"].as_f64().expect("an epoch");
    let reached = of("validation_loss")[best as usize - 1];
    near(&version.circles(), &[reached], 0.03);
    service.delete(&format!("/jobs/{id}")).await;
    let gone = service.get("/models/two/versions/1/plots/loss.svg").await.problem(404, "plot_unavailable");
    assert!(text(&gone["detail"]).contains("deleted"), "{gone}");
    service.stop().await;
}

#[tokio::test]
async fn the_published_epoch_of_a_long_training_is_marked() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    // Of 1,500 epochs each second is drawn; the best of a loss that only rises or only falls would be among these.
    let rows: Vec<Value> = (0..60).map(|row| json!([drawn(row, 3), drawn(row, 4)])).collect();
    let targets: Vec<f64> = (0..60).map(|row| drawn(row, 5).round()).collect();
    let mut published = 0;
    for seed in 0..9 {
        let job = json!({"inputs": rows, "targets": targets, "epochs": 1500, "validation_split": 0.5, "seed": seed,
            "early_stopping": {"patience": 1500}});
        let job = service.train("xor", job).await;
        published = job["best_epoch"].as_u64().expect("an epoch");
        let version = job["version"].as_u64().expect("a version");
        let picture = plot(&service, &format!("/models/xor/versions/{version}/plots/loss.svg")).await;
        assert_eq!(picture.circles().len(), 1, "epoch {published}");
        if published % 2 == 1 {
            break;
        }
    }
    assert!(published % 2 == 1, "no published epoch lies between two that are drawn");
    service.stop().await;
}

#[tokio::test]
async fn models_by_layer_sizes_have_the_plots_of_what_they_predict() {
    let service = TestApp::start().await;
    let mut xor = xor_model("xor");
    xor["loss"] = json!("binary_cross_entropy");
    service.post("/models", xor).await.expect(201);
    let rows = json!([[0, 0], [0, 1], [1, 0], [1, 1]]);
    let job = service.train("xor", json!({"inputs": rows, "targets": [0, 1, 1, 0], "epochs": 20})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    for name in ["loss", "confusion", "calibration", "roc"] {
        plot(&service, &format!("/models/xor/versions/active/plots/{name}.svg")).await;
    }
    service.get("/models/xor/versions/1/plots/importance.svg").await.problem(404, "plot_unavailable");

    service.post("/models", json!({"name": "line", "layers": [1, 1]})).await.expect(201);
    service.train("line", json!({"inputs": [[0], [1], [2]], "targets": [1, 3, 5.5], "epochs": 20})).await;
    let said = service.post("/models/line/predict", json!({"inputs": [[0], [1], [2]]})).await.expect(200);
    let said: Vec<f64> = said["outputs"].as_array().expect("outputs").iter().map(|row| numbers(row)[0]).collect();
    let expected: Vec<(f64, f64)> =
        said.iter().zip([1.0, 3.0, 5.5]).map(|(value, actual)| (*value, actual - value)).collect();
    near(&plot(&service, "/models/line/versions/1/plots/residuals.svg").await.circles(), &expected, 0.02);

    service.post("/models", json!({"name": "pair", "layers": [1, 2]})).await.expect(201);
    service.train("pair", json!({"inputs": [[0], [1]], "targets": [[1, 3], [2, 4]], "epochs": 2})).await;
    let several = service.get("/models/pair/versions/1/plots/residuals.svg").await.problem(404, "plot_unavailable");
    assert!(text(&several["detail"]).contains("several outputs"), "{several}");
    service.stop().await;
}

/// Whatever people call things, a picture is well-formed and holds no more than text.
#[tokio::test]
async fn names_are_text_in_a_picture() {
    let service = TestApp::start().await;
    let classes = ["<script>alert(1)</script>", "a & \"b\"", "tab\tbell\u{7}", "\u{fffe}猫", &"long ".repeat(40)];
    let line = |row: usize| format!("{},\"{}\"\n", row % 50, classes[row % 50 / 10].replace('"', "\"\""));
    let csv = format!("x <y>,class\n{}", (0..200).map(line).collect::<String>());
    let job = service.post_csv("/train?name=odd&target=class&epochs=3", csv).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    for name in ["loss", "confusion", "calibration", "importance"] {
        let picture = plot(&service, &format!("/models/odd/versions/1/plots/{name}.svg")).await;
        assert!(picture.title.starts_with("odd, version 1: "), "{}", picture.title);
    }
    let confusion = plot(&service, "/models/odd/versions/1/plots/confusion.svg").await;
    assert!(confusion.description.contains("<script>alert(1)</script>: "), "{}", confusion.description);
    assert!(confusion.texts.iter().any(|text| text.words == "tab bell\u{fffd}"), "{:?}", confusion.texts);
    service.stop().await;
}
