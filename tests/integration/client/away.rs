//! Commands that watch a training while its service is away or refuses.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::ends::end_of;
use super::{Stdio, command};

/// Reads the head of a request, and gives its path.
fn path_of(connection: &mut TcpStream) -> String {
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = connection.read(&mut piece).expect("a request");
        assert!(read > 0, "the request breaks off");
        head.extend_from_slice(&piece[..read]);
    }
    String::from_utf8(head).expect("text").split(' ').nth(1).expect("a path").to_owned()
}

/// A service of one training, which refuses its events twice before it tells of its end.
fn busy_service(listener: &TcpListener) {
    let mut refusals =
        [("429 Too Many Requests", "overloaded"), ("503 Service Unavailable", "unavailable")].into_iter();
    loop {
        let (mut connection, _) = listener.accept().expect("a client");
        let path = path_of(&mut connection);
        let is_events = path.ends_with("/events");
        let (status, kind, body) = match refusals.next() {
            Some((status, code)) => {
                assert!(is_events, "{path}");
                (status, "application/problem+json", format!(r#"{{"title":"Later","code":"{code}"}}"#))
            }
            None if is_events => {
                let job =
                    r#"{"state":"succeeded","epoch":1,"epochs":1,"rows":3,"version":1,"model_id":"m","warnings":[]}"#;
                ("200 OK", "text/event-stream", format!("id: 1-1\nevent: state\ndata: {job}\n\n"))
            }
            None => ("200 OK", "application/json", r#"{"name":"m","active_version":1}"#.to_owned()),
        };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nretry-after: 1\r\nconnection: close\r\n");
        let reply = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        connection.write_all(reply.as_bytes()).expect("it is read");
        if !is_events {
            return;
        }
    }
}

#[tokio::test]
async fn a_refusal_that_passes_does_not_end_the_watching() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let service = std::thread::spawn(move || busy_service(&listener));
    let mut watching = command(&url, &["watch", "j"]);
    let watching = watching.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let (status, out, err) = end_of(watching).await;
    assert!(status == Some(0) && out.contains("m, version 1: 3 rows"), "{status:?} {out} {err}");
    service.join().expect("no panic");
}

#[tokio::test]
async fn a_service_that_is_given_up_leaves_the_training_to_be_watched() {
    let mut watching = command("http://127.0.0.1:1", &["watch", "j"]);
    let watching = watching.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let (status, _, err) = end_of(watching).await;
    assert!(status == Some(3) && err.contains("the training goes on; watch it by: epochd watch j"), "{status:?} {err}");
}
