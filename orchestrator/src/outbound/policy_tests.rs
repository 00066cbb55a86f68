//! The corpus of addresses (F073).

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn f073_what_is_not_public_is_refused() {
    let refused = [
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "127.255.255.254",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "169.254.169.254",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "192.88.99.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "2001:10::1",
        "100::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "::ffff:0:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::10.0.0.1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "2002:0808:0808::1",
        "64:ff9b::8.8.8.8",
        "4000::1",
        "5f00::1",
    ];
    for address in refused {
        assert!(Policy::default().check("h", ip(address), false).is_err(), "{address}");
    }
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "198.17.0.1",
        "192.0.1.1",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
    ] {
        assert_eq!(Policy::default().check("h", ip(address), false), Ok(()), "{address}");
    }
}

#[test]
fn f073_a_connection_allows_private_addresses_and_never_metadata() {
    for address in ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:10.0.0.1"] {
        assert_eq!(Policy::default().check("h", ip(address), true), Ok(()), "{address}");
    }
    for address in [
        "169.254.169.254",
        "fe80::1",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        assert!(Policy::default().check("h", ip(address), true).is_err(), "{address}");
    }
}

#[test]
fn f073_the_configuration_allows_networks_and_hosts() {
    let policy =
        Policy::parse(&["10.0.0.0/8".to_owned(), "fd12::/16".to_owned(), "192.168.1.7".to_owned(), "Build.Example.".to_owned()]).unwrap();
    let may = |host: &str, address: &str| policy.check(host, ip(address), false).is_ok();
    assert!(may("h", "10.9.9.9") && may("h", "::ffff:10.9.9.9") && may("h", "fd12::1") && may("h", "192.168.1.7"));
    assert!(may("build.example", "127.0.0.1") && may("BUILD.example.", "169.254.1.1"));
    assert!(may("h", "11.0.0.0"), "public anyway");
    assert!(!may("h", "192.168.1.8") && !may("h", "fd13::1") && !may("other.build.example", "127.0.0.1"));
    for bad in ["10.0.0.0/33", "10.0.0/8", "", "a b", "::/129", "http://x"] {
        assert!(Policy::parse(&[bad.to_owned()]).is_err(), "{bad}");
    }
    assert!(Policy::parse(&["0.0.0.0/0".to_owned()]).unwrap().check("h", ip("127.0.0.1"), false).is_ok());
}

#[test]
fn f073_every_spelling_of_an_address_in_a_url_is_that_address() {
    for spelled in [
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://[::ffff:7f00:1]/",
        "http://[::1]/",
        "http://①②⑦.0.0.1/",
        "http://0/",
        "http://[::]/",
    ] {
        let url = url::Url::parse(spelled).unwrap();
        let address = match url.host().unwrap() {
            url::Host::Ipv4(v4) => IpAddr::V4(v4),
            url::Host::Ipv6(v6) => IpAddr::V6(v6),
            url::Host::Domain(name) => panic!("{spelled} is the name {name}"),
        };
        assert!(Policy::default().check("h", address, false).is_err(), "{spelled} is {address}");
    }
}
