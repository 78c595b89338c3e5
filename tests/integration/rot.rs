//! Bits that flip in stored data sets: an error, or what was stored; never other numbers.

use std::fs;

use crate::support::{Home, TestApp};

#[tokio::test]
async fn a_flipped_bit_in_a_data_set_never_gives_other_rows() {
    let mut home = Home::new().await;
    home.blob_url = None;
    let service = TestApp::on(home).await;
    let csv = fs::read(format!("{}/examples/data/penguins.csv", env!("CARGO_MANIFEST_DIR"))).expect("the example");
    service.post_csv("/datasets?name=penguins", csv).await.expect(201);
    let folder = service.home().folder().join("blobs/datasets");
    let file = fs::read_dir(folder).expect("a folder").next().expect("a file").expect("an entry").path();
    let whole = fs::read(&file).expect("a file");
    let good = service.get("/datasets/penguins/rows?limit=1000").await.expect(200);
    // Bits all over the file, by a step that shares no factor with its length.
    for n in 0..300 {
        let bit = n * 7919 * 8 % (whole.len() * 8) + n % 8;
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, flipped).expect("a file");
        let reply = service.get("/datasets/penguins/rows?limit=1000").await;
        match reply.status {
            200 => assert_eq!(reply.json(), good, "bit {bit}"),
            _ => drop(reply.problem(500, "state_damaged")),
        }
    }
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..length]).expect("a file");
        service.get("/datasets/penguins/rows?limit=1000").await.problem(500, "state_damaged");
    }
    fs::write(&file, &whole).expect("a file");
    assert_eq!(service.get("/datasets/penguins/rows?limit=1000").await.expect(200), good);
}
