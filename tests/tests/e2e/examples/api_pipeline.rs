//! `examples/api-pipeline`: a service that calls back, and one that has to be asked.

use super::release;
use serde_json::{Value, json};
use sortie_tests::run::Run;
use sortie_tests::world::World;
use sortie_tests::{cli, http, limits, wait};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A request as it came: line and headers.
#[derive(Clone, Debug)]
struct Request(String);

impl Request {
    fn is(&self, line: &str) -> bool {
        self.0.starts_with(&format!("{line} HTTP/1.1\r\n"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.0.lines().filter_map(|line| line.split_once(':')).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
    }
}

/// The service: its first answer to a POST is a failure, the next are tickets; a GET says `ready`.
struct Service {
    port: u16,
    came: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
}

impl Service {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (came, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (seen, stop) = (Arc::clone(&came), Arc::clone(&over));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                serve(stream, &seen);
            }
        });
        Self { port, came, over }
    }

    /// The requests with this line.
    fn came(&self, line: &str) -> Vec<Request> {
        self.came.lock().unwrap().iter().filter(|request| request.is(line)).cloned().collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Request>>) {
    stream.set_read_timeout(Some(limits::REQUEST)).unwrap();
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let head = loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let request = Request(format!("{head}\r\n"));
            if body.len() >= request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0) {
                break request;
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
        }
    };
    let first = seen.lock().unwrap().is_empty();
    let (status, body) = match () {
        () if first => ("503 Service Unavailable", json!({})),
        () if head.is("POST /api/render") => ("202 Accepted", json!({ "ticket": "t1" })),
        () if head.is("GET /api/render/t1") => ("200 OK", json!({ "state": "ready" })),
        () => ("404 Not Found", json!({})),
    };
    seen.lock().unwrap().push(head);
    let body = body.to_string();
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes());
}

/// Secrets and connection as the README sets them up.
fn set_up(world: &World, service: &Service) {
    for (name, value) in
        [("render-token", "a-token-of-the-service\n"), ("orders-webhook", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n")]
    {
        let file = world.scratch(name);
        std::fs::write(&file, value).unwrap();
        let _ = cli::run_reading(&world.it.home, &file, &["secret", "set", name]).data();
    }
    let url = format!("http://127.0.0.1:{}/api", service.port);
    let add = ["connection", "add", "render-service", "--kind", "http", "--endpoint", &url, "--bearer", "render-token", "--allow-private"];
    let _ = world.it.cli(&add).data();
    release(world, "api-pipeline");
}

fn order(world: &World, patience: &str) -> Run {
    Run::start(&world.it, "api-pipeline", &json!({ "order": "A-1", "patience": patience }))
}

#[test]
fn the_service_calls_back_by_the_url_that_it_was_handed() {
    let (world, service) = (World::new(), Service::start());
    set_up(&world, &service);
    let run = order(&world, "10m");
    let asked = wait::until("the service is asked twice", limits::RETRIED, || {
        let came = service.came("POST /api/render");
        (came.len() == 2).then_some(came)
    });
    let key = asked[0].header("idempotency-key");
    assert!(key.is_some_and(|key| !key.is_empty()), "{asked:?}");
    assert_eq!(key, asked[1].header("idempotency-key"), "every try carries the same key");
    assert_eq!(asked[1].header("authorization"), Some("Bearer a-token-of-the-service"));
    let url = asked[1].header("x-callback-url").unwrap();
    let target = &url[url.find("/v1/").unwrap()..];
    let post = |body: &Value| {
        let headers = [("Content-Type", "application/json")];
        http::send(world.it.callbacks, "POST", target, &headers, body.to_string().as_bytes()).unwrap()
    };
    let wrong = post(&json!({ "state": "maybe" }));
    assert!((400..500).contains(&wrong.status), "what does not fit the schema is refused: {wrong:?}");
    assert_eq!(post(&json!({ "state": "ready" })).status, 200);
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"], json!({ "state": "ready", "by": "webhook", "ticket": "t1" }), "{shown:#}");
    let history = Value::Array(run.history(&world.it)).to_string();
    assert!(!history.contains(target) && !history.contains("a-token-of-the-service"), "neither is text in the history");
    run.assert_ended_once(&world.it);
}

#[test]
fn a_service_that_does_not_call_back_is_asked() {
    let (world, service) = (World::new(), Service::start());
    set_up(&world, &service);
    let run = order(&world, "2s");
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"], json!({ "state": "ready", "by": "asking", "ticket": "t1" }), "{shown:#}");
    assert_eq!(service.came("GET /api/render/t1").len(), 1);
    run.assert_ended_once(&world.it);
}
