//! Many rows at once: numbers as octets, columns as Arrow streams, bodies and replies packed with gzip.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use bytesize::ByteSize;
use epochd::config::Settings;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, eventually, flowers_csv, numbers, text};

const OCTETS: &str = "application/octet-stream";
const JSON: &str = "application/json";
const XOR: &str = "/models/xor/predict";

fn octets(rows: &[f32]) -> Vec<u8> {
    rows.iter().flat_map(|value| value.to_le_bytes()).collect()
}

async fn send(service: &TestApp, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
    let request =
        headers.iter().fold(service.raw(Method::POST, path), |request, (name, value)| request.header(*name, *value));
    service.send(Method::POST, path, request.body(body)).await
}

fn values(reply: &Reply) -> Vec<f64> {
    reply.body.as_chunks::<4>().0.iter().map(|octets| f64::from(f32::from_le_bytes(*octets))).collect()
}

#[tokio::test]
async fn octets_and_json_may_be_mixed_both_ways() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let rows: Vec<f32> = (0..40_000).map(|i| i as f32 / 20_000.0).collect();
    let as_json = json!({"inputs": rows.chunks(2).collect::<Vec<_>>()});
    let expected = service.post(XOR, as_json.clone()).await.expect(200);
    let outputs: Vec<f64> = expected["outputs"].as_array().expect("rows").iter().flat_map(numbers).collect();
    let narrow: Vec<f64> = outputs.iter().map(|value| f64::from(*value as f32)).collect();

    for accept in ["*/*", OCTETS, "application/octet-stream, application/json"] {
        let reply = send(&service, XOR, &[("content-type", OCTETS), ("accept", accept)], octets(&rows)).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, OCTETS));
        assert_eq!(values(&reply), narrow);
        assert_eq!((reply.header("x-shape"), reply.header("x-model-version")), ("20000,1", "1"));
        assert_eq!(reply.header("x-model-id"), text(&expected["model_id"]));
    }
    let reply = send(&service, XOR, &[("content-type", OCTETS), ("accept", JSON)], octets(&rows)).await;
    assert_eq!(reply.expect(200), expected);
    let json_in = as_json.to_string().into_bytes();
    let reply = send(&service, XOR, &[("content-type", JSON), ("accept", OCTETS)], json_in).await;
    assert_eq!(values(&reply), narrow);
}

/// Rows shared among threads give, to the bit and in their order, what they give when one thread works on all.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn many_rows_are_shared_among_threads() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let rows: Vec<f32> = (0..100_000).map(|i| (i * 7919 % 100_003) as f32 / 100_003.0).collect();
    let rows_as_text: Vec<String> = rows.chunks(2).map(|row| format!("[{:.9}, {:.9}]", row[0], row[1])).collect();
    let predict = async |rows: &[String]| {
        let body = format!("{{\"inputs\": [{}]}}", rows.join(", "));
        send(&service, XOR, &[("content-type", JSON), ("accept", OCTETS)], body.into_bytes()).await.body
    };
    let mut expected = Vec::new();
    for shard in rows_as_text.chunks(1024) {
        expected.extend(predict(shard).await);
    }
    assert_eq!(predict(&rows_as_text).await, expected);
    let reply = send(&service, XOR, &[("content-type", OCTETS)], octets(&rows)).await;
    assert_eq!((&reply.body, reply.header("x-shape")), (&expected, "50000,1"));
    let reply = send(&service, XOR, &[("content-type", OCTETS), ("accept", JSON)], octets(&rows)).await.expect(200);
    let outputs = reply["outputs"].as_array().expect("rows").iter().flat_map(numbers).map(|value| value as f32);
    assert_eq!(octets(&outputs.collect::<Vec<_>>()), expected);
}

#[tokio::test]
async fn octets_that_are_no_rows_are_refused() {
    let service = TestApp::with(|settings| settings.max_body = Some(ByteSize::kib(1))).await;
    service.with_xor().await;
    for wrong in [vec![], vec![0; 4], vec![0; 12], vec![0; 9]] {
        let detail = format!("the body has {} bytes; a row of 2 inputs has 8", wrong.len());
        let problem = service.post_file(XOR, OCTETS, wrong).await.problem(422, "shape_mismatch");
        assert!(text(&problem["detail"]).starts_with(&detail), "{problem}");
    }
    for not_finite in [f32::NAN, f32::INFINITY] {
        let body = octets(&[0.0, 1.0, 1.0, not_finite]);
        let problem = service.post_file(XOR, OCTETS, body).await.problem(422, "invalid_value");
        assert_eq!(problem["detail"], "row 2, input 2 is not finite");
    }
    service.post_file(XOR, OCTETS, vec![0; 1032]).await.problem(413, "payload_too_large");
    service.post_file("/models/xor/train", OCTETS, vec![0; 8]).await.problem(415, "unsupported_media_type");
    let path = "/models/xor/predict?interval=0.9";
    service.post_file(path, OCTETS, vec![0; 8]).await.problem(422, "invalid_value");
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).expect("packed");
    packer.finish().expect("packed")
}

fn unpacked(reply: &Reply) -> Vec<u8> {
    assert_eq!((reply.status, reply.header("content-encoding")), (200, "gzip"));
    let mut bytes = Vec::new();
    GzDecoder::new(&reply.body[..]).read_to_end(&mut bytes).expect("gzip");
    bytes
}

#[tokio::test]
async fn bodies_and_long_replies_may_be_packed() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let body = json!({"inputs": vec![[0, 1]; 20_000]});
    let plain = service.post(XOR, body.clone()).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    let gzip = [("content-type", JSON), ("content-encoding", "gzip"), ("accept-encoding", "br, gzip;q=0.5")];
    let reply = service_reply(&service, &gzip, packed(body.to_string().as_bytes())).await;
    assert!(reply.len() == plain.body.len() && serde_json::from_slice::<Value>(&reply).expect("JSON") == plain.json());

    let train = json!({"inputs": [[0, 1]], "targets": [1], "epochs": 1}).to_string();
    let reply = send(&service, "/models/xor/train", &gzip[..2], packed(train.as_bytes())).await;
    service.ended(&reply.expect(202)).await;

    let short = [("content-type", JSON), ("accept-encoding", "gzip")];
    let reply = send(&service, XOR, &short, json!({"inputs": [0, 1]}).to_string().into_bytes()).await;
    assert_eq!((reply.status, reply.header("content-encoding")), (200, ""));
    let refused = [("content-type", JSON), ("accept-encoding", "gzip;q=0")];
    let reply = send(&service, XOR, &refused, body.to_string().into_bytes()).await;
    assert_eq!(reply.header("content-encoding"), "");
    let loud = [("content-type", JSON), ("accept-encoding", "GZIP")];
    let plain = service.post(XOR, body.clone()).await;
    assert_eq!(service_reply(&service, &loud, body.to_string().into_bytes()).await, plain.body);
    let binary = [("content-type", OCTETS), ("accept-encoding", "gzip")];
    let reply = send(&service, XOR, &binary, vec![0; 80_000]).await;
    assert_eq!((reply.header("content-encoding"), reply.body.len()), ("", 40_000));
}

/// The unpacked reply, whatever the contract says of packed ones.
async fn service_reply(service: &TestApp, headers: &[(&str, &str)], body: Vec<u8>) -> Vec<u8> {
    let request =
        headers.iter().fold(service.raw(Method::POST, XOR), |request, (name, value)| request.header(*name, *value));
    let response = request.body(body).send().await.expect("a reply");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    unpacked(&Reply { status, headers, body: response.bytes().await.expect("whole").to_vec() })
}

#[tokio::test]
async fn what_is_packed_is_bounded_by_what_comes_out() {
    let service = TestApp::with(|settings| settings.max_body = Some(ByteSize::kib(64))).await;
    service.with_xor().await;
    let gzip = [("content-type", JSON), ("content-encoding", "gzip")];
    let bomb = packed(format!("{{\"inputs\":[0,1]{}}}", " ".repeat(10 << 20)).as_bytes());
    assert!(bomb.len() < 32 << 10);
    send(&service, XOR, &gzip, bomb).await.problem(413, "payload_too_large");
    send(&service, XOR, &gzip, b"{\"inputs\":[0,1]}".to_vec()).await.problem(400, "malformed_request");
    let whole = packed(b"{\"inputs\":[0,1]}");
    send(&service, XOR, &gzip, whole[..whole.len() - 9].to_vec()).await.problem(400, "malformed_request");
    send(&service, XOR, &gzip, whole).await.expect(200);
}

#[tokio::test]
async fn events_are_never_packed() {
    let service = TestApp::start().await;
    let job = service.with_xor().await;
    let path = format!("/jobs/{}/events", text(&job["id"]));
    let request = service.raw(Method::GET, &path).header("accept-encoding", "gzip");
    let reply = service.send(Method::GET, &path, request).await;
    assert_eq!((reply.status, reply.header("content-encoding")), (200, ""));
    assert!(reply.header("content-type").starts_with("text/event-stream"));
}

const ARROW: &str = "application/vnd.apache.arrow.stream";
const FLOWERS: &str = "/models/flowers/predict";

/// A service with the model `flowers`.
async fn with_flowers(change: impl FnOnce(&mut Settings)) -> TestApp {
    let service = TestApp::with(change).await;
    let job = service.post_csv("/train?name=flowers&target=species&epochs=20", flowers_csv(150)).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");
    service
}

/// Petals of flowers in two batches: integers as words would be read, a width that is missing, a column of words.
fn petals() -> Vec<u8> {
    let lengths: ArrayRef = Arc::new(Float32Array::from(vec![1.5, 4.25, 6.0]));
    let widths: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.2), None, Some(2.5)]));
    let sepals: ArrayRef = Arc::new(StringArray::from(vec!["5", "6", "7"]));
    let species: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let columns = [("petal_length", lengths), ("species", species), ("petal_width", widths), ("sepal_length", sepals)];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)));
    let batch = batch.expect("columns of equal length");
    stream(&[batch.slice(0, 2), batch.slice(2, 1)])
}

fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).expect("a schema");
    batches.iter().for_each(|batch| writer.write(batch).expect("a batch"));
    writer.into_inner().expect("a stream")
}

/// The columns of an Arrow reply: their names, words, and numbers row by row.
fn columns(reply: &Reply) -> (Vec<String>, Vec<String>, Vec<Vec<f64>>) {
    assert_eq!((reply.status, reply.header("content-type")), (200, ARROW));
    assert_eq!(reply.header("x-model-version"), "1");
    let (mut names, mut words, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for batch in StreamReader::try_new(&reply.body[..], None).expect("Arrow") {
        let batch = batch.expect("a batch");
        names = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
        words.extend(batch.column(0).as_string::<i32>().iter().map(|word| word.expect("a word").to_owned()));
        let floats: Vec<_> =
            batch.columns().iter().filter_map(|column| column.as_primitive_opt::<Float32Type>()).collect();
        numbers.extend((0..batch.num_rows()).map(|row| floats.iter().map(|of| f64::from(of.value(row))).collect()));
    }
    (names, words, numbers)
}

#[tokio::test]
async fn arrow_says_what_json_and_csv_say() {
    let service = with_flowers(|_| ()).await;
    let records = json!([{"petal_length": 1.5, "petal_width": 0.2, "sepal_length": 5},
                         {"petal_length": 4.25, "sepal_length": 6},
                         {"petal_length": 6, "petal_width": 2.5, "sepal_length": 7}]);
    let csv = "petal_length,petal_width,sepal_length\n1.5,0.2,5\n4.25,,6\n6,2.5,7\n";
    let expected = service.post(FLOWERS, json!({"records": records})).await.expect(200);
    let entries = expected["predictions"].as_array().expect("a list");
    let classes = ["setosa", "versicolor", "virginica"];
    let replies = [
        send(&service, FLOWERS, &[("content-type", ARROW)], petals()).await,
        send(&service, FLOWERS, &[("content-type", "text/csv"), ("accept", ARROW)], csv.into()).await,
        send(
            &service,
            FLOWERS,
            &[("content-type", JSON), ("accept", ARROW)],
            json!({"records": records}).to_string().into(),
        )
        .await,
    ];
    for reply in &replies {
        let (names, labels, probabilities) = columns(reply);
        assert_eq!(names[0], "prediction");
        assert_eq!(names[1..], classes.map(|class| format!("probability_{class}")));
        for ((label, row), entry) in labels.iter().zip(probabilities).zip(entries) {
            assert_eq!(label, text(&entry["label"]));
            let of_json = classes.map(|class| f64::from(entry["probabilities"][class].as_f64().expect("p") as f32));
            assert_eq!(row, of_json);
        }
        assert_eq!(labels.len(), 3);
    }
    let reply = send(&service, FLOWERS, &[("content-type", ARROW), ("accept", JSON)], petals()).await;
    assert_eq!(reply.expect(200), expected);
    let as_csv = send(&service, FLOWERS, &[("content-type", ARROW), ("accept", "text/csv")], petals()).await;
    let of_csv = service.post_csv(FLOWERS, csv).await;
    assert_eq!(as_csv.body, of_csv.body);
    let sets = send(&service, "/models/flowers/predict?interval=0.5", &[("content-type", ARROW)], petals()).await;
    assert_eq!(columns(&sets).0.last().map(String::as_str), Some("label_set"));

    let train = "/train?name=widths&target=petal_width&epochs=5";
    let job = service.post_csv(train, flowers_csv(150)).await.expect(202);
    service.ended(&job).await;
    let rows = RecordBatch::try_from_iter([("petal_length", Arc::new(Float32Array::from(vec![1.5])) as ArrayRef)]);
    let body = stream(&[rows.expect("a column")]);
    let path = "/models/widths/predict?interval=0.5";
    let reply = send(&service, path, &[("content-type", ARROW)], body.clone()).await;
    let read = StreamReader::try_new(&reply.body[..], None).expect("Arrow").next().expect("a batch").expect("a batch");
    let entry = send(&service, path, &[("content-type", ARROW), ("accept", JSON)], body).await.expect(200);
    for (column, field) in [("prediction", "value"), ("lower", "lower"), ("upper", "upper")] {
        let value = read.column_by_name(column).expect("a column").as_primitive::<Float64Type>().value(0);
        assert_eq!(json!(value), entry["predictions"][0][field], "{column}");
    }
}

/// Flags by long names make the reply to 60 rows 3 MB, which is written in pieces.
#[tokio::test]
async fn flags_of_many_long_names_are_whole_in_every_form() {
    let service = TestApp::start().await;
    let columns: Vec<String> = (0..60).map(|at| format!("c{at}{}", "_".repeat(900))).collect();
    let lines = |rows: usize, cell: &dyn Fn(usize, usize) -> String| {
        let line = |row| (0..columns.len()).map(|at| cell(row, at)).collect::<Vec<_>>().join(",") + "\n";
        (0..rows).map(line).collect::<Vec<_>>()
    };
    let seen = lines(30, &|row, at| ((row * 7 + at) % 10).to_string());
    let with_target = seen.iter().enumerate().map(|(row, line)| line.replace('\n', &format!(",{}\n", row % 5)));
    let csv = columns.join(",") + ",y\n" + &with_target.collect::<String>();
    let job = service.post_csv("/train?name=wide&target=y&epochs=1&recipe=plain", csv).await.expect(202);
    assert_eq!(service.ended(&job).await["state"], "succeeded");

    // Each row is outside in more columns than the one before.
    let csv =
        columns.join(",") + "\n" + &lines(60, &|row, at| if at <= row { "99".into() } else { "5".into() }).concat();
    let asked = async |accept: &str| {
        let headers = [("content-type", "text/csv"), ("accept", accept)];
        send(&service, "/models/wide/predict?flags=true", &headers, csv.clone().into()).await
    };
    let expected: Vec<Value> = asked(JSON).await.expect(200)["predictions"].as_array().expect("a list").clone();
    assert_eq!(expected[59]["flags"].as_array().map(Vec::len), Some(60));
    let of_csv = asked("text/csv").await.body;
    let records = csv::Reader::from_reader(&of_csv[..]).into_records().map(|line| line.expect("a line"));
    let flags: Vec<Value> = records.map(|line| serde_json::from_str(&line[1]).expect("a list")).collect();
    assert!(flags.iter().zip(&expected).all(|(flags, of_json)| *flags == of_json["flags"]) && flags.len() == 60);
    let of_arrow = asked(ARROW).await.body;
    assert!(of_arrow.len() > 1 << 20, "{} bytes", of_arrow.len());
    let (mut row, mut batches) = (0, 0);
    for batch in StreamReader::try_new(&of_arrow[..], None).expect("Arrow") {
        let batch = batch.expect("a batch");
        for flags in batch.column_by_name("flags").expect("a column").as_list::<i32>().iter() {
            let flags = flags.expect("a list");
            let names =
                flags.as_struct().column(0).as_string::<i32>().iter().map(|name| name.expect("a name").to_owned());
            let of_json = expected[row]["flags"].as_array().expect("a list");
            assert!(names.eq(of_json.iter().map(|flag| text(&flag["column"]).to_owned())), "row {row}");
            row += 1;
        }
        batches += 1;
    }
    assert!(row == 60 && batches > 1, "{row} rows in {batches} batches");
}

#[tokio::test]
async fn an_arrow_stream_that_cannot_be_used_is_refused() {
    let service = with_flowers(|settings| settings.request_memory = Some(ByteSize::kib(512))).await;
    let column =
        |name: &str, array: ArrayRef| stream(&[RecordBatch::try_from_iter([(name, array)]).expect("a column")]);
    let post = async |body: Vec<u8>| service.post_file(FLOWERS, ARROW, body).await;
    post(vec![7; 100]).await.problem(400, "malformed_data");
    let whole = petals();
    post(whole[..whole.len() / 2].to_vec()).await.problem(400, "malformed_data");
    post(column("petal_length", Arc::new(Float64Array::from(Vec::<f64>::new())))).await.problem(400, "malformed_data");
    let unknown = post(column("petal_lenght", Arc::new(Float64Array::from(vec![1.0])))).await;
    unknown.problem(422, "unknown_field");
    let words = post(column("petal_length", Arc::new(StringArray::from(vec!["1", "long"])))).await;
    let problem = words.problem(422, "invalid_value");
    assert!(text(&problem["detail"]).starts_with("row 2, column \"petal_length\""), "{problem}");
    let large = column("petal_length", Arc::new(Float64Array::from(vec![1.0; 70_000])));
    post(large).await.problem(413, "payload_too_large");
    service.with_xor().await;
    service.post_file(XOR, ARROW, petals()).await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_reply_holds_memory_until_it_is_read_or_given_up() {
    let service = TestApp::with(|settings| settings.request_memory = Some(ByteSize::mib(48))).await;
    service.with_xor().await;
    // 8 MB of rows, and as many for the numbers of a reply that is more than sockets hold.
    let rows = octets(&vec![0.5; 2_000_000]);
    let ask = async || {
        let request = service.raw(Method::POST, XOR).header("content-type", OCTETS).header("accept", JSON);
        request.body(rows.clone()).send().await.expect("a reply")
    };
    let unread = ask().await;
    assert_eq!(unread.status(), 200);
    assert_eq!(ask().await.status(), 429);
    drop(unread);
    eventually("what a reply held that was given up is free again", async || ask().await.status() == 200).await;
}

#[tokio::test]
async fn predictions_for_a_file_end_when_the_client_leaves() {
    let service = with_flowers(|_| ()).await;
    const ROWS: usize = 6_000_000;
    let body = packed(format!("petal_length\n{}", "1.5\n".repeat(ROWS)).as_bytes());
    let request = service.raw(Method::POST, FLOWERS).header("content-type", "text/csv");
    let request = tokio::spawn(request.header("content-encoding", "gzip").body(body).send());
    let predicted = async || {
        let metrics = service.raw(Method::GET, "/metrics").send().await.expect("a reply").text().await.expect("text");
        let line = metrics.lines().find_map(|line| line.strip_prefix("epochd_predictions_total "));
        line.and_then(|count| count.parse::<f64>().ok()).expect("a counter") as usize
    };
    eventually("rows are predicted", async || predicted().await > 0).await;
    request.abort();
    let (mut before, mut now) = (0, predicted().await);
    while now > before {
        // The work has ended once the counter stands still for so long.
        tokio::time::sleep(Duration::from_millis(300)).await;
        (before, now) = (now, predicted().await);
    }
    assert!(now < ROWS, "all {now} rows are predicted for nobody");
}

#[tokio::test]
async fn how_a_body_is_packed_is_said_once_and_not_of_a_form() {
    let service = with_flowers(|_| ()).await;
    let twice = [("content-type", "text/csv"), ("content-encoding", "identity"), ("content-encoding", "gzip")];
    let csv = packed(b"petal_length\n1.5\n");
    send(&service, FLOWERS, &twice, csv).await.problem(415, "unsupported_media_type");
    let form = [("content-type", "multipart/form-data; boundary=x"), ("content-encoding", "gzip")];
    send(&service, "/datasets?name=form", &form, packed(b"--x--")).await.problem(415, "unsupported_media_type");
}
