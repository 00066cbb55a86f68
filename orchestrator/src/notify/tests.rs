//! Messages in each form, and a conversation with a mail server that says what it heard.

use super::*;
use crate::outbound::Outbound;
use crate::outbound::policy::Policy;
use crate::vault::connection::{Auth, Connection, Kind};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

fn message() -> Message {
    Message {
        id: "run_1.failed.7".to_owned(),
        title: "fix-issue failed\r\nBcc: evil@example.com".to_owned(),
        text: "exit code 3: <!channel> & so on".to_owned(),
        fields: vec![("run".to_owned(), "run_1".to_owned())],
        links: vec![("look".to_owned(), "https://sortie.example/x?a=1&b=2".to_owned())],
    }
}

#[test]
fn slack_sees_no_marks_of_others() {
    let slack = message().slack();
    let text = slack["text"].as_str().unwrap();
    assert!(text.contains("&lt;!channel&gt; &amp; so on") && !text.contains("<!channel>"), "{text}");
    assert!(text.contains("<https://sortie.example/x?a=1&amp;b=2|look>"), "{text}");
    let webhook = message().json();
    assert_eq!(webhook["fields"]["run"], "run_1");
    assert_eq!(webhook["title"], "fix-issue failed  Bcc: evil@example.com");
    assert!(webhook["text"].as_str().unwrap().contains("https://sortie.example/x"));
}

/// One conversation: every line that came, commands and mail alike. `refuse` answers the recipient.
async fn mail_server(refuse: Option<&'static str>) -> (u16, oneshot::Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, (tell, heard)) = (listener.local_addr().unwrap().port(), oneshot::channel());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let (mut lines, mut seen, mut in_mail) = (BufReader::new(read).lines(), Vec::new(), false);
        write.write_all(b"220 sink ESMTP\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = match line.as_str() {
                "." if in_mail => {
                    in_mail = false;
                    "250 kept"
                }
                _ if in_mail => "",
                "DATA" => {
                    in_mail = true;
                    "354 go on"
                }
                "QUIT" => "221 bye",
                text if text.starts_with("RCPT") => refuse.unwrap_or("250 ok"),
                _ => "250 ok",
            };
            seen.push(line);
            if !answer.is_empty() && write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                break;
            }
        }
        let _ = tell.send(seen);
    });
    (port, heard)
}

fn connection(port: u16, allow_private: bool) -> Connection {
    Connection {
        kind: Kind::Smtp,
        url: Some(format!("smtp://127.0.0.1:{port}")),
        url_secret: None,
        auth: Auth::None,
        allow_private,
        from: Some("Sortie <sortie@example.com>".to_owned()),
        to: vec!["ops@example.com".to_owned(), "two@example.com".to_owned()],
        plaintext: true,
    }
}

async fn told(connection: &Connection) -> Result<(), NotTold> {
    let url = connection.check_url(connection.url.as_ref().unwrap()).unwrap();
    mail::send(&Outbound::new(Policy::default()), connection, &url, None, &message()).await
}

#[tokio::test]
async fn mail_is_text_with_an_id_of_its_own_and_nobody_smuggles_a_recipient() {
    let (port, heard) = mail_server(None).await;
    told(&connection(port, true)).await.unwrap();
    let lines = heard.await.unwrap();
    let recipients: Vec<&String> = lines.iter().filter(|line| line.starts_with("RCPT")).collect();
    assert_eq!(recipients, ["RCPT TO:<ops@example.com>", "RCPT TO:<two@example.com>"]);
    assert!(!lines.iter().any(|line| line.to_lowercase().starts_with("bcc")), "{lines:?}");
    assert!(lines.contains(&"Message-ID: <run_1.failed.7@127.0.0.1>".to_owned()), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("Content-Type: text/plain")), "{lines:?}");
}

#[tokio::test]
async fn f073_a_mail_server_on_a_private_address_is_refused_and_a_refusal_is_final() {
    let (port, _heard) = mail_server(None).await;
    let refused = told(&connection(port, false)).await.unwrap_err();
    assert!(!refused.again && refused.message.contains("loopback"), "{refused:?}");
    let (port, _heard) = mail_server(Some("550 nobody of that name")).await;
    assert!(!told(&connection(port, true)).await.unwrap_err().again);
    let (port, _heard) = mail_server(Some("451 later")).await;
    assert!(told(&connection(port, true)).await.unwrap_err().again);
}
