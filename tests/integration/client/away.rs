//! Commands whose service is away, refuses, or takes its time.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use super::ends::end_of;
use super::{command, penguins};

/// Reads a request, and gives its method and path.
fn request_of(connection: &mut TcpStream) -> String {
    let (mut read, mut piece) = (Vec::new(), [0; 1024]);
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return head.split(' ').take(2).collect::<Vec<_>>().join(" ");
            }
        }
        let count = connection.read(&mut piece).expect("a request");
        assert!(count > 0, "the request breaks off");
        read.extend_from_slice(&piece[..count]);
    }
}

/// Answers a request.
fn reply(connection: &mut TcpStream, status: &str, kind: &str, body: &str) {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nretry-after: 1\r\nconnection: close\r\n");
    let reply = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    connection.write_all(reply.as_bytes()).expect("it is read");
}

/// A service of one training, which refuses its events twice before it tells of its end.
fn busy_service(listener: &TcpListener) {
    let mut refusals =
        [("429 Too Many Requests", "overloaded"), ("503 Service Unavailable", "unavailable")].into_iter();
    loop {
        let (mut connection, _) = listener.accept().expect("a client");
        let path = request_of(&mut connection);
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
        reply(&mut connection, status, kind, &body);
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

/// Knows the model, stores a data set that is read as its rows were, takes its time with a measure or a training of it, and is told to delete it.
fn slow_service(listener: &TcpListener, child: u32) {
    let (mut connection, _) = listener.accept().expect("a client");
    assert_eq!(request_of(&mut connection), "GET /models/m");
    reply(&mut connection, "200 OK", "application/json", r#"{"name":"m","target":"y","active_version":1}"#);
    let (mut connection, _) = listener.accept().expect("a client");
    assert_eq!(request_of(&mut connection), "POST /datasets?read_as=m");
    reply(&mut connection, "201 Created", "application/json", r#"{"id":"d"}"#);
    let (mut slow, _) = listener.accept().expect("a client");
    request_of(&mut slow);
    assert!(Command::new("kill").args(["-INT", &child.to_string()]).status().expect("it runs").success());
    let (mut connection, _) = listener.accept().expect("a client");
    assert_eq!(request_of(&mut connection), "DELETE /datasets/d");
    reply(&mut connection, "204 No Content", "application/json", "");
}

#[tokio::test]
async fn an_interrupt_leaves_no_data_set_behind() {
    let file = penguins();
    for words in [&["evaluate", "m", &file][..], &["train", "--model", "m", &file]] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut slow = command(&format!("http://{}", listener.local_addr().expect("an address")), words);
        let slow = slow.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let id = slow.id();
        let service = std::thread::spawn(move || slow_service(&listener, id));
        let (status, _, err) = end_of(slow).await;
        assert!(status == Some(130) && err == "interrupted\n", "{status:?} {err}");
        service.join().expect("no panic");
    }
}
