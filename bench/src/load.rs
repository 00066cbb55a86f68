//! The load generator: keep-alive HTTP/1.1 over plain sockets, requests as they are in a file, as fast as they are answered
//! or at a fixed pace.

use crate::limits::{ANSWER_BYTES, PACED_CONNECTIONS};
use crate::{child, engine, posts, stats};
use anyhow::{Context, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// What to post, and how.
#[derive(Args)]
pub struct Arguments {
    /// Where to
    #[arg(long)]
    to: SocketAddr,
    /// File of requests
    #[arg(long)]
    posts: PathBuf,
    /// Requests of the file that were posted before
    #[arg(long, default_value_t = 0)]
    skip: usize,
    /// How many
    #[arg(long)]
    count: usize,
    /// Connections that each wait for their answer
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// So many a second instead, whenever the answers come
    #[arg(long)]
    pace: Option<u32>,
}

/// What came of it.
#[derive(Serialize, Deserialize)]
pub struct Loaded {
    /// From the first byte to the last answer.
    pub seconds: f64,
    /// Milliseconds from request to answer.
    pub p50_ms: f64,
    /// Of a hundred, the slowest but one.
    pub p99_ms: f64,
    /// With a pace: when each request was sent, in nanoseconds since 1970, in the order of the file.
    pub sent_ns: Vec<u64>,
}

type Work = Rc<RefCell<std::iter::Enumerate<std::vec::IntoIter<Vec<u8>>>>>;

/// Post, and answer with what came of it.
///
/// # Errors
/// At the first answer that is not an acceptance.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let posts = posts::read(&arguments.posts, arguments.skip, arguments.count)?;
    let work: Work = Rc::new(RefCell::new(posts.into_iter().enumerate()));
    let connections = if arguments.pace.is_some() { PACED_CONNECTIONS } else { arguments.connections };
    let mut open = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(arguments.to).await?;
        stream.set_nodelay(true)?;
        open.push(stream);
    }
    let (local, started) = (LocalSet::new(), Instant::now());
    let every = arguments.pace.map(|pace| Duration::from_secs(1) / pace);
    let tasks: Vec<_> = open.into_iter().map(|stream| local.spawn_local(connection(stream, Rc::clone(&work), started, every))).collect();
    local.await;
    let seconds = started.elapsed().as_secs_f64();
    let mut all = Vec::with_capacity(arguments.count);
    for task in tasks {
        all.extend(task.await??);
    }
    all.sort_by_key(|post| post.number);
    let took = stats::sorted_ms(all.iter().map(|post| post.took));
    let sent_ns = if every.is_some() { all.iter().map(|post| post.sent_ns).collect() } else { Vec::new() };
    child::answer(&Loaded { seconds, p50_ms: stats::percentile(&took, 0.5), p99_ms: stats::percentile(&took, 0.99), sent_ns })
}

struct Posted {
    number: usize,
    sent_ns: u64,
    took: Duration,
}

async fn connection(mut stream: TcpStream, work: Work, started: Instant, every: Option<Duration>) -> anyhow::Result<Vec<Posted>> {
    let (mut buffer, mut done) = (vec![0; ANSWER_BYTES], Vec::new());
    loop {
        let next = work.borrow_mut().next();
        let Some((number, post)) = next else { return Ok(done) };
        if let Some(every) = every {
            tokio::time::sleep_until((started + every * u32::try_from(number)?).into()).await;
        }
        let (sent_ns, sent) = (engine::now_ns(), Instant::now());
        stream.write_all(&post).await?;
        accepted(&mut stream, &mut buffer).await.with_context(|| format!("post {number}"))?;
        done.push(Posted { number, sent_ns, took: sent.elapsed() });
    }
}

/// Read one answer; it has to be an acceptance.
async fn accepted(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<()> {
    let mut filled = 0;
    let (head, whole) = loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        ensure!(read > 0, "the server closed the connection");
        filled += read;
        if let Some(head) = buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break (head + 4, head + 4 + content_length(&buffer[..head])?);
        }
    };
    ensure!(whole <= buffer.len(), "an answer of {whole} bytes");
    while filled < whole {
        let read = stream.read(&mut buffer[filled..whole]).await?;
        ensure!(read > 0, "the server closed the connection");
        filled += read;
    }
    let good = buffer.starts_with(b"HTTP/1.1 200 ") && buffer[head..whole].windows(10).any(|bytes| bytes == b"\"accepted\"");
    if !good {
        bail!("not accepted: {}", String::from_utf8_lossy(&buffer[..whole]));
    }
    Ok(())
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let text = std::str::from_utf8(head)?;
    let value = text.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok(value.context("an answer without a length")?.1.trim().parse()?)
}
