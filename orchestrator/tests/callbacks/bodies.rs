//! Bodies: size before type before sender, types to the letter, nothing half taken (F045, F049, F065, F067).

use crate::support::job::Post;
use crate::support::{World, client};
use serde_json::json;
use sortie_core::state::AttemptState;
use sortie_protocol::callback::CallbackKind;
use sortie_protocol::limits::CALLBACK_BYTES;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f049_too_large_is_answered_before_it_is_sent() {
    let world = World::new().await;
    let job = world.job().await;
    for announced in [CALLBACK_BYTES + 1, 100 << 20, 1 << 40] {
        let answer = client::request(world.address, &job.result(2).head(announced)).await;
        assert_eq!(answer.status, 413, "not one byte of the body was sent");
        assert_eq!(answer.callback().receipt, None);
    }
    let padded = |size: usize| {
        let body = job.body(CallbackKind::Result, 2, &crate::support::job::result_data());
        let body = format!("{body}{}", " ".repeat(size - body.len()));
        job.post(CallbackKind::Result, 2, body)
    };
    assert_eq!(padded(CALLBACK_BYTES + 1).send(&world).await.status, 413, "the answer is read although all of it was sent");
    assert_eq!(padded(CALLBACK_BYTES).send(&world).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f065_hostile_bodies_are_refused_and_the_server_lives() {
    let world = World::new().await;
    let data = json!({}).to_string();
    let hostile: Vec<(&str, Vec<u8>)> = vec![
        ("deep", format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes()),
        ("deep objects", format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)).into_bytes()),
        ("many keys", format!("{{{}}}", (0..90_000).map(|n| format!("\"k{n}\":0")).collect::<Vec<_>>().join(",")).into_bytes()),
        ("huge number", format!("{{\"v\":{}}}", "9".repeat(900_000)).into_bytes()),
        ("huge exponent", b"{\"v\":1e999999999}".to_vec()),
        ("not UTF-8", b"{\"v\":\"\xff\xfe\"}".to_vec()),
        ("NUL", b"{\"v\":1\0}".to_vec()),
        ("half a surrogate", b"{\"v\":\"\\ud800\"}".to_vec()),
        ("byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ("empty", Vec::new()),
        ("two", format!("{data}{data}").into_bytes()),
        ("gzip", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
    ];
    for (what, body) in hostile {
        let job = world.job().await;
        let progress = job.post(CallbackKind::Progress, 1, body.clone()).send(&world).await;
        assert_eq!(progress.status, 422, "{what}");
        assert_eq!(job.state(&world).await, AttemptState::Launching, "{what}");
        let result = job.post(CallbackKind::Result, 2, body.clone()).send(&world).await;
        assert_eq!(result.status, 422, "{what}");
        assert!(job.verifies(&result.callback()), "{what}");
        assert!(result.body.len() < 4_096, "{what}: the answer does not repeat the body");
        assert_eq!(job.state(&world).await, AttemptState::Rejected, "{what}");
        let kept = world.store.callbacks(&job.run).await.unwrap();
        assert_eq!(kept[0].body.as_deref(), Some(&body[..]), "{what}: kept for whoever looks");
    }
    assert_eq!(world.job().await.result(1).send(&world).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f065_f067_encodings_and_types_that_are_not_ours_are_415() {
    let world = World::new().await;
    let job = world.job().await;
    for encoding in ["gzip", "br", "zstd", "deflate", "identity, gzip", ""] {
        let answer = job.result(2).with("Content-Encoding", Some(encoding)).send(&world).await;
        assert_eq!(answer.status, 415, "{encoding}");
    }
    let types =
        ["text/json", "text/plain", "multipart/form-data; boundary=x", "application/json; charset=latin1", "application/jsonp", "*/*"];
    for content_type in types.map(Some).into_iter().chain([None]) {
        assert_eq!(job.result(2).with("Content-Type", content_type).send(&world).await.status, 415, "{content_type:?}");
    }
    let mut twice = job.result(2);
    twice.headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    assert_eq!(twice.send(&world).await.status, 415);
    let utf8 = job.result(2).with("Content-Type", Some("application/json; charset=UTF-8")).with("Content-Encoding", Some("identity"));
    assert_eq!(utf8.send(&world).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f045_a_post_cut_anywhere_is_not_taken() {
    let world = World::new().await;
    let job = world.job().await;
    let bytes = job.result(2).bytes();
    for cut in (0..bytes.len()).step_by(16).chain([bytes.len() - 1]) {
        let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes[..cut]).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
        let got = client::read_all(&mut stream).await;
        assert!(client::Answer::read(&got).is_none_or(|answer| answer.status >= 400), "cut at {cut}");
    }
    assert_eq!(job.state(&world).await, AttemptState::Launching);
    assert_eq!(job.result(2).send(&world).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f045_one_byte_at_a_time_is_as_good_as_all_at_once() {
    let world = World::new().await;
    let job = world.job().await;
    let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in job.result(2).bytes() {
        tokio::io::AsyncWriteExt::write_all(&mut stream, &[byte]).await.unwrap();
    }
    assert_eq!(client::Answer::read(&client::read_all(&mut stream).await).unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_checks_is_size_type_sender() {
    let world = World::new().await;
    let job = world.job().await;
    let stranger = |post: Post| post.token("x");
    let wrong_type = stranger(job.result(2)).with("Content-Type", Some("text/plain"));
    assert_eq!(client::request(world.address, &wrong_type.head(100 << 20)).await.status, 413);
    assert_eq!(wrong_type.send(&world).await.status, 415);
    let unread = stranger(job.result(2)).head(CALLBACK_BYTES);
    assert_eq!(client::request(world.address, &unread).await.status, 401, "no body of a stranger is waited for");
}
