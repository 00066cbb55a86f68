//! TCP to the first address of a name that answers (RFC 8305, in short: a new address every quarter of a second).

use super::limits::{DIAL_ADDRESSES, DIAL_STAGGER};
use std::io;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;

/// Connect. The caller sets the time limit; dropping the future ends all tries.
///
/// # Errors
/// Of the look-up, or of the last address that failed.
pub async fn dial(address: &str, port: u16) -> io::Result<TcpStream> {
    let addresses = lookup_host((address, port)).await?.take(DIAL_ADDRESSES);
    let mut tries = JoinSet::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        tries.spawn(TcpStream::connect(address));
        match tokio::time::timeout(DIAL_STAGGER, tries.join_next()).await {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => last = error,
            Ok(_) | Err(_) => {}
        }
    }
    while let Some(tried) = tries.join_next().await {
        match tried {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_port_is_refused_and_an_open_one_found() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // `localhost` may have ::1 first, where nobody listens.
        assert!(dial("localhost", port).await.is_ok());
        drop(listener);
        assert_eq!(dial("127.0.0.1", port).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
