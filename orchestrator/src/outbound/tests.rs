//! Requests against a real server on this machine, and names that change their minds (F073).

use super::*;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers with the next of these sets of addresses, the last one for ever.
struct Flips(Mutex<Vec<Vec<IpAddr>>>, AtomicUsize);

impl Flips {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().map(|set| set.iter().map(|text| text.parse().unwrap()).collect()).collect();
        Arc::new(Self(Mutex::new(answers), AtomicUsize::new(0)))
    }
}

impl Lookup for Flips {
    fn lookup(&self, _: &str) -> resolve::Found<'_> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async move { Ok(answer) })
    }
}

/// A server that gives this answer to every connection; and how many there were.
async fn server(answer: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (address, seen)
}

fn request(url: &str, allow_private: bool) -> Request {
    Request {
        method: reqwest::Method::GET,
        url: Url::parse(url).unwrap(),
        headers: HeaderMap::new(),
        body: Vec::new(),
        timeout: Duration::from_secs(5),
        response_bytes: 100,
        allow_private,
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";

#[tokio::test]
async fn f073_loopback_is_refused_unless_it_is_allowed() {
    let (address, seen) = server(OK).await;
    let outbound = Outbound::new(Policy::default());
    let refused = outbound.send(request(&format!("http://{address}/"), false)).await.unwrap_err();
    assert!(matches!(&refused, Fault::Policy(message) if message.contains("loopback")), "{refused:?}");
    assert_eq!(seen.load(Ordering::SeqCst), 0, "nothing was connected to");
    let answer = outbound.send(request(&format!("http://{address}/"), true)).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hi"[..]));
    let allowed = Outbound::new(Policy::parse(&["127.0.0.0/8".to_owned()]).unwrap());
    assert_eq!(allowed.send(request(&format!("http://{address}/"), false)).await.unwrap().status, 200);
}

#[tokio::test]
async fn f073_a_name_that_leads_to_one_forbidden_address_is_refused_whole() {
    let (address, seen) = server(OK).await;
    let lookup = Flips::new(&[&["8.8.8.8", "127.0.0.1"]]);
    let outbound = Outbound::with_lookup(Policy::default(), lookup);
    let refused = outbound.send(request(&format!("http://rebind.example:{}/", address.port()), false)).await.unwrap_err();
    assert!(matches!(refused, Fault::Policy(_)), "{refused:?}");
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn f073_a_name_is_resolved_once_and_the_checked_address_is_the_one_connected_to() {
    let (address, seen) = server(OK).await;
    // Were it resolved a second time for the connection, that would lead elsewhere.
    let lookup = Flips::new(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let outbound = Outbound::with_lookup(Policy::parse(&["127.0.0.1".to_owned()]).unwrap(), lookup.clone());
    let url = format!("http://flip.example:{}/", address.port());
    assert_eq!(outbound.send(request(&url, false)).await.unwrap().status, 200);
    assert_eq!((lookup.1.load(Ordering::SeqCst), seen.load(Ordering::SeqCst)), (1, 1));
    let refused = outbound.send(request(&url, false)).await.unwrap_err();
    assert!(matches!(refused, Fault::Policy(_)), "no connection is kept past its check: {refused:?}");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn f073_redirects_are_not_followed_and_answers_are_bounded() {
    let (other, reached) = server(OK).await;
    let redirect: &'static str = Box::leak(
        format!("HTTP/1.1 302 Found\r\nlocation: http://{other}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").into_boxed_str(),
    );
    let (address, _) = server(redirect).await;
    let outbound = Outbound::new(Policy::default());
    assert_eq!(outbound.send(request(&format!("http://{address}/"), true)).await.unwrap().status, 302);
    assert_eq!(reached.load(Ordering::SeqCst), 0);
    let long: &'static str = Box::leak(format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(101)).into_boxed_str());
    let (address, _) = server(long).await;
    assert_eq!(outbound.send(request(&format!("http://{address}/"), true)).await.unwrap_err(), Fault::TooLarge(100));
    let (address, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nbroken").await;
    let broken = outbound.send(request(&format!("http://{address}/"), true)).await.unwrap_err();
    assert!(matches!(broken, Fault::Unreachable(_)), "{broken:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked = Request { timeout: Duration::from_millis(50), ..request(&url, true) };
    assert_eq!(Outbound::new(Policy::default()).send(asked).await.unwrap_err(), Fault::TimedOut(50));
    drop(listener);
    let gone = Outbound::new(Policy::default()).send(request(&url, true)).await.unwrap_err();
    assert!(matches!(gone, Fault::Unreachable(_)), "{gone:?}");
}
