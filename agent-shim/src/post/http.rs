//! One request over HTTPS: a callback's POST or a piece of an upload, or plain HTTP where the operator
//! configured that. No redirects, no proxies, no cookies, one time limit.

use crate::post::answer::Reply;
use crate::post::roots;
use sortie_protocol::artifact::{HEADER_META, HEADER_OFFSET};
use sortie_protocol::callback::{HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, SignedPost};
use sortie_protocol::limits::{ANSWER_BYTES, LOG_POST_MS, POST_TIMEOUT_MS};
use sortie_protocol::log::HEADER_LOG;
use sortie_protocol::spec::{Credentials, Trust};
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

/// Why there is no answer. Never with a token or a signed URL in it.
pub enum Refused {
    /// The network, the certificate or the time limit.
    Transport(String),
    /// These credentials can never be posted with.
    Config(String),
}

/// A request of an upload.
pub struct Piece<'a> {
    /// Last part of the path.
    pub slot: &'a str,
    /// `webhook-id`.
    pub id: &'a str,
    /// Unix seconds.
    pub timestamp: i64,
    /// The proof over the metadata.
    pub signature: &'a str,
    /// The metadata, as its header carries it.
    pub meta: &'a str,
    /// Bytes and where they belong; without them the server is asked how far it is.
    pub data: Option<(u64, &'a [u8])>,
}

/// A chunk of output.
pub struct LogChunk<'a> {
    /// Last part of the path.
    pub stream: &'a str,
    /// `webhook-id`.
    pub id: &'a str,
    /// Unix seconds.
    pub timestamp: i64,
    /// The proof over the metadata.
    pub signature: &'a str,
    /// The metadata, as its header carries it.
    pub meta: &'a str,
    /// The bytes.
    pub data: &'a [u8],
}

/// The HTTP client; its certificates are read at the first post over TLS.
#[derive(Default)]
pub struct Client(Option<(Trust, ureq::Agent)>);

impl Client {
    /// Post once.
    pub fn send(&mut self, credentials: &Credentials, post: &SignedPost) -> Result<Reply, Refused> {
        let url = url(&credentials.callback_url, post.kind.as_str())?;
        let agent = self.agent_for(credentials, &url)?;
        let sent = agent
            .post(&url)
            .header("authorization", format!("Bearer {}", credentials.token))
            .header("content-type", "application/json")
            .header(HEADER_ID, &post.id)
            .header(HEADER_TIMESTAMP, post.timestamp.to_string())
            .header(HEADER_SIGNATURE, &post.signature)
            .send(post.body.as_bytes());
        read(sent)
    }

    /// Post nothing of an attempt, to see what answers.
    pub fn bare(&mut self, url: &str, trust: &Trust) -> Result<Reply, Refused> {
        let known = url.starts_with("https://") || (url.starts_with("http://") && *trust == Trust::PlainHttp);
        if !known {
            return Err(Refused::Config("the URL is not https, and plain HTTP is not configured".to_owned()));
        }
        read(self.agent(trust, url.starts_with("https://"))?.post(url).header("content-type", "application/json").send(&b"{}"[..]))
    }

    /// Fetch exactly `size` bytes of a signed URL into a file, within `time_ms`.
    pub fn fetch(&mut self, credentials: &Credentials, url: &str, size: u64, time_ms: u64, to: &mut std::fs::File) -> Result<(), Refused> {
        let agent = self.agent_for(credentials, url)?;
        let asked = agent.get(url).config().timeout_global(Some(Duration::from_millis(time_ms))).build().call();
        let mut response = asked.map_err(|error| Refused::Transport(describe(&error)))?;
        if response.status().as_u16() != 200 {
            return Err(Refused::Transport(format!("the server answered with status {}", response.status().as_u16())));
        }
        let mut body = response.body_mut().with_config().limit(size.saturating_add(1)).reader();
        let copied = std::io::copy(&mut body, to).map_err(|error| Refused::Transport(error.to_string()))?;
        if copied == size { Ok(()) } else { Err(Refused::Transport(format!("{copied} bytes came, and {size} were wanted"))) }
    }

    /// A piece of an upload, or the question how far it is.
    pub fn piece(&mut self, credentials: &Credentials, piece: &Piece<'_>) -> Result<Reply, Refused> {
        let url = url(credentials.artifact_url.as_deref().unwrap_or_default(), piece.slot)?;
        let agent = self.agent_for(credentials, &url)?;
        let headers = [
            ("authorization", format!("Bearer {}", credentials.token)),
            (HEADER_ID, piece.id.to_owned()),
            (HEADER_TIMESTAMP, piece.timestamp.to_string()),
            (HEADER_SIGNATURE, piece.signature.to_owned()),
            (HEADER_META, piece.meta.to_owned()),
        ];
        match piece.data {
            None => read(headers.iter().fold(agent.head(&url), |request, (name, value)| request.header(*name, value)).call()),
            Some((offset, data)) => {
                let request = agent.put(&url).header("content-type", "application/octet-stream").header(HEADER_OFFSET, offset.to_string());
                read(headers.iter().fold(request, |request, (name, value)| request.header(*name, value)).send(data))
            }
        }
    }

    /// A chunk of output; it may take less time than anything else.
    pub fn log(&mut self, credentials: &Credentials, chunk: &LogChunk<'_>) -> Result<Reply, Refused> {
        let url = url(credentials.logs_url.as_deref().unwrap_or_default(), chunk.stream)?;
        let agent = self.agent_for(credentials, &url)?;
        let request = agent.put(&url).config().timeout_global(Some(Duration::from_millis(LOG_POST_MS))).build();
        let sent = request
            .header("authorization", format!("Bearer {}", credentials.token))
            .header("content-type", "application/octet-stream")
            .header(HEADER_ID, chunk.id)
            .header(HEADER_TIMESTAMP, chunk.timestamp.to_string())
            .header(HEADER_SIGNATURE, chunk.signature)
            .header(HEADER_LOG, chunk.meta)
            .send(chunk.data);
        read(sent)
    }

    fn agent_for(&mut self, credentials: &Credentials, url: &str) -> Result<&ureq::Agent, Refused> {
        let tls = url.starts_with("https://");
        if !tls && credentials.trust != Trust::PlainHttp {
            return Err(Refused::Config("the callback URL is not https, and plain HTTP is not configured".to_owned()));
        }
        self.agent(&credentials.trust, tls)
    }

    fn agent(&mut self, trust: &Trust, tls: bool) -> Result<&ureq::Agent, Refused> {
        if self.0.as_ref().is_none_or(|(built_for, _)| built_for != trust) {
            self.0 = Some((trust.clone(), build(trust, tls)?));
        }
        // Just made sure of.
        self.0.as_ref().map(|(_, agent)| agent).ok_or_else(|| Refused::Config("no client".to_owned()))
    }
}

fn read(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Reply, Refused> {
    let mut response = sent.map_err(|error| Refused::Transport(describe(&error)))?;
    let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (retry_after, upload_offset) = (text("retry-after"), text(HEADER_OFFSET).and_then(|text| text.parse().ok()));
    // A body cut short or too long has no valid receipt; the status still says when to try again.
    let body = response.body_mut().with_config().limit(ANSWER_BYTES as u64).read_to_vec().unwrap_or_default();
    Ok(Reply { status: response.status().as_u16(), retry_after, upload_offset, body })
}

fn build(trust: &Trust, tls: bool) -> Result<ureq::Agent, Refused> {
    let mut config = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_millis(POST_TIMEOUT_MS)))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .max_idle_connections(0)
        .user_agent(concat!("sortie-shim/", env!("CARGO_PKG_VERSION")));
    if tls {
        let certificates = match trust {
            Trust::Ca(pem) => roots::parse(pem.as_bytes()),
            Trust::System | Trust::PlainHttp => roots::system(),
        };
        if certificates.is_empty() {
            return Err(Refused::Config("no CA certificates were found".to_owned()));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(RootCerts::new_with_certs(&certificates));
        config = config.tls_config(tls.unversioned_rustls_crypto_provider(provider).build());
    }
    Ok(config.build().new_agent())
}

/// `{base}/v1/callbacks/{id}?kid=...` with the kind put at the end of the path.
fn url(callback: &str, kind: &str) -> Result<String, Refused> {
    let (path, query) = callback.split_once('?').unwrap_or((callback, ""));
    if !path.starts_with("https://") && !path.starts_with("http://") {
        return Err(Refused::Config("the callback URL is neither https nor http".to_owned()));
    }
    let path = path.trim_end_matches('/');
    Ok(if query.is_empty() { format!("{path}/{kind}") } else { format!("{path}/{kind}?{query}") })
}

/// The kind of the error only: its text may quote the URL.
fn describe(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => format!("{error}"),
        ureq::Error::Timeout(_) => "out of time".to_owned(),
        ureq::Error::HostNotFound => "the host name is not found".to_owned(),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        ureq::Error::Rustls(error) => format!("TLS: {error}"),
        ureq::Error::Tls(error) => format!("TLS: {error}"),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "the callback URL is malformed".to_owned(),
        _ => "the exchange failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_goes_before_the_query() {
        let made = |text: &str| url(text, "result").ok();
        assert_eq!(made("https://h/x/v1/callbacks/att_1?kid=a&sig=b").unwrap(), "https://h/x/v1/callbacks/att_1/result?kid=a&sig=b");
        assert_eq!(made("http://h/att_1").unwrap(), "http://h/att_1/result");
        assert!(made("ftp://h/att_1").is_none());
        assert!(made("").is_none());
    }
}
