//! Between us and a server: counts what the server sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Default)]
struct Counts {
    down: AtomicU64,
    links: AtomicUsize,
    open: AtomicUsize,
    most: AtomicUsize,
}

pub struct Relay {
    pub port: u16,
    counts: Arc<Counts>,
}

impl Relay {
    /// Listen for connections to this port.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self { port: listener.local_addr().unwrap().port(), counts: Arc::default() };
        let counts = Arc::clone(&relay.counts);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let counts = Arc::clone(&counts);
                counts.links.fetch_add(1, Ordering::Relaxed);
                counts.most.fetch_max(counts.open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let _either_end_left = pump(client, port, &counts).await;
                    counts.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        relay
    }

    /// Bytes that the server has sent and we have taken.
    pub fn down(&self) -> u64 {
        self.counts.down.load(Ordering::Relaxed)
    }

    /// Connections so far.
    pub fn links(&self) -> usize {
        self.counts.links.load(Ordering::Relaxed)
    }

    /// Connections that were open at once.
    pub fn most(&self) -> usize {
        self.counts.most.load(Ordering::Relaxed)
    }
}

async fn pump(client: TcpStream, port: u16, counts: &Counts) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.into_split(), server.into_split());
    let up = async { tokio::io::copy(&mut from_client, &mut to_server).await.map(|_| ()) };
    let down = async {
        let mut piece = vec![0; 64 << 10];
        loop {
            let read = from_server.read(&mut piece).await?;
            if read == 0 {
                return Ok(());
            }
            to_client.write_all(&piece[..read]).await?;
            counts.down.fetch_add(read as u64, Ordering::Relaxed);
        }
    };
    tokio::select! {
        up = up => up,
        down = down => down,
    }
}
