//! Clients that are refused while they still send their body: they see the reply, whatever they look at first.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::refusals::{LONG, head, refused, reply, sent, with_taken};
use crate::support::{TestApp, flowers_csv, text};

#[tokio::test]
async fn who_sends_all_of_a_long_body_first_gets_the_reply() {
    let service = with_taken().await;
    let pieces = vec![b'1'; 1 << 20];
    for path in ["/datasets?name=taken", "/train?target=species&name=taken"] {
        let mut stream = sent(&service, head(path, "text/csv", LONG, "").as_bytes()).await;
        for _ in 0..LONG >> 20 {
            stream.write_all(&pieces).await.expect("the connection is open to the end of the body");
        }
        let (head, problem) = reply(&mut stream).await;
        assert!(head.starts_with("http/1.1 409 ") && problem["code"] == "name_taken", "{head} {problem}");
        assert_eq!(stream.read(&mut [0]).await.expect("an end in peace"), 0);
    }
    let unread = service.app.meters.connections_cut.with_label_values(&["unread"]);
    assert_eq!(unread.get(), 0);
}

#[tokio::test]
async fn who_asks_first_sends_nothing_in_vain() {
    let service = with_taken().await;
    let asks = "expect: 100-continue\r\n";
    for length in [40, LONG] {
        refused(&service, &head("/datasets?name=taken", "text/csv", length, asks), 409, "name_taken").await;
    }
    let csv = flowers_csv(40);
    let mut stream = sent(&service, head("/datasets?name=new", "text/csv", csv.len(), asks).as_bytes()).await;
    let mut told = [0; 25];
    stream.read_exact(&mut told).await.expect("to go on");
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(csv.as_bytes()).await.expect("sent");
    let (head, stored) = reply(&mut stream).await;
    assert!(head.starts_with("http/1.1 201 ") && stored["rows"] == 40, "{head}");
}

#[tokio::test]
async fn a_short_body_that_nobody_wants_keeps_its_connection() {
    let service = with_taken().await;
    let body = "x".repeat(20_000);
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    stream.set_nodelay(true).expect("an open connection");
    for path in ["/models/none/predict", "/datasets?name=taken", "/models/xor/predict"] {
        for chunked in [false, true] {
            let head = match chunked {
                false => head(path, "text/csv", body.len(), ""),
                true => format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"),
            };
            stream.write_all(head.as_bytes()).await.expect("sent");
            // As clients do that send head and body one after the other.
            tokio::time::sleep(Duration::from_millis(10)).await;
            let body = if chunked { format!("4e20\r\n{body}\r\n0\r\n\r\n") } else { body.clone() };
            stream.write_all(body.as_bytes()).await.expect("sent");
            let (head, problem) = reply(&mut stream).await;
            assert!(head.starts_with("http/1.1 4") && !head.contains("connection: close"), "{head}");
            assert!(["model_not_found", "name_taken", "model_not_trained"].contains(&text(&problem["code"])));
        }
    }
    stream.write_all(b"GET /models/xor HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sent");
    assert_eq!(reply(&mut stream).await.1["name"], "xor");
}

#[tokio::test]
async fn a_body_that_does_not_come_holds_no_reply_back() {
    let service = with_taken().await;
    for length in [100, 60 << 10] {
        let since = Instant::now();
        refused(&service, &head("/datasets?name=taken", "text/csv", length, ""), 409, "name_taken").await;
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    }
}

#[tokio::test]
async fn who_is_heard_out_makes_room_first() {
    let service = TestApp::with(|settings| settings.max_connections = Some(3)).await;
    let long = head("/nowhere", "text/csv", LONG, "");
    let mut heard = sent(&service, long.as_bytes()).await;
    reply(&mut heard).await;
    let mut others = Vec::new();
    for _ in 0..2 {
        let mut other = sent(&service, b"GET /models HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        reply(&mut other).await;
        others.push(other);
    }
    heard.write_all(b"more").await.expect("it is heard out");
    assert_eq!(service.app.meters.connections.get(), 3);
    // Nobody has been silent for as long as it takes to make room.
    let mut new = sent(&service, b"GET /models HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(reply(&mut new).await.0.starts_with("http/1.1 200 "));
    let gone = async {
        while heard.write_all(b"more").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await
        }
    };
    tokio::time::timeout(Duration::from_secs(3), gone).await.expect("its connection is gone");
    for other in &mut others {
        other.write_all(b"GET /models HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("open");
        assert!(reply(other).await.0.starts_with("http/1.1 200 "));
    }
}

#[tokio::test]
async fn who_pauses_is_not_heard_out_for_ever_nor_while_the_service_stops() {
    let mut service = TestApp::start().await;
    let long = head("/nowhere", "text/csv", LONG, "");
    let (mut silent, mut stays) = (sent(&service, long.as_bytes()).await, sent(&service, long.as_bytes()).await);
    let since = Instant::now();
    reply(&mut silent).await;
    reply(&mut stays).await;
    let open = || service.app.meters.connections.get();
    let steady = async {
        for _ in 0..14 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            stays.write_all(&[b'a'; 4096]).await.expect("who goes on is heard out");
        }
    };
    steady.await;
    assert!(since.elapsed() > Duration::from_secs(7));
    assert_eq!((open(), service.app.meters.connections_cut.with_label_values(&["unread"]).get()), (1, 1));
    let since = Instant::now();
    service.begin_stop();
    service.has_ended().await;
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
}
