//! Requests that are not quite HTTP, paths that are not quite ours, hosts that are not us (F047, F056, F066, F074).

use crate::support::{World, client};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f066_ambiguous_requests_get_400_and_the_connection_ends() {
    let world = World::new().await;
    let heads: [&str; 14] = [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\na",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for head in heads {
        let smuggled = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
        let got = client::exchange(world.address, format!("{head}{smuggled}").as_bytes()).await;
        let text = String::from_utf8_lossy(&got).into_owned();
        assert_eq!(text.matches("HTTP/1.1 ").count(), usize::from(!got.is_empty()), "one answer at most: {text}");
        assert!(got.is_empty() || text.starts_with("HTTP/1.1 400"), "{head:?}: {text}");
        assert!(!text.contains("up"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_are_bounded() {
    let world = World::new().await;
    let large = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let got = client::exchange(world.address, large.as_bytes()).await;
    assert!(client::Answer::read(&got).is_none_or(|answer| answer.status == 431 || answer.status == 400));
    let many: String = (0..200).map(|n| format!("X{n}: y\r\n")).collect();
    let got = client::exchange(world.address, format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{many}\r\n").as_bytes()).await;
    assert_eq!(client::Answer::read(&got).unwrap().status, 431);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f056_f047_paths_that_are_not_ours_are_404_and_nothing_redirects() {
    let world = World::new().await;
    let job = world.job().await;
    let good = job.result(2);
    let id = job.attempt.as_str();
    let paths = [
        format!("/v1/callbacks/{id}/result/"),
        format!("/v1/callbacks/{id}//result"),
        format!("//v1/callbacks/{id}/result"),
        format!("/v1/callbacks/./{id}/result"),
        format!("/v1/x/../callbacks/{id}/result"),
        format!("/v1/callbacks/{}/result", id.replace('_', "%5f")),
        format!("/v1/callbacks/{}/result", id.replace('_', "%255f")),
        format!("/v1/callbacks/{id}%2fresult"),
        format!("/v1/callbacks/{id}/%72esult"),
        format!("/v1/callbacks/{id}/result/health"),
        format!("/v1/callbacks/{id}/Result"),
        format!("/v1/callbacks/{id}/artifact"),
        format!("/V1/callbacks/{id}/result"),
        format!("/v1/callbacks/{id}"),
        "/v1/callbacks".to_owned(),
        "/v1/runs".to_owned(),
        "/".to_owned(),
    ];
    for path in paths {
        let mut post = good.clone();
        post.path.clone_from(&path);
        let answer = post.send(&world).await;
        assert_eq!(answer.status, 404, "{path}");
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((&body["schema"], &body["ok"], &body["error"]["code"]), (&1.into(), &false.into(), &"not_found".into()), "{path}");
        assert!(answer.header("location").is_none());
    }
    let get = client::get(world.address, &format!("{}?{}", good.path, good.query)).await;
    assert_eq!(get.status, 405);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&get.body).unwrap()["error"]["code"], "method_not_allowed");
    assert!(world.step(&job.run).await.is_open());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f074_the_host_header_means_nothing() {
    let world = World::new().await;
    for host in ["evil.example", "127.0.0.1:1", "localhost@evil.example", "[::1]"] {
        let job = world.job().await;
        let mut post = job.result(2);
        post.host = host.to_owned();
        let post = post.with("X-Forwarded-Host", Some("evil.example")).with("Forwarded", Some("host=evil.example"));
        let answer = post.send(&world).await;
        assert_eq!(answer.status, 200, "{host}");
        assert!(!format!("{answer:?}").contains("evil"));
    }
}
