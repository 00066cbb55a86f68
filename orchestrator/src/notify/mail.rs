//! Telling by mail: text only, one conversation with the server that the connection names.

use super::{Message, NotTold};
use crate::outbound::limits::NOTICE_MS;
use crate::outbound::{Fault, Outbound, crypto};
use crate::vault::connection::{Auth, Connection};
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use sortie_keys::Secret;
use std::time::Duration;
use url::Url;

/// Port of mail with STARTTLS (RFC 6409).
const SUBMISSION: u16 = 587;
/// Port of mail under TLS from the start (RFC 8314).
const SUBMISSIONS: u16 = 465;

/// Send a message.
///
/// # Errors
/// [`NotTold`]: for good where the server or an address refuses.
pub async fn send(
    outbound: &Outbound,
    connection: &Connection,
    url: &Url,
    secret: Option<&Secret>,
    message: &Message,
) -> Result<(), NotTold> {
    let host = url.host().ok_or_else(|| NotTold::never("the connection names no mail server"))?;
    let wrapped = url.scheme() == "smtps";
    let port = url.port().unwrap_or(if wrapped { SUBMISSIONS } else { SUBMISSION });
    let addresses = outbound.addresses(&host, port, connection.allow_private).await.map_err(|fault| match fault {
        Fault::Policy(message) => NotTold::never(message),
        other => NotTold::later(other.to_string()),
    })?;
    let name = host.to_string();
    let mail = mail(connection, &name, message)?;
    let mut last = NotTold::later(format!("{name} has no address"));
    for address in addresses {
        // The address that was checked, under the name that the certificate has to have.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
            .port(port)
            .timeout(Some(Duration::from_millis(NOTICE_MS / 2)))
            .tls(tls(&name, wrapped, connection.plaintext)?);
        if let (Auth::Basic { user, .. }, Some(secret)) = (&connection.auth, secret) {
            let password = secret.expose_str().ok_or_else(|| NotTold::never("the password is not UTF-8 text"))?;
            builder = builder.credentials(Credentials::new(user.clone(), password.to_owned()));
        }
        let sent = tokio::time::timeout(Duration::from_millis(NOTICE_MS), builder.build().send(mail.clone())).await;
        match sent {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) if error.is_permanent() => return Err(NotTold::never(format!("{name}: {error}"))),
            Ok(Err(error)) => last = NotTold::later(format!("{name}: {error}")),
            Err(_) => last = NotTold::later(format!("{name} did not answer within {NOTICE_MS} ms")),
        }
    }
    Err(last)
}

fn tls(name: &str, wrapped: bool, plaintext: bool) -> Result<Tls, NotTold> {
    if plaintext {
        return Ok(Tls::None);
    }
    crypto();
    let parameters = TlsParameters::new(name.to_owned()).map_err(|error| NotTold::never(error.to_string()))?;
    Ok(if wrapped { Tls::Wrapper(parameters) } else { Tls::Required(parameters) })
}

fn mail(connection: &Connection, server: &str, message: &Message) -> Result<lettre::Message, NotTold> {
    let never = |error: &dyn std::fmt::Display| NotTold::never(error.to_string());
    let mailbox = |text: &String| text.parse::<Mailbox>().map_err(|error| never(&error));
    let from = connection.from.as_ref().ok_or_else(|| NotTold::never("the connection does not say whom mail is from"))?;
    let mut builder = lettre::Message::builder()
        .from(mailbox(from)?)
        .subject(message.line())
        .message_id(Some(format!("<{}@{server}>", message.id)))
        .header(ContentType::TEXT_PLAIN);
    for to in &connection.to {
        builder = builder.to(mailbox(to)?);
    }
    builder.body(message.plain()).map_err(|error| never(&error))
}
