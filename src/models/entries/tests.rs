//! Tests of what is in memory of the models.

use std::collections::BTreeMap;
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::learning::network::Network;
use crate::learning::spec::{LayerSpec, ModelSpec};
use crate::models::ModelKind;

fn network() -> Network {
    let spec = ModelSpec { layers: [1, 1].map(LayerSpec::from).to_vec(), ..ModelSpec::default() };
    Network::new(Arc::new(spec.check().expect("a valid model").0))
}

fn model(id: u128, name: &str) -> Arc<Model> {
    Arc::new(Model {
        id: Uuid::from_u128(id),
        name: Some(name.to_owned()),
        kind: ModelKind::Layers(Arc::new(network().spec().clone())),
        initial_blob: None,
        metadata: BTreeMap::new(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        active: None,
        aliases: Vec::new(),
        activated_at: None,
        drift: OnceLock::new(),
    })
}

/// Reads a record as [`crate::models::ModelRegistry::get`] does.
fn put(entries: &Entries, model: &Arc<Model>) {
    let missed = entries.record("", Some(model.id)).expect_err("it is not here yet");
    entries.put_record(model, missed);
}

fn is_here(entries: &Entries, name: &str) -> bool {
    entries.record(name, None).is_ok()
}

#[test]
fn a_lookup_does_not_wait_for_another_and_a_change_does() {
    let entries = Arc::new(Entries::default());
    put(&entries, &model(1, "a"));
    let lookup = entries.read();
    let (told, heard) = mpsc::channel();
    let (other, tell) = (entries.clone(), told.clone());
    thread::spawn(move || tell.send(other.record("a", None).is_ok()).expect("somebody listens"));
    assert_eq!(heard.recv_timeout(Duration::from_secs(10)), Ok(true), "beside the first");
    let other = entries.clone();
    let change = thread::spawn(move || {
        other.changed(Uuid::from_u128(1));
        told.send(false).expect("somebody listens");
    });
    assert!(heard.recv_timeout(Duration::from_millis(50)).is_err(), "the first is not done");
    drop(lookup);
    assert_eq!(heard.recv_timeout(Duration::from_secs(10)), Ok(false));
    change.join().expect("no panic");
    assert!(!is_here(&entries, "a"));
}

#[test]
fn records_leave_in_the_order_of_their_use() {
    let bytes = model(1, "a").bytes();
    let entries = Entries::with_room_for(3 * bytes);
    (1..).zip(["a", "b", "c"]).for_each(|(id, name)| put(&entries, &model(id, name)));
    assert!(is_here(&entries, "a"));
    put(&entries, &model(4, "d"));
    assert!(is_here(&entries, "a"), "used after the others");
    put(&entries, &model(5, "e"));
    assert_eq!(["a", "b", "c", "d", "e"].map(|name| is_here(&entries, name)), [true, false, false, true, true]);
    assert_eq!(entries.read().by_name.len(), 3);
    assert_eq!(entries.read().record_bytes, 3 * bytes);
}

#[test]
fn a_record_read_before_a_change_is_not_put_back_after_it() {
    let entries = Entries::default();
    let slow = entries.record("a", None).expect_err("nothing is here");
    entries.changed(Uuid::from_u128(1));
    entries.put_record(&model(1, "a"), slow);
    assert!(!is_here(&entries, "a"));
    put(&entries, &model(1, "a"));
    assert!(is_here(&entries, "a"), "one that was read since");
}

#[test]
fn a_renamed_model_is_found_by_its_new_name_alone() {
    let entries = Entries::default();
    put(&entries, &model(1, "old"));
    entries.changed(Uuid::from_u128(1));
    put(&entries, &model(1, "new"));
    assert!(is_here(&entries, "new") && !is_here(&entries, "old"));
    put(&entries, &model(2, "old"));
    entries.changed(Uuid::from_u128(1));
    assert!(is_here(&entries, "old") && !is_here(&entries, "new"));
}

#[test]
fn a_predictor_stays_with_who_holds_it_when_its_version_goes_and_with_its_model_when_the_record_changes() {
    let entries = Entries::default();
    let id = Uuid::from_u128(1);
    let predictor = Arc::new(Predictor::from(network()));
    entries.put_predictor(id, 1, predictor.clone(), 100);
    put(&entries, &model(1, "a"));
    entries.changed(id);
    let held = entries.predictor(id, 1).expect("versions do not change");
    entries.drop_predictor(id, 1);
    assert!(entries.predictor(id, 1).is_none() && Arc::ptr_eq(&held, &predictor));
    assert_eq!(held.predict(ndarray::arr2(&[[0.0]]).view()).len(), 1);
    assert!(entries.read().by_id.is_empty(), "nothing is left of the model");
}

#[test]
fn predictors_leave_in_the_order_of_their_use_whatever_their_model() {
    let entries = Entries::default();
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let versions = [(first, 1), (first, 2), (second, 1)];
    for (id, number) in versions {
        entries.put_predictor(id, number, Arc::new(Predictor::from(network())), 100);
    }
    assert!(entries.predictor(first, 1).is_some());
    assert!(entries.drop_predictors(150, 0));
    assert_eq!(versions.map(|(id, number)| entries.predictor(id, number).is_some()), [true, false, false]);
    assert!(entries.drop_predictors(1, 0));
    assert!(!entries.drop_predictors(1, 0), "there is none");
}

#[test]
fn a_place_that_failed_does_not_take_the_one_that_came_after() {
    let entries = Entries::default();
    let id = Uuid::from_u128(1);
    let failed = entries.slot(id, 1, 100);
    assert!(Arc::ptr_eq(&failed, &entries.slot(id, 1, 100)), "both wait for one reading");
    entries.put_predictor(id, 1, Arc::new(Predictor::from(network())), 100);
    entries.drop_slot(id, 1, &failed);
    assert!(entries.predictor(id, 1).is_some());
    entries.removed(id);
    assert!(entries.predictor(id, 1).is_none());
}
