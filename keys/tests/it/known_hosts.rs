//! Verdicts over known_hosts: the matrix of forms and markers.

use russh::keys::{Algorithm, PublicKey};
use sortie_keys::known_hosts::{HostKeyVerdict, KnownHosts};

/// A public key of the fixtures.
pub fn key(name: &str) -> PublicKey {
    PublicKey::from_openssh(line(name)).unwrap()
}

fn line(name: &str) -> &'static str {
    match name {
        "plain" => include_str!("fixtures/plain.pub"),
        "encrypted" => include_str!("fixtures/encrypted.pub"),
        "rsa" => include_str!("fixtures/rsa.pub"),
        "ecdsa" => include_str!("fixtures/ecdsa.pub"),
        other => panic!("no fixture {other}"),
    }
    .trim_end()
}

/// `A` is the key that the host shows, `B` another of its type, `R` and `E` of other types, `U` of a type nobody knows.
fn parse(text: &str) -> KnownHosts {
    let unknown = [&12_u32.to_be_bytes()[..], b"ssh-quantum1", &[0, 0, 0, 1, 7]].concat();
    let text = text.replace("U;", &format!("ssh-quantum1 {}", data_encoding::BASE64.encode(&unknown)));
    let text = text.replace("A;", line("plain")).replace("B;", line("encrypted")).replace("R;", line("rsa"));
    KnownHosts::parse(text.replace("E;", line("ecdsa")).as_bytes())
}

fn verdict(text: &str, host: &str, port: u16) -> String {
    match parse(text).check(host, port, &key("plain")) {
        HostKeyVerdict::Valid { line } => format!("valid {line}"),
        HostKeyVerdict::Revoked { line } => format!("revoked {line}"),
        HostKeyVerdict::Changed { recorded } => format!("changed {:?}", recorded.iter().map(|key| key.line).collect::<Vec<_>>()),
        HostKeyVerdict::Unknown => "unknown".into(),
    }
}

#[test]
fn f080_f081_verdicts() {
    for (text, host, port, wanted) in [
        // the three plain answers
        ("h A;", "h", 22, "valid 1"),
        ("h B;", "h", 22, "changed [1]"),
        ("g A;", "h", 22, "unknown"),
        ("", "h", 22, "unknown"),
        // another type is a change too (F081), also one that we do not know
        ("h R;", "h", 22, "changed [1]"),
        ("h E;\nh R;", "h", 22, "changed [1, 2]"),
        ("h U;", "h", 22, "changed [1]"),
        ("h U;\nh A;", "h", 22, "valid 2"),
        // several keys, of one type and of several
        ("h B;\nh A;", "h", 22, "valid 2"),
        ("h R;\nh B;\nh A;", "h", 22, "valid 3"),
        // names: lists, case, addresses
        ("g,h,i A;", "h", 22, "valid 1"),
        ("g,,h A;", "h", 22, "valid 1"),
        ("HOST.Example.COM A;", "host.example.com", 22, "valid 1"),
        ("host.example.com A;", "Host.EXAMPLE.com", 22, "valid 1"),
        ("192.0.2.1 A;", "192.0.2.1", 22, "valid 1"),
        ("::1 A;", "::1", 22, "valid 1"),
        ("h.example.com A;", "h", 22, "unknown"),
        ("h A;", "hh", 22, "unknown"),
        // ports
        ("[h]:2222 A;", "h", 2222, "valid 1"),
        ("[h]:2222 A;", "h", 22, "unknown"),
        ("h A;", "h", 2222, "unknown"),
        ("[h]:2222 B;", "h", 2222, "changed [1]"),
        ("[::1]:2222 A;", "::1", 2222, "valid 1"),
        ("[h]:22 A;", "h", 22, "unknown"),
        // wildcards and negation
        ("* A;", "h", 22, "valid 1"),
        ("* A;", "h", 2222, "valid 1"),
        ("*.example.com A;", "a.b.example.com", 22, "valid 1"),
        ("*.example.com A;", "example.com", 22, "unknown"),
        ("*.example.com A;", "a.example.com", 2222, "unknown"),
        ("[*.example.com]:* A;", "a.example.com", 2222, "valid 1"),
        ("web? A;", "web1", 22, "valid 1"),
        ("web? A;", "web", 22, "unknown"),
        ("web? A;", "web12", 22, "unknown"),
        ("192.0.2.* A;", "192.0.2.77", 22, "valid 1"),
        ("!h,* A;", "h", 22, "unknown"),
        ("*,!h A;", "h", 22, "unknown"),
        ("*,!H A;", "h", 22, "unknown"),
        ("*,!h A;", "g", 22, "valid 1"),
        ("!h A;", "g", 22, "unknown"),
        ("!h A;", "h", 22, "unknown"),
        ("*,!*.example.com B;\na.example.com A;", "a.example.com", 22, "valid 2"),
        ("* B;\nh A;", "h", 22, "valid 2"),
        ("* B;", "h", 22, "changed [1]"),
        // white space, comments, line ends, comments behind the key
        ("h\tA;", "h", 22, "valid 1"),
        ("  \t h  \t  A;  and a comment", "h", 22, "valid 1"),
        ("# h B;\n\n   \n  # more\nh A;", "h", 22, "valid 5"),
        ("h A;\r\n", "h", 22, "valid 1"),
        ("\r\nh A;\r\n", "h", 22, "valid 2"),
        ("h A; \u{e5} comment", "h", 22, "valid 1"),
        // markers
        ("@revoked h A;", "h", 22, "revoked 1"),
        ("@revoked * A;", "h", 22, "revoked 1"),
        ("@revoked * A;", "h", 2222, "revoked 1"),
        ("@revoked h A;", "h", 2222, "revoked 1"),
        ("@revoked\t h \tA;", "h", 22, "revoked 1"),
        ("h A;\n@revoked h A;", "h", 22, "revoked 2"),
        ("@revoked h A;\nh A;", "h", 22, "revoked 1"),
        ("@revoked g A;\nh A;", "h", 22, "valid 2"),
        ("@revoked *,!h A;\nh A;", "h", 22, "valid 2"),
        ("@revoked h B;\nh A;", "h", 22, "valid 2"),
        ("@revoked h B;", "h", 22, "unknown"),
        ("@cert-authority h A;", "h", 22, "unknown"),
        ("@cert-authority * B;\nh A;", "h", 22, "valid 2"),
        ("@cert-authority * A;\nh B;", "h", 22, "changed [2]"),
        // lines that are not understood count for nothing and stop nobody
        ("@other h A;\nh A;", "h", 22, "valid 2"),
        ("h\nh ssh-ed25519\nh A;", "h", 22, "valid 3"),
        ("h ssh-ed25519 !!!!\nh A;", "h", 22, "valid 2"),
        ("h 1024 35 1234567890\nh A;", "h", 22, "valid 2"),
        ("|1|x|y A;\nh A;", "h", 22, "valid 2"),
        ("|2|AAAA|AAAA A;", "h", 22, "unknown"),
        ("h ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAINTBkAFKQNkyIKB3VA+9lKYeoQKqqbGYXbTqCxYXshrq", "h", 22, "unknown"),
    ] {
        assert_eq!(verdict(text, host, port), wanted, "{text:?} for {host}:{port}");
    }
}

/// `fixtures/hashed` is `ssh-keygen -H` over web1.example.com and [web1.example.com]:2222.
#[test]
fn hashed_names_of_openssh() {
    let known = KnownHosts::parse(include_bytes!("fixtures/hashed"));
    let (ed, ecdsa) = (key("plain"), key("ecdsa"));
    assert_eq!(known.check("web1.example.com", 22, &ed), HostKeyVerdict::Valid { line: 1 });
    assert_eq!(known.check("WEB1.example.COM", 22, &ed), HostKeyVerdict::Valid { line: 1 });
    assert_eq!(known.check("web1.example.com", 2222, &ecdsa), HostKeyVerdict::Valid { line: 2 });
    assert!(matches!(known.check("web1.example.com", 22, &ecdsa), HostKeyVerdict::Changed { .. }));
    assert_eq!(known.check("web2.example.com", 22, &ed), HostKeyVerdict::Unknown);
    assert_eq!(known.check("web1.example.com", 2223, &ed), HostKeyVerdict::Unknown);
}

#[test]
fn comments_do_not_count() {
    let mut shown = key("plain");
    shown.set_comment("anything else");
    assert_eq!(parse("h A;").check("h", 22, &shown), HostKeyVerdict::Valid { line: 1 });
}

#[test]
fn f081_f083_only_recorded_types_are_offered_and_never_sha1() {
    let offered = |text: &str, host: &str| parse(text).algorithms_for(host, 22).iter().map(Algorithm::to_string).collect::<Vec<_>>();
    assert_eq!(offered("h A;\nh B;\ng R;", "h"), ["ssh-ed25519"]);
    assert_eq!(offered("h R;\nh E;", "h"), ["rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256"]);
    assert_eq!(offered("h U;", "h"), Vec::<String>::new());
    assert_eq!(offered("@cert-authority h A;\n@revoked h R;", "h"), Vec::<String>::new());
}

#[test]
fn what_changed_is_named() {
    let HostKeyVerdict::Changed { recorded } = parse("h U;\nh B;").check("h", 22, &key("plain")) else { panic!() };
    assert_eq!((recorded[0].line, recorded[0].algorithm.as_str()), (1, "ssh-quantum1"));
    assert_eq!(recorded[1].fingerprint, "SHA256:1JjCNSC3ae5qzBNavDvS5dTHIUb/EnBT+s6m7l44dfc");
    assert_eq!(parse("h U;\nh B;").recorded_for("h", 22), recorded);
}

#[test]
fn authorities_are_exposed_and_not_judged() {
    let known = parse("@cert-authority *.example.com A;\n@cert-authority *.example.com R;\n@revoked * R;\nh E;");
    assert_eq!(
        known.authorities_for("a.example.com", 22).iter().map(|key| key.key_data().clone()).collect::<Vec<_>>(),
        [key("plain").key_data().clone()]
    );
    assert!(known.authorities_for("h", 22).is_empty());
}

#[test]
fn lines_that_are_not_understood_are_named() {
    let known = KnownHosts::parse(b"# comment\n\nh\n@other h ssh-ed25519 AAAA\nh \xff\xfe x\n");
    assert_eq!(known.ignored(), [3, 4, 5]);
}
