//! Values that are refused, and that each message names the place, the key, the value and what is allowed.

use std::time::Duration;

use super::super::kind::Kind;
use super::super::options::OPTIONS;
use super::super::{ControlPath, ListenAddr, Scheme, Source};
use super::*;

#[test]
fn an_unknown_key_names_file_line_and_the_nearest_known_key() {
    let refusal = |line: &str| {
        Given::default()
            .file(format!("# one\n\n{line}\n"))
            .refusal()
    };
    for (line, key, nearest) in [
        ("max_treads = 1", "max_treads", "max_threads"),
        ("max-threads = 1", "max-threads", "max_threads"),
        ("Listen = \"127.0.0.1:1\"", "Listen", "listen"),
        ("headsize = 1", "headsize", "head_size"),
    ] {
        let message = refusal(line);
        let (key, nearest) = (format!("`{key}`"), format!("`{nearest}`"));
        assert_has(&message, &["ringgate.toml:3:1", &key, &nearest]);
    }
}

#[test]
fn the_file_cannot_name_another_file() {
    assert_has(
        &Given::default().file("config = \"x\"").refusal(),
        &["unknown key `config`"],
    );
}

#[test]
fn a_section_is_refused_since_keys_are_flat() {
    let message = Given::default()
        .file("cores = 1\n[listen]\nx = 1")
        .refusal();
    assert_has(&message, &["ringgate.toml:2:2", "section", "flat"]);
    let message = Given::default().file("[timeouts]\nhead = \"1s\"").refusal();
    assert_has(&message, &["ringgate.toml:1:2", "`timeouts`"]);
}

#[test]
fn broken_toml_and_a_key_given_twice_name_file_and_line() {
    for text in [
        "cores = 1\ncores = 2",
        "demo = \"on\"\nlisten = [",
        "# x\n= 3",
        "\ncores 3",
    ] {
        assert_has(&Given::default().file(text).refusal(), &["ringgate.toml:2"]);
    }
}

#[test]
fn a_key_given_twice_is_named_where_it_stands_again() {
    let message = Given::default()
        .file("cores = 1\nspin = 0\n  cores = 2")
        .refusal();
    assert_has(&message, &["ringgate.toml:3:3: ", "`cores`", "keep one"]);
}

#[test]
fn a_byte_order_mark_moves_no_column() {
    for text in ["max_treads = 1", "cores = 0", "cores = ", "= 1"] {
        let place = |text: &str| {
            let refusal = Given::default().file(text).refusal();
            let (place, _) = refusal.split_once(' ').expect("a place");
            place.to_owned()
        };
        assert_eq!(place(&format!("\u{feff}{text}")), place(text), "{text}");
    }
    let marked = Given::default().file("\u{feff}cores = 3").config();
    assert_eq!(marked, Given::default().file("cores = 3").config());
}

/// Values that no option of this kind takes, written as in a flag.
fn wrong(kind: &Kind) -> Vec<&'static str> {
    match kind {
        Kind::Endpoints(_) | Kind::AddressOrNone(_) => vec!["localhost:1", "8080", "unix:"],
        Kind::Cores(_) => vec!["0", "4..2", "all"],
        Kind::CountOr { .. } => vec!["0", "-1", "1.5", "4294967296", "unlimited", ""],
        Kind::MaxAccepts(_) => vec!["0", "-1", "1.5", "4294967296", "infinite", ""],
        Kind::Count { .. } => vec!["-1", "99999999999", "1.5", "none", ""],
        Kind::Size { .. } => vec!["-1", "64K", "999TiB", "none", ""],
        Kind::SizeOrNone(_) => vec!["-1", "64K", "unlimited", ""],
        Kind::Duration { .. } => vec!["30", "-1s", "1000h", "1.5s", "none", ""],
        Kind::Choice(_) => vec!["perhaps", "ON", ""],
        Kind::RingFlags(_) => vec!["iopoll", "SINGLE_ISSUER"],
        Kind::TrustedProxies(_) => vec!["10.0.0.1/8", "proxy.example", "10.0.0.1:80"],
        Kind::ProxyProtocol(_) => vec!["yes", "ON", "8080"],
        Kind::Priorities(_) => vec!["high", "mid:/a", "low:a"],
        Kind::RateOrNone(_) => vec!["100", "0/s", "1/d", "fast", ""],
        Kind::PathOrNone { .. }
        | Kind::NameOrNone(_)
        | Kind::Control(_)
        | Kind::Certificates(_)
        | Kind::AccessTarget(_)
        | Kind::Paths(_) => vec![""],
        Kind::AccessFields(_) => vec!["cookie", "STATUS"],
        Kind::FileName(_) => vec!["a/b", "..", ""],
        Kind::ServerHeaderOrNone(_) => vec![" x", "x ", ""],
        Kind::CorsOrigins(_) => vec!["app.example", "https://a.example/", "https://A.example"],
        Kind::FileHeaders(_) => vec!["*.html", "* x", "* etag: 1", "* x y: z"],
    }
}

#[test]
fn every_wrong_value_names_its_flag_or_variable_or_line_and_what_is_allowed() {
    for option in OPTIONS {
        for value in wrong(&option.kind) {
            let shown = format!("{value:?}");
            let allowed = option.kind.allowed();
            let given = Given::default().flags([format!("{}={value}", option.flag())]);
            assert_has(&given.refusal(), &[&option.flag(), &shown, &allowed]);

            let name = option.environment();
            // An empty list is allowed where there may be nothing.
            if !value.is_empty() || !option.kind.repeatable() {
                let message = Given::default().env(&name, value).refusal();
                assert_has(&message, &[&format!("{name}={shown}"), &allowed]);
            }
            if option.in_file() {
                let message = Given::default()
                    .file(format!("\n{} = {shown}", option.key))
                    .refusal();
                let column = option.key.len() + 4;
                let place = format!("ringgate.toml:2:{column}: {} = {shown}", option.key);
                assert_has(&message, &[&place, &allowed]);
            }
        }
    }
}

#[test]
fn bare_toml_values_of_the_wrong_type_are_refused() {
    for (line, value) in [
        ("listen = 8080", "8080"),
        ("root = 5", "5"),
        ("demo = true", "true"),
        ("log_file = 2026-01-01", "2026-01-01"),
        ("control = { path = \"x\" }", "path"),
        ("cores = true", "true"),
        ("cores = 1.5", "1.5"),
        ("cores = 2.0", "2.0: float where a whole number"),
        ("max_threads = 100.0", "100.0: float where a whole number"),
        ("max_threads = 1e2", "1e2: float"),
        ("max_accepts = 100.0", "100.0: float"),
        ("ring_entries = 256.0", "256.0: float"),
        ("body_size = 1048576.0", "1048576.0: float"),
        ("spin = 0.0", "0.0: float"),
        ("core_slots = [4.0]", "float where"),
        ("cores = -1", "-1"),
        ("idle_timeout = 75", "75s"),
        ("head_size = [1]x", "ringgate.toml:1"),
        ("without = [1]", "1"),
        ("cores = [1, 2]", "one value"),
        ("cores = []", "one value"),
        ("listen = []", "at least one address"),
    ] {
        let message = Given::default().file(line).refusal();
        assert_has(&message, &["ringgate.toml:1:", value]);
    }
}

#[test]
fn a_wrong_item_of_a_list_is_pointed_at() {
    let text = "listen = [\n  \"127.0.0.1:1\",\n  \"nowhere\",\n]\n";
    assert_has(
        &Given::default().file(text).refusal(),
        &["ringgate.toml:3:3", "\"nowhere\""],
    );
    let message = Given::default()
        .env("RINGGATE_LISTEN", "127.0.0.1:1,,")
        .refusal();
    assert_has(&message, &["RINGGATE_LISTEN=\"\""]);
    assert_has(
        &Given::default().file("idle_timeout = 75").refusal(),
        &["idle_timeout = 75: "],
    );
}

#[test]
fn a_duration_without_unit_is_told_the_forms() {
    let message = Given::default().file("idle_timeout = 75").refusal();
    assert_has(&message, &["75us", "75ms", "75s", "75m", "75h"]);
    assert_eq!(
        Given::default().file("spin = 0").config().rings.spin,
        Duration::ZERO
    );
}

#[test]
fn a_file_that_cannot_be_read_names_itself_and_who_named_it() {
    let refusal = |args: &[&str], env: Vec<(OsString, OsString)>| {
        let args = args.iter().map(OsString::from);
        let missing = |_: &Path| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        parse(args, env, missing).expect_err("no file").to_string()
    };
    let message = refusal(&["ringgate", "--config", "a.toml"], vec![]);
    assert_has(&message, &["a.toml", "--config", "not found"]);
    let message = refusal(
        &["ringgate"],
        vec![("RINGGATE_CONFIG".into(), "b.toml".into())],
    );
    assert_has(&message, &["b.toml", "RINGGATE_CONFIG"]);
    assert_has(
        &refusal(&["ringgate", "check-config", "c.toml"], vec![]),
        &["c.toml"],
    );
}

#[test]
fn h1_limits_that_are_not_positive_are_refused_in_file_flag_and_environment_alike() {
    for key in ["max_threads", "max_accepts"] {
        let option = OPTIONS.iter().find(|option| option.key == key).expect(key);
        for value in ["0", "-1", "1.5", "4294967296"] {
            let (flag, name) = (option.flag(), option.environment());
            let allowed = "a whole number from 1 to 4294967295";
            let messages = [
                Given::default().file(format!("{key} = {value}")).refusal(),
                Given::default().env(&name, value).refusal(),
                Given::default().flags([flag, value.to_owned()]).refusal(),
            ];
            for message in messages {
                assert_has(&message, &[value, allowed]);
            }
        }
    }
}

#[test]
fn h2_wrong_pairs_are_refused_with_both_numbers_wherever_they_come_from() {
    let message = Given::default()
        .file("max_threads = 100")
        .env("RINGGATE_MAX_ACCEPTS", "100")
        .refusal();
    assert_has(&message, &["max_threads = 100", "max_accepts = 100"]);
    assert_has(
        &message,
        &[
            "from ringgate.toml:1:1",
            "from environment RINGGATE_MAX_ACCEPTS",
        ],
    );

    for accepts in ["120", "unbounded"] {
        let message = Given::default().flags(["--max-accepts", accepts]).refusal();
        let shown = format!("max_accepts = {accepts}");
        assert_has(
            &message,
            &["max_threads = none", &shown, "flag --max-accepts"],
        );
    }
}

#[test]
fn naming_an_address_twice_is_refused() {
    let listen = |addresses: [&str; 2]| {
        Given::default().flags(addresses.iter().flat_map(|address| ["--listen", address]))
    };
    for address in ["127.0.0.1:80", "[::1]:80", "unix:/run/x", "fd:3"] {
        assert_has(
            &listen([address, address]).refusal(),
            &["twice", address, "flag --listen"],
        );
    }
    assert_eq!(
        listen(["127.0.0.1:0", "127.0.0.1:0"]).config().listen.len(),
        2
    );

    for place in ["127.0.0.1:80", "unix:/run/x", "fd:3"] {
        let secure = format!("https://{place}");
        let both =
            Given::default().flags(["--certificate=self", "--listen", place, "--listen", &secure]);
        assert_has(&both.refusal(), &["twice", place, "flag --listen"]);
    }

    let given = listen(["127.0.0.1:80", "unix:/run/x"]);
    let message = given.clone().flags(["--metrics", "127.0.0.1:80"]).refusal();
    assert_has(&message, &["listen and metrics", "127.0.0.1:80"]);
    let message = given.flags(["--control", "/run/x"]).refusal();
    assert_has(&message, &["listen and control", "/run/x"]);
    let message = Given::default()
        .flags(["--control", "/run/x", "--metrics", "unix:/run/x"])
        .refusal();
    assert_has(&message, &["metrics and control", "/run/x"]);
}

#[test]
fn values_that_do_not_go_together_are_refused_with_both() {
    for (flags, parts) in [
        (["--core-slots=2", "--cores=4"], ["core_slots = 2", "4"]),
        (["--core-slots=2", "--cores=1..3"], ["core_slots = 2", "3"]),
        (
            ["--head-size=1KiB", "--uri-size=2KiB"],
            ["head_size = 1KiB", "uri_size = 2KiB"],
        ),
    ] {
        assert_has(&Given::default().flags(flags).refusal(), &parts);
    }
}

#[test]
fn a_place_with_tls_needs_a_certificate_and_the_refusal_says_how_to_have_one() {
    let https = || Given::default().flags(["--listen", "https://127.0.0.1:8443"]);
    let cures = [
        "https://127.0.0.1:8443",
        "certificate_key",
        "certificate = self",
        "flag --listen",
    ];
    assert_has(&https().refusal(), &cures);
    let config = https().flags(["--certificate", "self"]).config();
    assert_eq!(config.listen[0].scheme, Scheme::Https);
}

#[test]
fn keys_and_roots_that_nothing_needs_or_that_are_missing_are_refused() {
    let refusal = |flags: &[&str]| Given::default().flags(flags.iter().copied()).refusal();
    let message = refusal(&[
        "--certificate=/a",
        "--certificate-key=/b",
        "--certificate-key=/c",
    ]);
    assert_has(&message, &["names 2 keys", "certificate 1", "same place"]);
    for demand in ["ask", "require"] {
        let message = refusal(&["--client-certificates", demand]);
        assert_has(
            &message,
            &[demand, "client_ca", "flag --client-certificates"],
        );
    }
}

#[test]
fn the_scheme_of_a_place_can_change_under_a_running_server_but_not_the_place() {
    let config = |listen: &str| {
        Given::default()
            .flags(["--certificate=self", "--listen", listen])
            .config()
    };
    let plain = config("127.0.0.1:8443");
    assert!(
        plain
            .needs_restart(&config("https://127.0.0.1:8443"))
            .is_empty()
    );
    assert_eq!(
        plain.needs_restart(&config("https://127.0.0.1:8444")),
        ["listen"]
    );
}

#[test]
fn a_configuration_made_in_code_is_held_to_the_same_rules() {
    type Edit = fn(&mut Config);
    let edits: [(Edit, &str); 8] = [
        (|config| config.listen.clear(), "listen"),
        (|config| config.rings.entries = 1000, "ring_entries"),
        (
            |config| config.timeouts.head = Duration::MAX,
            "head_timeout",
        ),
        (|config| config.limits.head_count = 0, "head_count"),
        (|config| config.root = Some("none".into()), "root"),
        (|config| config.root = Some("".into()), "root"),
        (
            |config| config.control = ControlPath::At("auto".into()),
            "control",
        ),
        (
            |config| config.listen.push(ListenAddr::Fd(0).into()),
            "listen",
        ),
    ];
    for (edit, key) in edits {
        let mut config = Config::default();
        edit(&mut config);
        match config.check() {
            Err(Error::Value(wrong)) => {
                assert_eq!((wrong.key, wrong.from), (key, Source::Code));
            }
            other => panic!("{key}: {other:?}"),
        }
    }
}

#[test]
fn a_variable_spelled_almost_like_ours_is_a_warning_and_a_stranger_is_not() {
    let (_, provenance) = Given::default()
        .env("RINGGATE_MAX_THREAD", "1")
        .env("RINGGATE_PORT", "tcp://10.0.0.1:80")
        .env("RINGGATE_CORES", "1")
        .env("HOME", "/")
        .serve();
    let [warning] = provenance.warnings() else {
        panic!("{:?}", provenance.warnings())
    };
    assert_has(warning, &["RINGGATE_MAX_THREAD ", "RINGGATE_MAX_THREADS"]);
}

#[test]
#[cfg(unix)]
fn text_that_is_not_utf8_is_refused_and_a_path_that_is_not_is_taken() {
    use std::os::unix::ffi::OsStringExt;
    let odd = || OsString::from_vec(vec![b'/', 0xff]);
    let refusal = Given::default().flags(["--cores".into(), odd()]).refusal();
    assert_has(&refusal, &["--cores", "not UTF-8"]);
    let config = Given::default().flags(["--root".into(), odd()]).config();
    assert_eq!(config.root, Some(odd().into()));
}

#[test]
fn proxies_that_may_say_who_their_clients_are_have_to_be_named() {
    let refusal = Given::default().flags(["--proxy-protocol", "on"]).refusal();
    assert_has(&refusal, &["proxy_protocol", "trusted_proxies"]);
    let elsewhere = [
        "--trusted-proxies",
        "::1",
        "--proxy-protocol",
        "127.0.0.1:9",
    ];
    let refusal = Given::default().flags(elsewhere).refusal();
    assert_has(&refusal, &["127.0.0.1:9", "where nothing listens"]);
    let both = [
        "--proxy-protocol",
        "on",
        "--proxy-protocol",
        "127.0.0.1:8080",
    ];
    let refusal = Given::default().flags(both).refusal();
    assert_has(&refusal, &["on and off stand alone"]);
}

#[test]
fn the_header_of_a_proxy_is_expected_where_it_is_asked_for_with_and_without_tls() {
    let config = Given::default()
        .file(
            r#"
            listen = ["127.0.0.1:1", "https://127.0.0.1:2", "unix:/l?mode=0600"]
            certificate = "self"
            trusted_proxies = "127.0.0.1"
            proxy_protocol = ["127.0.0.1:2", "unix:/l"]
            "#,
        )
        .config();
    let proxied: Vec<bool> = config
        .openings()
        .map(|(_, opening)| opening.proxied)
        .collect();
    assert_eq!(proxied, [false, true, true]);
    let everywhere = Given::default()
        .flags(["--trusted-proxies=unix", "--proxy-protocol=on"])
        .serve()
        .0;
    assert!(everywhere.openings().all(|(_, opening)| opening.proxied));
}
