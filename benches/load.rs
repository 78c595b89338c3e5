//! A load generator with an open loop: requests are due at a rate, whether or not the ones before are answered, and latency
//! counts from when a request was due. So a service that falls behind is seen to, which a closed loop would hide.
//!
//! `load ADDRESS PATH BODY_FILE CONNECTIONS RATE SECONDS` posts the file as JSON, `RATE` times a second in all, and prints a
//! line of JSON: replies by status, the latency of those that were accepted and of those refused (429), in microseconds, and
//! how many replies of 429 named no `Retry-After`. A rate of 0 is a closed loop: as fast as answers come. Needs the standard
//! library alone: `rustc --edition 2024 -O benches/load.rs`.

use std::collections::BTreeMap;
use std::io::{Error, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for a reply.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Of a connection's thread.
const STACK: usize = 128 << 10;

/// What to send, and how often.
struct Plan {
    address: String,
    request: Vec<u8>,
    connections: usize,
    /// Time between two requests of one connection; zero for a closed loop.
    pause: Duration,
    seconds: Duration,
}

impl Plan {
    fn of(given: &[String]) -> Option<Plan> {
        let [address, path, file, connections, rate, seconds] = given else { return None };
        let body = std::fs::read(file).ok()?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let (connections, rate): (usize, f64) = (connections.parse().ok()?, rate.parse().ok()?);
        let pause = if rate > 0.0 { Duration::from_secs_f64(connections as f64 / rate) } else { Duration::ZERO };
        let seconds = Duration::from_secs_f64(seconds.parse().ok()?);
        Some(Plan {
            address: address.clone(),
            request: [head.into_bytes(), body].concat(),
            connections,
            pause,
            seconds,
        })
    }
}

/// What one connection saw.
#[derive(Default)]
struct Seen {
    statuses: BTreeMap<u16, usize>,
    accepted: Vec<u32>,
    refused: Vec<u32>,
    without_retry_after: usize,
    failures: usize,
}

impl Seen {
    fn add(&mut self, other: Seen) {
        other.statuses.into_iter().for_each(|(status, count)| *self.statuses.entry(status).or_default() += count);
        self.accepted.extend(other.accepted);
        self.refused.extend(other.refused);
        self.without_retry_after += other.without_retry_after;
        self.failures += other.failures;
    }

    fn count(&mut self, reply: &Reply, latency: Duration) {
        *self.statuses.entry(reply.status).or_default() += 1;
        let micros = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        match reply.status {
            200 => self.accepted.push(micros),
            429 => {
                self.refused.push(micros);
                self.without_retry_after += usize::from(!reply.retry_after);
            }
            _ => {}
        }
    }
}

/// The head of a reply whose body has been read.
struct Reply {
    status: u16,
    retry_after: bool,
    /// Whether the connection ends after it.
    close: bool,
}

/// A connection that is made again when it ends.
struct Client<'a> {
    plan: &'a Plan,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Client<'_> {
    fn ask(&mut self) -> Result<Reply, Error> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.plan.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            self.stream = Some(stream);
        }
        let reply = self.exchange();
        if reply.as_ref().map_or(true, |reply| reply.close) {
            self.stream = None;
        }
        reply
    }

    /// Sends the request and reads the reply to its end.
    fn exchange(&mut self) -> Result<Reply, Error> {
        let stream = self.stream.as_mut().expect("it was made");
        stream.write_all(&self.plan.request)?;
        self.buffer.clear();
        let mut piece = [0; 16 << 10];
        let mut wanted = None;
        loop {
            let count = stream.read(&mut piece)?;
            if count == 0 {
                return Err(Error::other("the connection ended within a reply"));
            }
            self.buffer.extend_from_slice(&piece[..count]);
            if wanted.is_none() {
                wanted = head_of(&self.buffer).map(|(head, reply)| (head + length(&self.buffer[..head]), reply));
            }
            if let Some((_, reply)) = wanted.take_if(|(end, _)| self.buffer.len() >= *end) {
                return Ok(reply);
            }
        }
    }
}

/// The length of the head with its blank line, and what it says, once it is whole.
fn head_of(bytes: &[u8]) -> Option<(usize, Reply)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?.to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let has = |line: &str| head.contains(line);
    Some((end, Reply { status, retry_after: has("\r\nretry-after:"), close: has("\r\nconnection: close") }))
}

/// Bytes of the body, of which the service says how many there are.
fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = head.split("\r\n").find_map(|line| line.strip_prefix("content-length:"));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// One connection's share of the load.
fn client(plan: &Plan, number: usize, start: Instant) -> Seen {
    let mut client = Client { plan, stream: None, buffer: Vec::new() };
    let mut seen = Seen::default();
    // Connections take turns within a pause.
    let mut due = start + plan.pause.mul_f64(number as f64 / plan.connections as f64);
    let end = start + plan.seconds;
    while due < end && Instant::now() < end + TIMEOUT {
        if let Some(early) = due.checked_duration_since(Instant::now()) {
            thread::sleep(early);
        }
        match client.ask() {
            Ok(reply) => seen.count(&reply, due.elapsed()),
            Err(_) => seen.failures += 1,
        }
        due = if plan.pause.is_zero() { Instant::now() } else { due + plan.pause };
    }
    seen
}

/// `[median, 90th, 99th percentile, greatest]` of latencies; `null` if there is none.
fn percentiles(samples: &mut [u32]) -> String {
    samples.sort_unstable();
    let Some(last) = samples.len().checked_sub(1) else { return "null".into() };
    let at = |percent: usize| samples[last * percent / 100];
    format!("[{},{},{},{}]", at(50), at(90), at(99), at(100))
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let Some(plan) = Plan::of(&given) else {
        println!("usage: load ADDRESS PATH BODY_FILE CONNECTIONS RATE SECONDS");
        return;
    };
    let ready = Arc::new(Barrier::new(plan.connections));
    let mut all = Seen::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.connections)
            .map(|number| {
                let (ready, plan) = (Arc::clone(&ready), &plan);
                let run = move || {
                    ready.wait();
                    client(plan, number, Instant::now())
                };
                thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).expect("a thread for a connection")
            })
            .collect();
        threads.into_iter().for_each(|thread| all.add(thread.join().expect("a connection's thread does not panic")));
    });
    let statuses: Vec<String> = all.statuses.iter().map(|(status, count)| format!("\"{status}\":{count}")).collect();
    println!(
        "{{\"statuses\":{{{}}},\"failures\":{},\"without_retry_after\":{},\"accepted\":{},\"refused\":{}}}",
        statuses.join(","),
        all.failures,
        all.without_retry_after,
        percentiles(&mut all.accepted),
        percentiles(&mut all.refused)
    );
}
