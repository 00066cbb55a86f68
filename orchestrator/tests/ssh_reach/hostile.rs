//! F079, F083, F088: servers that are none, or mean harm. Every phase ends in its time, and little memory is spent on it.

use crate::ssh_support::{Sshd, ask, quick, stand_in};
use sortie::launcher::{AskError, Sent};
use sortie::ssh::SshLauncher;
use sortie::ssh::limits::Limits;
use sortie_core::failure::FailureKind;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SHORT: Duration = Duration::from_millis(400);
/// Far above all limits of these tests, below those of real life.
const PATIENCE: Duration = Duration::from_secs(9);

fn limits() -> Limits {
    Limits { connect: SHORT, banner: SHORT, kex: SHORT * 2, auth: SHORT, handshake_tries: 1, ..quick() }
}

/// Ask a host whose server is this function.
async fn served<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> AskError
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    served_as(&Sshd::start(), serve).await
}

/// The same, with the keys of this real server on record.
async fn served_as<F>(sshd: &Sshd, serve: impl Fn(TcpStream) -> F + Send + 'static) -> AskError
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    let mut host = sshd.host();
    host.port = port;
    let started = Instant::now();
    let launcher: SshLauncher = sshd.launcher_with(stand_in(), limits());
    let error = tokio::time::timeout(PATIENCE, ask(&launcher, &host)).await.expect("bounded").unwrap_err();
    assert!(started.elapsed() < PATIENCE);
    assert_eq!(error.sent, Sent::Nothing, "{error}");
    error
}

async fn endlessly(mut stream: TcpStream, first: &'static [u8], again: &'static [u8]) -> std::io::Result<()> {
    stream.write_all(first).await?;
    loop {
        stream.write_all(again).await?;
    }
}

async fn hold(mut stream: TcpStream, first: &'static [u8]) -> std::io::Result<()> {
    stream.write_all(first).await?;
    let mut sink = [0; 4096];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}

#[tokio::test]
async fn f079_silence_is_given_up_in_each_phase() {
    let silent = served(|stream| hold(stream, b"")).await;
    assert!(silent.kind == FailureKind::Unreachable && silent.message.contains("waiting for its SSH banner"), "{silent}");
    assert!(silent.message.contains("says nothing"), "{silent}");
    let half = served(|stream| hold(stream, b"SSH-2.0-Half")).await;
    assert!(half.message.contains("waiting for its SSH banner"), "{half}");
    let greeted = served(|stream| hold(stream, b"SSH-2.0-OpenSSH_9.2\r\n")).await;
    assert!(greeted.kind == FailureKind::Unreachable && greeted.message.contains("exchanging keys"), "{greeted}");
}

#[tokio::test]
async fn f079_a_banner_without_end_and_garbage_are_given_up() {
    let line = served(|stream| endlessly(stream, b"", &[b'x'; 4096])).await;
    assert_eq!(line.kind, FailureKind::Unreachable, "{line}");
    let lines = served(|stream| endlessly(stream, b"", b"motd\r\n")).await;
    assert_eq!(lines.kind, FailureKind::Unreachable, "{lines}");
    let zeros = served(|stream| endlessly(stream, b"SSH-2.0-x\r\n", &[0; 4096])).await;
    assert_eq!(zeros.kind, FailureKind::Unreachable, "{zeros}");
    // A packet that says it has a gigabyte.
    let huge = served(|stream| endlessly(stream, b"SSH-2.0-x\r\n\x40\x00\x00\x00", &[7; 4096])).await;
    assert_eq!(huge.kind, FailureKind::Unreachable, "{huge}");
    let http = served(|stream| hold(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    assert_eq!(http.kind, FailureKind::Unreachable, "{http}");
}

#[tokio::test]
async fn f083_a_server_with_weak_algorithms_only_is_not_talked_to() {
    for weak in [
        "KexAlgorithms diffie-hellman-group14-sha1",
        "KexAlgorithms diffie-hellman-group14-sha256",
        "Ciphers aes128-cbc",
        "Ciphers aes128-ctr\nMACs hmac-sha1",
        "Ciphers aes256-ctr\nMACs hmac-sha1-etm@openssh.com,umac-64@openssh.com",
    ] {
        let sshd = Sshd::with(weak);
        let error = ask(&sshd.launcher(), &sshd.host()).await.unwrap_err();
        assert_eq!((error.kind, error.sent), (FailureKind::Unreachable, Sent::Nothing), "{weak}: {error}");
        assert_eq!(sshd.logins(), 0, "{weak}");
    }
    let sshd = Sshd::prepared("rsa", "HostKeyAlgorithms ssh-rsa\n", |_| ());
    let error = ask(&sshd.launcher(), &sshd.host()).await.unwrap_err();
    assert_eq!((error.kind, sshd.logins()), (FailureKind::HostKey, 0), "{error}");
}

/// Relays to a real server; the first packet that it sends after its NEWKEYS is dropped (CVE-2023-48795).
async fn truncate(client: TcpStream, port: u16) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (client.into_split(), server.into_split());
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(from_server.read_u8().await?);
    }
    to_client.write_all(&line).await?;
    // Packets are in clear up to NEWKEYS (21).
    loop {
        let length = from_server.read_u32().await?;
        let mut packet = vec![0; length as usize];
        from_server.read_exact(&mut packet).await?;
        to_client.write_u32(length).await?;
        to_client.write_all(&packet).await?;
        if packet.get(1) == Some(&21) {
            break;
        }
    }
    // What comes next is the encrypted EXT_INFO; half a kilobyte of it is lost.
    let mut lost = [0; 512];
    let _part = from_server.read(&mut lost).await?;
    tokio::io::copy(&mut from_server, &mut to_client).await.map(|_| ())
}

#[tokio::test]
async fn f083_packets_lost_after_the_key_exchange_end_the_connection() {
    let sshd = Sshd::start();
    let port = sshd.port;
    let error = served_as(&sshd, move |stream| truncate(stream, port)).await;
    assert_eq!(error.kind, FailureKind::Unreachable, "{error}");
    assert_eq!(sshd.logins(), 0);
}
