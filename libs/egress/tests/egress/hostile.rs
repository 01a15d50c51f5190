//! The table of hostile addresses and answers: each is refused with its code before a byte is sent, and each leads where
//! it says when the operator allows that. Not here: hostile redirects (`redirects`) and hostile answers (`bodies`).

use crate::support::{Names, Server, answer};
use nexus_egress::{Client, Limits, Policy, Request, Target, special};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

/// Names of the table and where they lead.
const NAMES: [(&str, &[&str]); 22] = [
    ("localhost", &["::1", "127.0.0.1"]),
    ("localhost.", &["127.0.0.1"]),
    ("loopback.test", &["127.0.0.1"]),
    ("a.b.localhost", &["127.0.0.1"]),
    ("private.test", &["10.1.2.3"]),
    ("metadata.google.internal", &["169.254.169.254"]),
    ("wire-server.test", &["168.63.129.16"]),
    ("mixed.test", &["93.184.216.34", "127.0.0.1"]),
    (
        "mixed-last-of-many.test",
        &["93.184.216.34", "1.1.1.1", "8.8.8.8", "9.9.9.9", "4.4.4.4", "192.168.0.1"],
    ),
    ("mixed-families.test", &["93.184.216.34", "fd00::1"]),
    ("mapped.test", &["::ffff:127.0.0.1"]),
    ("mapped-public.test", &["::ffff:8.8.8.8"]),
    ("nat64.test", &["64:ff9b::a9fe:a9fe"]),
    ("sixtofour.test", &["2002:7f00:1::"]),
    ("teredo.test", &["2001:0:7f00:1::80ff:fffe"]),
    ("isatap.test", &["2a00::5efe:7f00:1"]),
    ("unspecified.test", &["0.0.0.0"]),
    ("unspecified6.test", &["::"]),
    ("broadcast.test", &["255.255.255.255"]),
    ("carrier.test", &["100.64.0.1"]),
    ("nobody.test", &[]),
    ("public.test", &["93.184.216.34"]),
];

/// Addresses, and why they are refused.
const TABLE: [(&str, &str); 127] = [
    // IPv4 in every way to write it
    ("http://127.0.0.1/", "address_refused"),
    ("http://127.0.0.1:8080/", "address_refused"),
    ("http://127.1/", "address_refused"),
    ("http://127.0.1/", "address_refused"),
    ("http://127.255.255.254/", "address_refused"),
    ("http://2130706433/", "address_refused"),
    ("http://017700000001/", "address_refused"),
    ("http://0x7f000001/", "address_refused"),
    ("http://0X7F.0x0.0x0.0x1/", "address_refused"),
    ("http://0177.0.0.1/", "address_refused"),
    ("http://0177.0.0.01/", "address_refused"),
    ("http://0x7f.1/", "address_refused"),
    ("http://0x7f.0.1/", "address_refused"),
    ("http://127.0x1/", "address_refused"),
    ("http://127.0.0.1./", "address_refused"),
    ("http://%31%32%37.0.0.1/", "address_refused"),
    ("http://127%2e0%2e0%2e1/", "address_refused"),
    ("http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/", "address_refused"),
    ("http://\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}/", "address_refused"),
    ("http://127\u{3002}0\u{3002}0\u{3002}1/", "address_refused"),
    ("http:127.0.0.1/", "address_refused"),
    ("http:/127.0.0.1/", "address_refused"),
    ("http:////127.0.0.1/", "address_refused"),
    ("HTTP://127.0.0.1/", "address_refused"),
    ("https://127.0.0.1/", "address_refused"),
    ("http://0/", "address_refused"),
    ("http://0.0.0.0/", "address_refused"),
    ("http://0.1.2.3/", "address_refused"),
    ("http://10.0.0.1/", "address_refused"),
    ("http://167772161/", "address_refused"),
    ("http://012.1/", "address_refused"),
    ("http://172.16.0.1/", "address_refused"),
    ("http://172.31.255.255/", "address_refused"),
    ("http://192.168.1.1/", "address_refused"),
    ("http://0xc0.0xa8.1.1/", "address_refused"),
    ("http://100.64.0.1/", "address_refused"),
    ("http://100.127.255.255/", "address_refused"),
    ("http://100.100.100.200/latest/meta-data/", "address_refused"),
    ("http://169.254.169.254/latest/meta-data/", "address_refused"),
    ("http://2852039166/latest/meta-data/", "address_refused"),
    ("http://0xa9fea9fe/", "address_refused"),
    ("http://0xA9.0376.169.0xFE/", "address_refused"),
    ("http://0251.0376.0251.0376/", "address_refused"),
    ("http://169.254.1.1/", "address_refused"),
    ("http://169.254.170.2/v2/credentials", "address_refused"),
    ("http://168.63.129.16/", "address_refused"),
    ("http://192.0.0.192/", "address_refused"),
    ("http://192.0.0.1/", "address_refused"),
    ("http://192.0.2.1/", "address_refused"),
    ("http://192.88.99.1/", "address_refused"),
    ("http://198.18.0.1/", "address_refused"),
    ("http://198.19.255.255/", "address_refused"),
    ("http://198.51.100.7/", "address_refused"),
    ("http://203.0.113.7/", "address_refused"),
    ("http://224.0.0.1/", "address_refused"),
    ("http://239.255.255.250/", "address_refused"),
    ("http://240.0.0.1/", "address_refused"),
    ("http://255.255.255.255/", "address_refused"),
    // IPv6, and IPv4 inside it
    ("http://[::1]/", "address_refused"),
    ("http://[0:0:0:0:0:0:0:1]/", "address_refused"),
    ("http://[::]/", "address_refused"),
    ("http://[::ffff:127.0.0.1]/", "address_refused"),
    ("http://[::ffff:7f00:1]/", "address_refused"),
    ("http://[0:0:0:0:0:ffff:7f00:0001]/", "address_refused"),
    ("http://[::ffff:169.254.169.254]/", "address_refused"),
    ("http://[::ffff:10.0.0.1]/", "address_refused"),
    ("http://[::ffff:8.8.8.8]/", "address_refused"),
    ("http://[::127.0.0.1]/", "address_refused"),
    ("http://[::7f00:1]/", "address_refused"),
    ("http://[::ffff:0:127.0.0.1]/", "address_refused"),
    ("http://[64:ff9b::127.0.0.1]/", "address_refused"),
    ("http://[64:ff9b::a9fe:a9fe]/", "address_refused"),
    ("http://[64:ff9b::10.0.0.1]/", "address_refused"),
    ("http://[64:ff9b:1::808:808]/", "address_refused"),
    ("http://[2002:7f00:1::]/", "address_refused"),
    ("http://[2002:a9fe:a9fe::1]/", "address_refused"),
    ("http://[2001::1]/", "address_refused"),
    ("http://[2001:0:4136:e378:8000:63bf:807f:fffe]/", "address_refused"),
    ("http://[2a00::5efe:127.0.0.1]/", "address_refused"),
    ("http://[2a00::200:5efe:10.0.0.1]/", "address_refused"),
    ("http://[fc00::1]/", "address_refused"),
    ("http://[fd00:ec2::254]/latest/meta-data/", "address_refused"),
    ("http://[fe80::1]/", "address_refused"),
    ("http://[febf::1]/", "address_refused"),
    ("http://[fec0::1]/", "address_refused"),
    ("http://[ff02::1]/", "address_refused"),
    ("http://[2001:db8::1]/", "address_refused"),
    ("http://[3fff::1]/", "address_refused"),
    ("http://[100::1]/", "address_refused"),
    ("http://[5f00::1]/", "address_refused"),
    ("http://[4000::1]/", "address_refused"),
    ("http://[fe80::1%25eth0]/", "url_invalid"),
    ("http://[fe80::1%eth0]/", "url_invalid"),
    // Names: every answer counts
    ("http://localhost/", "address_refused"),
    ("http://LOCALHOST/", "address_refused"),
    ("http://localhost./", "address_refused"),
    ("http://loc%61lhost/", "address_refused"),
    ("http://a.b.localhost/", "address_refused"),
    ("http://private.test/", "address_refused"),
    ("http://metadata.google.internal/computeMetadata/v1/", "address_refused"),
    ("http://wire-server.test/", "address_refused"),
    ("http://mixed.test/", "address_refused"),
    ("http://mixed-last-of-many.test/", "address_refused"),
    ("http://mixed-families.test/", "address_refused"),
    ("http://mapped.test/", "address_refused"),
    ("http://mapped-public.test/", "address_refused"),
    ("http://nat64.test/", "address_refused"),
    ("http://sixtofour.test/", "address_refused"),
    ("http://teredo.test/", "address_refused"),
    ("http://isatap.test/", "address_refused"),
    ("http://unspecified.test/", "address_refused"),
    ("http://unspecified6.test/", "address_refused"),
    ("http://broadcast.test/", "address_refused"),
    ("http://carrier.test/", "address_refused"),
    ("http://nobody.test/", "dns_failed"),
    ("http://unknown.test/", "dns_failed"),
    // Tricks with users, slashes and control characters
    ("http://public.test@127.0.0.1/", "userinfo_refused"),
    ("http://public.test:80@127.0.0.1/", "userinfo_refused"),
    ("http://127.0.0.1@public.test/", "userinfo_refused"),
    ("http://public.test\\@127.0.0.1/", "url_invalid"),
    ("http://127.0.0.1\\.public.test/", "url_invalid"),
    ("http:\\\\127.0.0.1\\", "url_invalid"),
    ("http://pub\tlic.test/", "url_invalid"),
    ("http://127.0.0.1\r\nHost: public.test/", "url_invalid"),
    (" http://127.0.0.1/", "url_invalid"),
    ("http://public.test:99999/", "url_invalid"),
    ("http://public.test:0/", "url_invalid"),
];

/// Schemes and ports that are not the web's, and what is no address at all.
const REST: [(&str, &str); 23] = [
    ("file:///etc/passwd", "scheme_refused"),
    ("ftp://public.test/", "scheme_refused"),
    ("gopher://127.0.0.1:6379/_FLUSHALL", "scheme_refused"),
    ("dict://127.0.0.1:11211/stat", "scheme_refused"),
    ("data:text/plain,x", "scheme_refused"),
    ("javascript:alert(1)", "scheme_refused"),
    ("ws://public.test/", "scheme_refused"),
    ("unix:/var/run/docker.sock", "scheme_refused"),
    ("http+unix://%2Fvar%2Frun%2Fdocker.sock/info", "scheme_refused"),
    ("jar:http://public.test!/", "scheme_refused"),
    ("blob:http://public.test/x", "scheme_refused"),
    ("//127.0.0.1/", "url_invalid"),
    ("127.0.0.1", "url_invalid"),
    ("", "url_invalid"),
    ("http://", "url_invalid"),
    ("http://./", "url_invalid"),
    ("http://a..b/", "url_invalid"),
    ("http://256.256.256.256/", "url_invalid"),
    ("http://1.2.3.4.5/", "url_invalid"),
    ("http://[::1/", "url_invalid"),
    ("http://exa mple.test/", "url_invalid"),
    ("http://public.test:25/", "port_refused"),
    ("http://public.test:6667/", "port_refused"),
];

fn everything() -> Policy {
    Policy::public().allow_network("0.0.0.0".parse().unwrap(), 0).allow_network("::".parse().unwrap(), 0)
}

#[tokio::test]
async fn hostile_addresses_are_refused_before_a_byte_is_sent() {
    let names = Names::new(&NAMES);
    let client = Client::new(Policy::public(), Limits::default()).with_resolver(names.clone());
    let table: Vec<_> = TABLE.iter().chain(&REST).collect();
    assert_eq!(
        table.iter().map(|(url, _)| url).collect::<BTreeSet<_>>().len(),
        table.len(),
        "one is there twice"
    );
    for (url, code) in table {
        let error = client.send(Request::get(*url)).await.unwrap_err();
        assert_eq!(error.code(), *code, "{url:?}: {error}");
        assert!(error.is_before_sending(), "{url:?}");
        let sentence = error.to_string();
        assert!(sentence.contains(". ") && !sentence.contains('\n'), "no advice for {url:?}: {sentence}");
    }
    // Addresses never get to a resolver, whatever they look like.
    for name in names.asked() {
        assert!(name.contains(|c: char| c.is_ascii_alphabetic()) && !name.starts_with("0x"), "{name}");
    }
}

/// Where each would lead if everything were allowed: the operator's word is enough, and each address of the table is
/// refused for where it leads, not for a mistake in the table.
#[tokio::test]
async fn the_same_addresses_are_admitted_when_the_operator_allows_them() {
    use nexus_egress::Resolver;
    let names = Names::new(&NAMES);
    let mut admitted = 0;
    for (url, code) in TABLE {
        if code != "address_refused" {
            continue;
        }
        let target = Target::parse(url).unwrap();
        let answers = match target.literal() {
            Some(address) => vec![address],
            None => names.resolve(target.url.host_str().unwrap()).await.unwrap(),
        };
        assert_eq!(Policy::public().admit(&target, &answers).unwrap_err().code(), code, "{url}");
        for policy in [everything(), Policy::public().allow_host(&target.host_name(), target.port)] {
            let addresses = policy.admit(&target, &answers).unwrap();
            assert!(!addresses.is_empty() && addresses.iter().all(|at| at.port() == target.port), "{url}");
        }
        let elsewhere = Policy::public().allow_host(&target.host_name(), target.port + 1);
        assert_eq!(elsewhere.admit(&target, &answers).unwrap_err().code(), code, "{url}");
        admitted += 1;
    }
    assert!(admitted > 100, "{admitted}");
}

#[tokio::test]
async fn every_way_to_write_loopback_reaches_a_real_server_when_allowed() {
    let server = Server::start(|_| answer(200, &[], "inside")).await;
    let names = Names::new(&NAMES);
    let ways = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
        "127\u{3002}0\u{3002}0\u{3002}1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "loopback.test",
        "localhost.",
        "a.b.localhost",
        "mapped.test",
    ];
    let closed = Client::new(Policy::public(), Limits::default()).with_resolver(names.clone());
    for way in ways {
        let url = server.url_as(way, "/");
        assert_eq!(closed.send(Request::get(&url)).await.unwrap_err().code(), "address_refused", "{way}");
    }
    assert!(server.requests().is_empty());
    let port = server.address.port();
    for way in ways {
        let url = server.url_as(way, "/");
        let host = Target::parse(&url).unwrap().host_name();
        for policy in [
            Policy::public().allow_network("127.0.0.0".parse().unwrap(), 8),
            Policy::public().allow_network("::ffff:127.0.0.0".parse().unwrap(), 104),
            Policy::public().allow_host(&host, port),
        ] {
            let open = Client::new(policy, Limits::default()).with_resolver(names.clone());
            assert_eq!(open.send(Request::get(&url)).await.unwrap().body, "inside", "{way}");
        }
    }
    assert_eq!(server.requests().len(), 3 * ways.len());
}

/// The policy of the table must be able to say yes, or refusing would prove nothing.
#[test]
fn public_addresses_are_public() {
    for public in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.31.196.1",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001::200e",
        "2a00::5efe:8.8.8.8",
        "2001:200::1",
        "64:ff9b::808:808",
    ] {
        let address: IpAddr = public.parse().unwrap();
        assert_eq!(special(address), None, "{public}");
        let target = Target::parse("http://public.test/").unwrap();
        assert_eq!(Policy::public().admit(&target, &[address]).unwrap()[0].ip(), address);
    }
}

#[tokio::test]
async fn a_name_is_resolved_once_and_the_connection_goes_where_the_answer_was_judged() {
    // Both addresses reach the same server; only the first is allowed.
    let server = Server::start(|_| answer(200, &[], "first")).await;
    let names = Names::changing(&[("rebind.test", vec![&["127.0.0.1"], &["127.0.0.2"]])]);
    let only_first = Policy::public().allow_network("127.0.0.1".parse().unwrap(), 32);
    let client = Client::new(only_first, Limits::default()).with_resolver(names.clone());
    let url = server.url_as("rebind.test", "/");
    assert_eq!(client.send(Request::get(&url)).await.unwrap().body, "first");
    assert_eq!(names.asked(), ["rebind.test"]);
    // The next request asks again, and is judged by what it hears then.
    assert_eq!(client.send(Request::get(&url)).await.unwrap_err().code(), "address_refused");
    assert_eq!(names.asked().len(), 2);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_address_that_refuses_does_not_hide_the_next_one() {
    let server = Server::start(|_| answer(200, &[], "second")).await;
    // Nothing listens on 127.0.0.2 at that port.
    let names = Names::new(&[("two.test", &["127.0.0.2", "127.0.0.1"])]);
    let client = Client::new(everything(), Limits::default()).with_resolver(names);
    assert_eq!(client.send(Request::get(server.url_as("two.test", "/"))).await.unwrap().body, "second");
    let nobody = Names::new(&[("two.test", &["127.0.0.2", "127.0.0.3"])]);
    let client = Client::new(everything(), Limits::default()).with_resolver(nobody);
    let error = client.send(Request::get(server.url_as("two.test", "/"))).await.unwrap_err();
    assert_eq!(error.code(), "connect_failed");
}

#[tokio::test]
async fn headers_that_frame_a_message_are_refused() {
    let client =
        Client::new(everything(), Limits::default()).with_resolver(Arc::new(nexus_egress::SystemResolver));
    for name in
        ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "proxy-authorization"]
    {
        let mut request = Request::get("http://127.0.0.1:1/");
        request.headers.insert(name, http::HeaderValue::from_static("x"));
        let error = client.send(request).await.unwrap_err();
        assert_eq!(error.code(), "request_invalid", "{name}");
        assert!(error.to_string().contains(name), "{error}");
    }
    for method in [http::Method::CONNECT, http::Method::TRACE] {
        let error = client.send(Request::new(method, "http://127.0.0.1:1/")).await.unwrap_err();
        assert_eq!(error.code(), "request_invalid");
    }
    let mut large = Request::get("http://127.0.0.1:1/");
    large.body = vec![0; Limits::default().request_bytes + 1].into();
    assert_eq!(client.send(large).await.unwrap_err().code(), "request_invalid");
}
