//! Places are taken and given back, in turns and up to their bounds.

use std::time::Duration;

use futures_util::FutureExt;

use super::*;

#[tokio::test]
async fn what_is_taken_and_what_waits_is_told() {
    let workplaces = Workplaces::new(1);
    let place = workplaces.take(None).await;
    assert_eq!(workplaces.occupancy(), Occupancy { places: 1, taken: 1, waiting: Some(0) });
    let mut second = Box::pin(workplaces.take(None));
    assert!(tokio::time::timeout(Duration::from_millis(5), &mut second).await.is_err());
    assert_eq!(workplaces.occupancy().waiting, Some(1));
    drop(place);
    let place = second.await;
    assert_eq!(workplaces.occupancy(), Occupancy { places: 1, taken: 1, waiting: Some(0) });
    let given_up = tokio::time::timeout(Duration::from_millis(5), workplaces.take(None)).await;
    assert!(given_up.is_err() && workplaces.occupancy().waiting == Some(0), "who gives up waits no more");
    drop(place);
    assert_eq!(workplaces.occupancy(), Occupancy { places: 1, taken: 0, waiting: Some(0) });
}

#[tokio::test]
async fn a_burst_is_no_crowd_and_a_queue_that_stands_is_one_until_few_wait() {
    let workplaces = Workplaces::new(2);
    let places = [workplaces.take(None).await, workplaces.take(None).await];
    let mut waiting: Vec<_> = (0..STANDING * 2).map(|_| Box::pin(workplaces.take(None))).collect();
    for one in &mut waiting {
        assert!(tokio::time::timeout(Duration::ZERO, one).await.is_err());
    }
    assert!(!workplaces.are_crowded(None), "a burst waits");
    tokio::time::sleep(BURST).await;
    assert!(workplaces.are_crowded(None));
    waiting.pop();
    assert!(!workplaces.are_crowded(None), "one more may wait");
    let mut last = Box::pin(workplaces.take(None));
    assert!(tokio::time::timeout(Duration::ZERO, &mut last).await.is_err());
    assert!(workplaces.are_crowded(None), "the queue has stood all the while");
    drop((waiting, last));
    let mut waiting: Vec<_> = (0..STANDING * 2).map(|_| Box::pin(workplaces.take(None))).collect();
    for one in &mut waiting {
        assert!(tokio::time::timeout(Duration::ZERO, one).await.is_err());
    }
    assert!(workplaces.are_crowded(None), "it was gone for a moment");
    drop((places, waiting));
    tokio::time::sleep(GAP).await;
    let _places = [workplaces.take(None).await, workplaces.take(None).await];
    let mut waiting: Vec<_> = (0..STANDING * 2).map(|_| Box::pin(workplaces.take(None))).collect();
    for one in &mut waiting {
        assert!(tokio::time::timeout(Duration::ZERO, one).await.is_err());
    }
    assert!(!workplaces.are_crowded(None), "a queue that was gone stands anew");
    for _ in STANDING * 2..BURSTING * 2 {
        let mut one = Box::pin(workplaces.take(None));
        assert!(!workplaces.are_crowded(None) && tokio::time::timeout(Duration::ZERO, &mut one).await.is_err());
        waiting.push(one);
    }
    assert!(workplaces.are_crowded(None), "a burst has an end");
}

fn client(last: u8) -> Option<Client> {
    Some(std::net::IpAddr::from([10, 0, 0, last]).into())
}

#[tokio::test]
async fn clients_take_turns_and_none_has_all() {
    let workplaces = Workplaces::new(5);
    let mut places = Vec::new();
    for _ in 0..4 {
        places.push(workplaces.take(client(1)).await);
    }
    let order = Arc::new(Mutex::new(Vec::new()));
    let wait = |client, name: &'static str| {
        let (workplaces, order) = (workplaces.clone(), order.clone());
        tokio::spawn(async move {
            let place = workplaces.take(client).await;
            order.lock().expect("nothing panics").push(name);
            place
        })
    };
    let mut waiting = vec![wait(client(1), "first"), wait(client(1), "second"), wait(client(1), "third")];
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(workplaces.occupancy(), Occupancy { places: 5, taken: 4, waiting: Some(3) }, "one is left to others");
    places.push(workplaces.take(client(2)).await);
    waiting.extend([wait(client(2), "other"), wait(None, "own")]);
    tokio::time::sleep(Duration::from_millis(5)).await;
    while workplaces.occupancy().waiting > Some(0) {
        drop(places.remove(0));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(*order.lock().expect("nothing panics"), ["own", "first", "other", "second", "third"]);
    for place in waiting {
        drop(place.await.expect("no panic"));
    }
    drop(places);
    assert_eq!(workplaces.occupancy(), Occupancy { places: 5, taken: 0, waiting: Some(0) });
}

#[tokio::test]
async fn one_who_waits_much_is_told_before_others_are() {
    let workplaces = Workplaces::new(2);
    let _places = [workplaces.take(client(1)).await, workplaces.take(client(1)).await];
    let mut waiting = Vec::new();
    while !workplaces.are_crowded(client(1)) {
        let mut one = Box::pin(workplaces.take(client(1)));
        assert!(tokio::time::timeout(Duration::ZERO, &mut one).await.is_err());
        waiting.push(one);
    }
    assert!((4..BURSTING * 2).contains(&waiting.len()), "{}", waiting.len());
    assert!(!workplaces.are_crowded(client(2)));
    tokio::time::sleep(BURST).await;
    waiting.truncate(1);
    assert!(workplaces.are_crowded(client(1)) && !workplaces.are_crowded(client(2)));
    // It goes on to come, though none of it waits any more, and another's may.
    waiting.clear();
    for _ in 0..4 {
        tokio::time::sleep(GAP / 2).await;
        assert!(workplaces.are_crowded(client(1)) && !workplaces.are_crowded(client(2)));
    }
    tokio::time::sleep(2 * GAP).await;
    assert!(!workplaces.are_crowded(client(1)), "it came no more for a while");
}

#[tokio::test]
async fn a_queue_of_one_client_is_no_crowd_for_another() {
    let workplaces = Workplaces::new(2);
    let _places = [workplaces.take(client(1)).await, workplaces.take(client(1)).await];
    let waits = |last| {
        let mut one = Box::pin(workplaces.take(client(last)));
        assert!(one.as_mut().now_or_never().is_none(), "no place is free");
        one
    };
    let _own = [1, 1, 1, 1].map(waits);
    tokio::time::sleep(BURST).await;
    assert!(workplaces.are_crowded(client(1)), "its own queue stands");
    assert!(!workplaces.are_crowded(client(2)), "of four that wait only one has its turn before");
    let _other = waits(2);
    assert!(workplaces.are_crowded(client(3)), "two have their turns before, as many as there are places");
    assert!(workplaces.are_crowded(None), "the service's own work waits for all");
}

#[tokio::test]
async fn one_place_of_long_work_is_left_to_others_and_so_much_waits() {
    let workplaces = Workplaces::leaving_one(2);
    let _own = workplaces.take(client(1)).await;
    let waits = |of| {
        let mut one = Box::pin(workplaces.take(client(of)));
        assert!(one.as_mut().now_or_never().is_none(), "no place is free");
        one
    };
    let mut waiting = vec![waits(1)];
    let other = workplaces.take(client(2)).await;
    let most = MostWaiting { before: 3, of_one: 3, burst: BURST };
    waiting.extend([waits(1), waits(1), waits(1)]);
    assert!(!workplaces.are_full(client(1), most), "a burst is no queue");
    tokio::time::sleep(BURST).await;
    assert!(workplaces.are_full(client(1), most) && !workplaces.are_full(client(3), most));
    waiting.extend([waits(3), waits(4)]);
    assert!(workplaces.are_full(client(5), most), "three have their turns before");
    drop(other);
    waiting.drain(..3);
    assert!(!workplaces.are_full(client(1), most), "few of its own wait");
    let alone = Workplaces::leaving_one(1).take(client(1)).now_or_never();
    assert!(alone.is_some(), "a single place is for everybody");
    assert_eq!([2, 3, 4, 5, 10].map(|places| Workplaces::leaving_one(places).0.of_one), [1, 2, 3, 4, 8]);
}
