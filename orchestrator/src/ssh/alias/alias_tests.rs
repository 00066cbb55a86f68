//! Aliases by the parser, by what `ssh -G` prints, and by both on the same file.

use super::*;

fn config(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn parsed(text: &str, alias: &str) -> Result<Resolved, AliasError> {
    let (_dir, path) = config(text);
    file::resolve(alias, &[path])
}

const FILE: &str = "# all of it\nHost vm v?-*.example !v9-*\n  HostName=10.0.0.7\n  Port 2222\n  User \"job user\"\n  IdentityFile /keys/%n\n  \
                    IdentityFile /keys/second\n  CertificateFile /keys/id-cert.pub\n  ProxyJump me@gate:2022,inner\n  HostKeyAlias vm.internal\n  \
                    UserKnownHostsFile /known/a /known/b\nHost inner\n  HostName 10.0.0.6\n  User mole\nHost gate\n  HostName gate.example\nHost *\n  \
                    User everybody\n  ServerAliveInterval 30\n  ForwardAgent yes\n";

#[test]
fn the_first_value_counts_and_all_keywords_are_read() {
    let expected = Resolved {
        address: "10.0.0.7".into(),
        port: 2222,
        user: Some("job user".into()),
        identities: vec!["/keys/vm".into(), "/keys/second".into()],
        certificates: vec!["/keys/id-cert.pub".into()],
        jumps: vec!["me@gate:2022".into(), "inner".into()],
        known_hosts: vec!["/known/a".into(), "/known/b".into()],
        key_name: Some("vm.internal".into()),
    };
    assert_eq!(parsed(FILE, "vm").unwrap(), expected);
    assert_eq!(parsed(FILE, "v2-x.example").unwrap().address, "10.0.0.7");
    let other = parsed(FILE, "v9-x.example").unwrap();
    assert_eq!((other.address.as_str(), other.user.as_deref(), other.port), ("v9-x.example", Some("everybody"), 22));
    assert_eq!(parsed(FILE, "root@vm").unwrap().user.as_deref(), Some("root"));
}

#[test]
fn what_is_not_understood_is_refused_by_file_and_line_where_it_counts() {
    for (text, says) in [
        ("Host vm\n  Match exec true\n", "line 2: `Match`"),
        ("Host vm\n  ProxyCommand nc %h %p\n", "line 2: `ProxyCommand`"),
        ("Host vm\n\n  KnownHostsCommand /bin/x\n", "line 3: `knownhostscommand`"),
        ("Host vm\n  Port many\n", "line 2: `Port`"),
        ("Host vm\n  HostName \"half\n", "line 2: a quote"),
        ("Host\n", "line 1: a keyword without"),
        ("Include /x[ab]/y\nHost vm\n", "line 1: `Include"),
        ("Host vm\n  IdentityFile /keys/%C\n", "token %C"),
        ("Host vm\n  HostName ${NAME}\n", "variables"),
    ] {
        let error = parsed(text, "vm").unwrap_err();
        assert!(error.0.contains(says), "{text:?}: {error}");
    }
    assert!(parsed("Host other\n  ProxyCommand nc %h %p\n  Whatever 1\n", "vm").is_ok(), "another host's lines do not count");
    assert!(parsed("Host vm\n  ProxyCommand none\n", "vm").is_ok());
}

#[test]
fn included_files_count_where_they_stand_and_circles_end() {
    let (dir, path) = config("Host vm\n  Include more/*.conf\n  User late\n");
    std::fs::create_dir(dir.path().join("more")).unwrap();
    std::fs::write(dir.path().join("more/a.conf"), "User early\nHost other\n  Port 9\n").unwrap();
    std::fs::write(dir.path().join("more/b.txt"), "Port 7\n").unwrap();
    let read = file::resolve("vm", std::slice::from_ref(&path)).unwrap();
    assert_eq!((read.user.as_deref(), read.port), (Some("early"), 22));
    std::fs::write(dir.path().join("more/a.conf"), format!("Include {}\n", path.display())).unwrap();
    assert!(file::resolve("vm", &[path]).unwrap_err().0.contains("files are included"));
}

#[test]
fn what_openssh_prints_is_read_and_its_defaults_are_no_choice() {
    let output = "user me\nhostname vm.example\nport 22\nidentityfile ~/.ssh/id_rsa\nidentityfile ~/.ssh/id_ed25519\nuserknownhostsfile /k/a /k/b\n\
                  proxyjump none\n";
    let read = openssh::read("vm", output).unwrap();
    assert_eq!((read.identities, read.jumps, read.known_hosts), (vec![], vec![], vec!["/k/a".into(), "/k/b".into()]));
    let error = openssh::read("vm", "hostname a\nport 22\nproxycommand nc a 22\n").unwrap_err();
    assert!(error.0.contains("`ProxyCommand nc a 22`") && error.0.contains("ProxyJump"), "{error}");
}

#[tokio::test]
async fn openssh_and_the_parser_read_the_same_file_alike() {
    let (_dir, path) = config(&FILE.replace("\"job user\"", "jobs"));
    for alias in ["vm", "inner", "gate", "v3-a.example", "elsewhere"] {
        let (mut asked, mut parsed) = (Aliases::new(Some(path.clone())), Aliases::by_parser(Some(path.clone())));
        let mut by_openssh = asked.resolve(alias).await.unwrap();
        let by_parser = parsed.resolve(alias).await.unwrap();
        if by_openssh.key_name.as_deref() == Some(alias) {
            by_openssh.key_name = None;
        }
        assert_eq!(by_openssh, by_parser, "{alias}");
    }
    let way = Aliases::new(Some(path)).way(&["me@gate:2022".into(), "inner".into()]).await.unwrap();
    let shown: Vec<_> = way.iter().map(|hop| (hop.user.as_deref().unwrap(), hop.address.as_str(), hop.port)).collect();
    assert_eq!(shown, [("me", "gate.example", 2022), ("mole", "10.0.0.6", 22)]);
}

#[tokio::test]
async fn a_circle_of_jumps_ends_and_a_command_that_hangs_is_given_up() {
    let (_dir, path) = config("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n");
    for mut aliases in [Aliases::by_parser(Some(path.clone())), Aliases::new(Some(path.clone()))] {
        assert!(aliases.way(&["a".into()]).await.unwrap_err().0.contains("circle"));
    }
    std::fs::write(&path, "Match exec \"sleep 1000\"\n  Port 9\nHost vm\n").unwrap();
    let error = Aliases::new(Some(path)).resolve("vm").await.unwrap_err();
    assert!(error.0.contains("no answer within"), "{error}");
}
