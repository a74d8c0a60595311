use hyper::Uri;

use super::*;

fn parse(text: &str) -> Result<String, InvalidEndpointUrl> {
    EndpointUrl::parse(text, &AddressPolicy::default(), false).map(|url| url.as_str().to_owned())
}

#[test]
fn a_url_is_normalised() {
    for (text, url) in [
        ("https://hooks.example", "https://hooks.example/"),
        (" HTTPS://Hooks.Example:443/a b?c=\u{e9} ", "https://hooks.example/a%20b?c=%C3%A9"),
        ("https://hooks.example:8443/%7Ea?b", "https://hooks.example:8443/%7Ea?b"),
        ("https://b\u{fc}cher.example/", "https://xn--bcher-kva.example/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://hooks.example\\@127.0.0.1/", "https://hooks.example/@127.0.0.1/"),
        ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
    ] {
        assert_eq!(parse(text).as_deref(), Ok(url));
    }
}

#[test]
fn other_urls_are_rejected() {
    use InvalidEndpointUrl::{ControlCharacter, Credentials, Fragment, Localhost, Malformed, NotHttps, TooLong};

    for (text, error) in [
        ("", NotHttps),
        ("hooks.example/a", NotHttps),
        ("//hooks.example/a", NotHttps),
        ("http://hooks.example/", NotHttps),
        ("ftp://hooks.example/", NotHttps),
        ("file:///etc/passwd", NotHttps),
        ("gopher://127.0.0.1:6379/_", NotHttps),
        ("https://", Malformed(ParseError::EmptyHost)),
        ("https://?a", Malformed(ParseError::EmptyHost)),
        ("https://hooks.example:65536/", Malformed(ParseError::InvalidPort)),
        ("https://a b/", Malformed(ParseError::IdnaError)),
        ("https://a{b}/", Malformed(ParseError::InvalidDomainCharacter)),
        ("https://[::1", Malformed(ParseError::InvalidIpv6Address)),
        ("https://[fe80::1%25eth0]/", Malformed(ParseError::InvalidIpv6Address)),
        ("https://256.1.1.1/", Malformed(ParseError::InvalidIpv4Address)),
        ("https://ada@hooks.example/", Credentials),
        ("https://:secret@hooks.example/", Credentials),
        ("https://hooks.example/#", Fragment),
        ("https://hooks.example/#a", Fragment),
        ("https://hooks.exam\nple/", ControlCharacter),
        ("https://hooks.example/a\u{7f}", ControlCharacter),
        ("https://localhost/", Localhost),
        ("https://LOCALHOST.:8443/", Localhost),
        ("https://a.localhost/", Localhost),
        (&format!("https://hooks.example/{}", "a".repeat(2027)), TooLong),
        (&format!("https://hooks.example/{}", "\u{e9}".repeat(400)), TooLong),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
    assert!(parse(&format!("https://hooks.example/{}", "a".repeat(2026))).is_ok());
}

#[test]
fn addresses_are_checked_in_every_form() {
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "10.0.0.1",
        "%31%32%37.0.0.1",
        "\u{2460}\u{2461}\u{2466}.0.0.1",
        "127\u{3002}0\u{3002}0\u{3002}1",
    ] {
        let error = parse(&format!("https://{host}/")).unwrap_err();
        assert!(matches!(error, InvalidEndpointUrl::RefusedAddress(_)), "{host}: {error}");
    }
    let error = parse("https://0x7f.1/").unwrap_err().to_string();
    assert_eq!(
        error,
        "must have a host on the public internet, which 127.0.0.1 is not, unless the server permits it (--webhook-allow)"
    );
}

#[test]
fn http_and_loopback_are_accepted_if_permitted() {
    let loopback = AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let parse = |text| EndpointUrl::parse(text, &loopback, true).map(|url| url.as_str().to_owned());
    for url in ["http://127.0.0.1:8080/", "http://localhost/a", "https://a.localhost/", "https://hooks.example/"] {
        assert_eq!(parse(url).as_deref(), Ok(url));
    }
    assert_eq!(parse("ftp://localhost/"), Err(InvalidEndpointUrl::NotHttp));
    assert_eq!(parse("http://10.0.0.1/"), Err(InvalidEndpointUrl::RefusedAddress([10, 0, 0, 1].into())));
}

#[test]
fn an_http_client_can_request_what_is_accepted() {
    for character in (' '..='~').chain(['\u{e9}', '\u{1f600}']) {
        for url in [format!("https://a{character}b.example/"), format!("https://a.example/b{character}c?d{character}e")]
        {
            if let Ok(url) = parse(&url) {
                let uri = url.parse::<Uri>();
                assert_eq!(uri.unwrap().host(), Url::parse(&url).unwrap().host_str(), "{url}");
            }
        }
    }
}

#[test]
fn the_debug_form_hides_path_and_query() {
    let url = EndpointUrl::parse("https://hooks.example/secret?key=1", &AddressPolicy::default(), false).unwrap();
    assert_eq!(format!("{url:?}"), "https://hooks.example/***");
}
