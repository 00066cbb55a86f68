//! The life of connections: slow ones, many of them, refused ones, and the end of the server (F004, F063, F064).

use crate::support::client::{self, Answer};
use crate::support::{PATIENT, World};
use sortie::http::limits::{Limits, RefusalLimits};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn short() -> Limits {
    let ms = Duration::from_millis;
    Limits { connections: 64, first_byte: ms(200), head: ms(300), body: ms(400), linger: ms(100), drain: ms(500), ..Limits::default() }
}

/// What a peer gets that sends this and then nothing.
async fn silent_after(world: &World, bytes: &[u8]) -> (Vec<u8>, Duration) {
    let since = Instant::now();
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    (client::read_all(&mut stream).await, since.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f064_whoever_is_slow_is_let_go() {
    let world = World::with(short(), PATIENT).await;
    let job = world.job().await;
    let post = job.result(2);
    let patience = Duration::from_secs(10);
    let (got, took) = silent_after(&world, b"").await;
    assert!(got.is_empty() && took < patience, "no byte: {took:?}");
    let (got, took) = silent_after(&world, b"POST / HT").await;
    assert!(Answer::read(&got).is_none_or(|answer| answer.status == 408) && took < patience, "half a head: {took:?}");
    let (got, took) = silent_after(&world, &post.head(100)).await;
    assert_eq!(Answer::read(&got).unwrap().status, 408, "no body");
    assert!(took < patience, "{took:?}");
    let idle = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let (got, took) = silent_after(&world, idle).await;
    assert_eq!(Answer::read(&got).unwrap().status, 200);
    assert!(took < patience, "an idle connection is not kept: {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f064_idle_connections_up_to_the_cap_do_not_keep_others_out() {
    let world = World::with(Limits { first_byte: Duration::from_secs(5), ..short() }, PATIENT).await;
    let job = world.job().await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(world.address).await.unwrap());
    }
    let since = Instant::now();
    assert_eq!(job.result(2).send(&world).await.status, 200);
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f063_refusals_run_out_and_valid_callers_do_not_notice() {
    let refusals = RefusalLimits { burst: 10, per_second: 0, global_burst: 1_000, global_per_second: 0 };
    let world = World::with(Limits::default(), refusals).await;
    let job = world.job().await;
    let statuses: Vec<u16> = {
        let mut all = Vec::new();
        for _ in 0..50 {
            all.push(job.result(2).token("guess").send(&world).await.status);
        }
        all
    };
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 40);
    let limited = job.result(2).token("guess").send(&world).await;
    assert!(limited.header("retry-after").is_some());
    assert_eq!(limited.callback().receipt, None);
    assert_eq!(job.result(2).send(&world).await.status, 200, "from the same address");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_reused_up_to_a_number() {
    let world = World::with(Limits { requests: 3, ..Limits::default() }, PATIENT).await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(&request.repeat(5)).await.unwrap();
    let got = client::read_all(&mut stream).await;
    assert_eq!(String::from_utf8_lossy(&got).matches("HTTP/1.1 200").count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f004_a_graceful_stop_finishes_or_refuses_what_is_in_flight() {
    let world = World::with(Limits { body: Duration::from_secs(30), ..short() }, PATIENT).await;
    let (quick, stuck) = (world.job().await, world.job().await);
    let half = async |post: &crate::support::job::Post| {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(&post.head(post.body.len())).await.unwrap();
        stream.write_all(&post.body[..10]).await.unwrap();
        stream
    };
    let (finishing, hanging) = (quick.result(2), stuck.result(2));
    let mut one = half(&finishing).await;
    let mut two = half(&hanging).await;
    // Both have to be in the hands of the server before it stops: an exchange behind them on the same loop shows it.
    assert_eq!(client::get(world.address, "/healthz").await.status, 200);
    world.stop.send_replace(true);
    one.write_all(&finishing.body[10..]).await.unwrap();
    assert_eq!(Answer::read(&client::read_all(&mut one).await).unwrap().status, 200, "finished");
    let refused = Answer::read(&client::read_all(&mut two).await).unwrap();
    assert_eq!(refused.status, 503, "not finished in time");
    assert!(refused.header("retry-after").is_some());
    let since = Instant::now();
    world.server.await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(10));
    assert!(TcpStream::connect(world.address).await.is_err(), "nothing listens any more");
    assert!(!sortie_store::Reads::steps(&*world.store, &quick.run).await.unwrap()[0].is_open());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_up_and_ready_until_the_store_is_gone() {
    let world = World::new().await;
    assert_eq!(client::get(world.address, "/healthz").await.status, 200);
    let job = world.job().await;
    world.store.close().await.unwrap();
    assert_eq!(client::get(world.address, "/healthz").await.status, 200, "the process is up");
    let ready = client::get(world.address, "/readyz").await;
    assert_eq!(ready.status, 503, "{ready:?}");
    let answer = job.result(2).send(&world).await;
    assert_eq!(answer.status, 503, "no store, no promise");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.callback().receipt, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_a_store_is_ready() {
    let world = World::new().await;
    assert_eq!(client::get(world.address, "/readyz").await.status, 200);
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(b"HEAD /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).await.unwrap();
    assert_eq!(Answer::read(&got).unwrap().status, 200);
}
