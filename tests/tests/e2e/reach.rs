//! Ways for a result to get back: TLS with a CA of one's own, and over SSH where the VM cannot post at all.

use serde_json::json;
use sortie_tests::world::{Setup, World};
use sortie_tests::{flows, http, limits, run::Run, wait};
use std::path::Path;
use std::process::Command;

fn openssl(folder: &Path, args: &[&str]) {
    let output = Command::new("openssl").current_dir(folder).args(args).output().expect("openssl is missing: run tests/install");
    assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A CA and a certificate for 127.0.0.1 that it signed.
fn certificates(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    std::fs::write(folder.join("san"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    openssl(folder, &[&["req", "-x509", "-days", "2", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem"], &key[..]].concat());
    openssl(folder, &[&["req", "-subj", "/CN=server", "-keyout", "key.pem", "-out", "csr"], &key[..]].concat());
    let sign = [
        "x509",
        "-req",
        "-in",
        "csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "san",
        "-out",
        "cert.pem",
    ];
    openssl(folder, &sign);
    let key = folder.join("key.pem");
    std::fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// Another configuration for the installation, whose server is stopped and started.
fn reconfigure(world: &mut World, change: impl FnOnce(String) -> String) {
    assert!(world.it.stop().success());
    let path = world.it.home.join("config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change(text)).unwrap();
}

#[test]
fn a_result_comes_over_tls_that_only_the_launch_frame_vouches_for() {
    let mut world = World::new();
    let folder = world.scratch("tls");
    certificates(&folder);
    let file = |name: &str| folder.join(name).display().to_string();
    let tls =
        format!("callback_ca = \"{}\"\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", file("ca.pem"), file("cert.pem"), file("key.pem"));
    reconfigure(&mut world, |text| text.replace("http://", "https://").replace("plain_http = true", "plain_http = false") + &tls);
    world.it.start_unasked();
    wait::holds("the server answers", limits::SOON, || world.it.look("/v1/status").is_some());
    assert!(http::send(world.it.callbacks, "GET", "/readyz", &[], b"").is_err(), "plain HTTP is not spoken any more");
    let run = world.job("tls", "echo over tls");
    let shown = run.ended(&world.it);
    assert_eq!(shown["state"], "succeeded", "{shown:#}");
    let results = run.events(&world.it, "attempt_result");
    assert_eq!(results[0]["via"], "callback", "{results:?}");
}

#[test]
fn f093_a_vm_that_cannot_reach_the_server_is_asked_and_its_result_collected() {
    let world = World::with(Setup { http_proxy: true, ..Setup::default() });
    world.http().away(true);
    let flow = r#"
flow(name = "far", deadline = "5m")

def run(ctx, input):
    r = job("far", on = "vm", command = ["/bin/sh", "-c", "echo from afar"], started_within = "1s", heartbeat = "1s")
    return {"ok": r.ok, "output": r.output}
"#;
    flows::publish(&world.it, "far", flow);
    let run = Run::start(&world.it, "far", &json!({}));
    let shown = run.ended(&world.it);
    assert_eq!(shown["value"], json!({ "ok": true, "output": "from afar\n" }), "{shown:#}");
    let results = run.events(&world.it, "attempt_result");
    assert_eq!(results[0]["via"], "collect", "{results:?}");
    let attempt = run.attempt(&world.it);
    wait::holds("the host is told that the result is committed", limits::SOON, || {
        world.root.join("jobs").join(&attempt).join("acked").exists()
    });
    run.assert_ended_once(&world.it);
}

#[test]
fn a_schema_that_cannot_be_used_fails_the_run_before_anything_is_launched() {
    let world = World::new();
    let flow = r#"
flow(name = "broken", deadline = "5m")

def run(ctx, input):
    return job("never", on = "vm", command = ["true"], result_schema = {"type": "no such type"}).ok
"#;
    flows::publish(&world.it, "broken", flow);
    let run = Run::start(&world.it, "broken", &json!({}));
    let shown = run.ended(&world.it);
    assert_eq!((&shown["state"], &shown["failure"]["kind"]), (&json!("failed"), &json!("flow_error")), "{shown:#}");
    assert!(shown["failure"]["message"].as_str().unwrap().contains("`never`"), "{shown:#}");
    assert_eq!(run.events(&world.it, "attempt_scheduled").len(), 0);
}
