//! Every option can be given in every way, and flags go over environment over file, key by key.

use std::num::NonZeroU32;
use std::time::Duration;

use super::super::definition::OptionDef;
use super::super::effective::toml_value;
use super::super::options::OPTIONS;
use super::super::{
    AccessField, AccessFormat, AccessLog, AccessTarget, AdmissionLimits, Admit, CertificateSource,
    ClientCertificates, ControlPath, Drain, DrainPending, Endpoint, FilesAt, Forwarded, HalfClose,
    Http2, HttpLimits, ListenAddr, Log, LogFormat, LogLevel, MaxAccepts, Offered, OnTerm,
    PoolRules, Proxies, ProxyProtocol, QueueRules, RingFlag, Rings, Shed, Site, Source, Switch,
    Timeouts, Tls, TlsVersion, TrustedProxy, WebSockets,
};
use super::*;

/// An allowed value that is not the default, and further flags it needs to be allowed.
fn sample(option: &OptionDef) -> (&'static [&'static str], &'static [&'static str]) {
    let values: &[&str] = match option.key {
        "listen" => &["127.0.0.1:9", "unix:/run/x.sock", "fd:3"],
        "certificate" => &["/etc/ringgate/tls", "self"],
        "certificate_key" => return (&["/k.pem"], &["--certificate", "/c.pem"]),
        "client_ca" => &["/ca.pem"],
        "client_certificates" => return (&["ask"], &["--client-ca", "/ca.pem"]),
        "tls_version_min" => &["1.3"],
        "tls_ticket_secret" => &["/secret"],
        "tls_handover" => &["off"],
        "max_handshakes" | "handshakes_per_turn" => &["77"],
        "access_log" => &["syslog:/dev/log"],
        "access_log_format" => &["json"],
        "access_log_fields" => &["time", "user_agent"],
        "access_log_sample" => &["10"],
        "access_log_slow" => &["1s"],
        "cores" => &["2..4"],
        "core_slots" => &["8"],
        "balance" => &["off"],
        "accepts" => &["1000"],
        "max_threads" => &["100"],
        "max_accepts" => return (&["120"], &["--max-threads", "100"]),
        "root" => &["/srv/www"],
        "files_at" => &["/"],
        "files_precompressed" | "files_listing" | "files_dotfiles" => &["on"],
        "compression" | "security_headers" => &["on"],
        "files_index" => &["home.html"],
        "cors_origins" => &["https://a.example", "http://b.example:81"],
        "error_pages" => &["/srv/errors"],
        "server_header" => &["shop/2 (blue)"],
        "files_cache" => &["2MiB"],
        "files_fallback" => &["index.html"],
        "files_headers" => &["*.html cache-control: no-cache", "/a/* x: y"],
        "control" => &["/run/c.sock"],
        "metrics" => &["127.0.0.1:9100"],
        "config" => &["ringgate.toml"],
        "log_file" => &["/var/log/r.log"],
        "proxy_protocol" => return (&["on"], &["--trusted-proxies", "127.0.0.1"]),
        "trusted_proxies" => &["10.0.0.0/8", "unix"],
        "forwarded" => &["forwarded"],
        "request_id" => &["X-Trace"],
        "log_level" => &["debug"],
        "log_format" => &["json"],
        "demo" | "status_page" => &["off"],
        "pid_file" => &["/run/r.pid"],
        "user" => &["www-data"],
        "group" => &["4242"],
        "without" => &["defer_taskrun", "no_iowait"],
        "shed" => &["newest"],
        "admit" => &["connection"],
        "priority" => &["high:/api/", "low:x-batch=yes"],
        "per_address" | "rejections" => &["20"],
        "request_rate" => &["100/s"],
        "request_burst" => return (&["50"], &["--request-rate", "100/s"]),
        "request_rate_field" => return (&["X-Api-Key"], &["--request-rate", "100/s"]),
        "half_close" => &["serve"],
        "reason_header" => &["off"],
        "head_size" => &["32KiB"],
        "head_count" => &["64"],
        "uri_size" => &["2KiB"],
        "body_size" => &["none"],
        "linger_size" | "write_rate_min" | "body_rate_min" | "unsent_size" => &["64KiB"],
        "requests_per_connection" => &["1000"],
        "drain_pending" => &["refuse"],
        "on_term" => &["drain"],
        "ring_entries" => &["256"],
        "buffers" => &["512"],
        "buffer_size" => &["8KiB"],
        "leases_kept" => &["7"],
        "max_connections" | "accepts_per_turn" => &["5000"],
        "spin" => &["50us"],
        "tasks_per_turn" => &["64"],
        "long_poll" => &["250ms"],
        "head_timeout"
        | "body_timeout"
        | "write_timeout"
        | "idle_timeout"
        | "linger_timeout"
        | "linger_time"
        | "drain_grace"
        | "keepalive_grace"
        | "graceful_timeout"
        | "upgrade_timeout"
        | "trim_interval"
        | "heartbeat_interval"
        | "heartbeat_timeout"
        | "handshake_timeout"
        | "files_cache_valid"
        | "proxy_header_timeout"
        | "stall"
        | "core_age"
        | "queue_timeout"
        | "queue_target"
        | "queue_interval"
        | "websocket_ping"
        | "websocket_pong_timeout"
        | "websocket_message_timeout"
        | "websocket_close_timeout"
        | "tunnel_timeout"
        | "drain_time" => &["9s"],
        "http2_stall_timeout" => &["9s"],
        "http2" | "http2_extended_connect" => &["off"],
        "http2_header_list_size" | "http2_header_table_size" => &["9KiB"],
        "http2_stream_window" | "http2_connection_window" => &["90KiB"],
        key if key.starts_with("http2_") => &["99"],
        "max_websockets" => &["99"],
        "websocket_message_size" => &["9KiB"],
        other => panic!("give {other} a sample value"),
    };
    (values, &[])
}

#[track_caller]
fn check_set(option: &OptionDef, given: Given, expected: Source) {
    let (values, companions) = sample(option);
    let (config, provenance) = given.flags(companions.iter().copied()).serve();
    assert_eq!(
        provenance.source(option.key),
        Some(&expected),
        "{}",
        option.key
    );
    for other in OPTIONS.iter().filter(|other| other.in_file()) {
        let now = written(other, &config);
        if other.key == option.key {
            assert_eq!(now, values, "{} was not set", option.key);
        } else if !companions.contains(&other.flag().as_str()) {
            let default = written(other, &Config::default());
            assert_eq!(now, default, "{} changed {}", option.key, other.key);
        }
    }
}

#[test]
fn every_option_can_be_set_by_its_flag() {
    for option in OPTIONS {
        let flags = sample(option)
            .0
            .iter()
            .flat_map(|value| [option.flag(), (*value).into()]);
        let mut given = Given::default().flags(flags);
        if !option.in_file() {
            given.file = Some(String::new());
            given.flags.clear();
        }
        check_set(option, given, Source::Flag(option.flag()));
    }
}

#[test]
fn every_option_can_be_set_in_the_environment() {
    for option in OPTIONS {
        let name = option.environment();
        let values = sample(option).0.join(",");
        if option.in_file() {
            let given = Given::default().env(&name, &values);
            check_set(option, given, Source::Environment(name));
        } else {
            let env = [(name.clone().into(), values.into())];
            let read = parse(["ringgate".into()], env, |_: &Path| Ok("cores = 3".into()));
            let Ok(Invocation::Serve(config, provenance)) = read else {
                panic!("{read:?}")
            };
            assert_eq!(config.cores.to_string(), "3");
            assert_eq!(
                provenance.source(option.key),
                Some(&Source::Environment(name))
            );
        }
    }
}

#[test]
fn every_option_can_be_set_in_the_file() {
    for option in OPTIONS.iter().filter(|option| option.in_file()) {
        let values: Vec<OsString> = sample(option).0.iter().map(OsString::from).collect();
        let text = format!("\n{} = {}\n", option.key, toml_value(&option.kind, &values));
        let from = Source::File {
            path: "ringgate.toml".into(),
            line: 2,
            column: 1,
        };
        check_set(option, Given::default().file(text), from);
    }
}

#[test]
fn flags_go_over_the_environment_and_that_over_the_file_for_every_option() {
    for option in OPTIONS.iter().filter(|option| option.in_file()) {
        let (values, companions) = sample(option);
        let items = |values: &[&str]| values.iter().map(OsString::from).collect::<Vec<_>>();
        let sampled = items(values);
        let default = written(option, &Config::default());
        let line =
            |items: &[OsString]| format!("{} = {}", option.key, toml_value(&option.kind, items));
        let list = |items: &[OsString]| items.join(",".as_ref()).into_string().expect("UTF-8");
        let companions = || companions.iter().copied();

        let given = Given::default()
            .file(line(&default))
            .env(&option.environment(), &list(&sampled));
        let config = given.flags(companions()).config();
        assert_eq!(
            written(option, &config),
            sampled,
            "{}: environment over file",
            option.key
        );

        let flags = values
            .iter()
            .flat_map(|value| [option.flag(), (*value).to_owned()]);
        let given = Given::default()
            .env(&option.environment(), &list(&default))
            .flags(flags);
        let config = given.file(line(&default)).flags(companions()).config();
        assert_eq!(
            written(option, &config),
            sampled,
            "{}: flag over both",
            option.key
        );
    }
}

/// Every value differs from every other of its type, so that no two fields can be exchanged.
#[test]
fn each_key_sets_the_field_of_its_name() {
    let second = Duration::from_secs;
    let number = |number: u32| NonZeroU32::new(number);
    let file = r#"
        listen = ["127.0.0.1:1", "unix:/l"]
        cores = "2..3"
        core_slots = 4
        max_threads = 5
        max_accepts = 6
        root = "/r"
        files_at = "/"
        files_precompressed = "on"
        files_index = "n"
        files_listing = "on"
        files_fallback = "i"
        files_dotfiles = "on"
        files_headers = ["* x: y"]
        files_cache = 70
        files_cache_valid = "71s"
        compression = "on"
        security_headers = "on"
        cors_origins = ["https://o"]
        error_pages = "/e"
        server_header = "h"
        control = "/c"
        metrics = "127.0.0.1:7"
        log_file = "/f"
        log_level = "warn"
        log_format = "json"
        access_log = "syslog:/dev/log"
        access_log_format = "json"
        access_log_fields = ["time", "status"]
        access_log_sample = 66
        access_log_slow = "67s"
        pid_file = "/p"
        user = "u"
        group = "g"
        certificate = ["/c", "self"]
        certificate_key = ["/k"]
        client_ca = "/ca"
        client_certificates = "ask"
        tls_version_min = "1.3"
        tls_ticket_secret = "/s"
        tls_handover = "off"
        handshake_timeout = "37s"
        max_handshakes = 38
        trusted_proxies = ["192.0.2.0/24", "unix"]
        forwarded = "off"
        request_id = "X-Id"
        proxy_protocol = ["unix:/l"]
        proxy_header_timeout = "40s"
        handshakes_per_turn = 39
        demo = "on"
        status_page = "off"
        without = ["single_issuer", "coop_taskrun"]
        shed = "newest"
        admit = "connection"
        priority = ["low:/slow/"]
        per_address = 30
        request_rate = "49/m"
        request_burst = 50
        request_rate_field = "X-Key"
        rejections = 31
        queue_timeout = "32s"
        queue_target = "33s"
        queue_interval = "34s"
        half_close = "serve"
        reason_header = "off"
        head_size = 9009
        head_count = 10
        uri_size = 1111
        body_size = 1212
        head_timeout = "13s"
        body_timeout = "14s"
        write_timeout = "15s"
        idle_timeout = "16s"
        linger_timeout = "17s"
        linger_time = "19s"
        linger_size = 1818
        write_rate_min = 1900
        body_rate_min = 1901
        unsent_size = 19020
        requests_per_connection = 19
        http2 = "off"
        http2_extended_connect = "off"
        http2_streams = 49
        http2_header_list_size = 5050
        http2_header_count = 51
        http2_continuations = 52
        http2_resets = 53
        http2_resets_made = 54
        http2_pings = 55
        http2_settings = 56
        http2_priorities = 57
        http2_empty_data = 58
        http2_small_data = 59
        http2_window_updates = 60
        http2_queued_controls = 61
        http2_stall_timeout = "62s"
        http2_stream_window = 630000
        http2_connection_window = 640000
        http2_header_table_size = 6565
        max_websockets = 41
        websocket_message_size = 4242
        websocket_ping = "43s"
        websocket_pong_timeout = "44s"
        websocket_message_timeout = "45s"
        websocket_close_timeout = "46s"
        tunnel_timeout = "47s"
        drain_grace = "20s"
        keepalive_grace = "21s"
        drain_time = "48s"
        graceful_timeout = "22s"
        drain_pending = "refuse"
        on_term = "drain"
        upgrade_timeout = "30s"
        trim_interval = "30m"
        heartbeat_interval = "31s"
        heartbeat_timeout = "32s"
        stall = "33s"
        balance = "off"
        accepts = 34
        core_age = "35s"
        ring_entries = 64
        buffers = 128
        buffer_size = 2525
        leases_kept = 26
        max_connections = 28
        accepts_per_turn = 32
        spin = "29us"
        tasks_per_turn = 36
        long_poll = "30us"
    "#;
    let most = MaxAccepts::AtMost(number(6).expect("not zero"));
    let expected = Config {
        listen: vec![
            ListenAddr::Tcp(([127, 0, 0, 1], 1).into()).into(),
            ListenAddr::unix("/l").into(),
        ],
        tls: Tls {
            certificates: vec![
                CertificateSource::Path("/c".into()),
                CertificateSource::SelfSigned,
            ],
            keys: vec!["/k".into()],
            client_ca: Some("/ca".into()),
            client_certificates: ClientCertificates::Ask,
            version_min: TlsVersion::Tls13,
            handshake_timeout: second(37),
            max_handshakes: number(38),
            handshakes_per_turn: 39,
            handover: Switch::Off,
            ticket_secret: Some("/s".into()),
        },
        proxies: Proxies {
            trusted: vec![
                "192.0.2.0/24".parse().expect("a prefix"),
                TrustedProxy::Unix,
            ],
            protocol: ProxyProtocol::At(vec![ListenAddr::unix("/l")]),
            header_timeout: second(40),
            forwarded: Forwarded::Off,
            request_id: Some("X-Id".into()),
        },
        cores: "2..3".parse().expect("cores"),
        core_slots: number(4),
        admission: AdmissionLimits::new(number(5), most).expect("a good pair"),
        queue: QueueRules {
            admit: Admit::Connection,
            per_address: number(30),
            rejections: number(31),
            priority: vec!["low:/slow/".parse().expect("a rule")],
            shed: Shed::Newest,
            timeout: second(32),
            target: second(33),
            interval: second(34),
            half_close: HalfClose::Serve,
            reason_header: Switch::Off,
        },
        rates: crate::config::RequestRates {
            rate: Some("49/m".parse().expect("a rate")),
            burst: number(50),
            field: Some("X-Key".into()),
        },
        limits: HttpLimits {
            head_size: 9009,
            head_count: 10,
            uri_size: 1111,
            body_size: Some(1212),
        },
        timeouts: Timeouts {
            head: second(13),
            body: second(14),
            write: second(15),
            idle: second(16),
            linger: second(17),
            linger_size: Some(1818),
            linger_time: Duration::from_secs(19),
            write_rate_min: Some(1900),
            body_rate_min: Some(1901),
            unsent_size: 19_020,
            requests_per_connection: 19,
        },
        http2: Http2 {
            serve: Switch::Off,
            extended_connect: Switch::Off,
            streams: 49,
            header_list_size: 5050,
            header_count: 51,
            continuations: 52,
            resets: 53,
            resets_made: 54,
            pings: 55,
            settings: 56,
            priorities: 57,
            empty_data: 58,
            small_data: 59,
            window_updates: 60,
            queued_controls: 61,
            stall_timeout: second(62),
            stream_window: 630_000,
            connection_window: 640_000,
            header_table_size: 6565,
        },
        websocket: WebSockets {
            max: number(41),
            message_size: 4242,
            ping: second(43),
            pong_timeout: second(44),
            message_timeout: second(45),
            close_timeout: second(46),
            tunnel_timeout: second(47),
        },
        drain: Drain {
            grace: second(20),
            keepalive_grace: second(21),
            time: second(48),
            graceful_timeout: second(22),
            pending: DrainPending::Refuse,
            on_term: OnTerm::Drain,
            upgrade_timeout: second(30),
        },
        pool: PoolRules {
            trim_interval: second(30 * 60),
            heartbeat_interval: second(31),
            heartbeat_timeout: second(32),
            stall: second(33),
            balance: Switch::Off,
            accepts: 34,
            core_age: second(35),
        },
        rings: Rings {
            entries: 64,
            buffers: 128,
            buffer_size: 2525,
            leases_kept: 26,
            max_connections: number(28),
            accepts_per_turn: number(32),
            spin: Duration::from_micros(29),
            tasks_per_turn: 36,
            long_poll: Duration::from_micros(30),
        },
        log: Log {
            file: Some("/f".into()),
            level: LogLevel::Warn,
            format: LogFormat::Json,
        },
        access_log: AccessLog {
            target: AccessTarget::Syslog("/dev/log".into()),
            format: AccessFormat::Json,
            fields: vec![AccessField::Time, AccessField::Status],
            sample: 66,
            slow: second(67),
        },
        root: Some("/r".into()),
        site: Site {
            at: FilesAt::Top,
            precompressed: Switch::On,
            index: "n".into(),
            listing: Switch::On,
            fallback: Some("i".into()),
            dotfiles: Switch::On,
            headers: vec!["* x: y".parse().expect("a rule")],
            cache: Some(70),
            cache_valid: second(71),
            compression: Switch::On,
            error_pages: Some("/e".into()),
            cors_origins: vec!["https://o".parse().expect("an origin")],
            server_header: Some("h".parse().expect("a value")),
            security_headers: Switch::On,
        },
        control: ControlPath::At("/c".into()),
        metrics: Some(ListenAddr::Tcp(([127, 0, 0, 1], 7).into())),
        demo: Offered::On,
        status_page: Offered::Off,
        without: vec![RingFlag::SingleIssuer, RingFlag::CoopTaskrun],
        pid_file: Some("/p".into()),
        user: Some("u".into()),
        group: Some("g".into()),
    };
    let (config, provenance) = Given::default().file(file).serve();
    assert_eq!(config, expected);
    for option in OPTIONS.iter().filter(|option| option.in_file()) {
        let source = provenance.source(option.key);
        assert_ne!(
            source,
            Some(&Source::Default),
            "{} is not in this test",
            option.key
        );
    }
}

#[test]
fn layers_are_merged_key_by_key_and_not_as_a_whole() {
    let (config, provenance) = Given::default()
        .file("head_timeout = \"1s\"\nbody_timeout = \"1s\"\nidle_timeout = \"1s\"\n")
        .env("RINGGATE_BODY_TIMEOUT", "2s")
        .env("RINGGATE_IDLE_TIMEOUT", "2s")
        .flags(["--idle-timeout", "3s"])
        .serve();
    let seconds = [
        config.timeouts.head,
        config.timeouts.body,
        config.timeouts.idle,
    ];
    assert_eq!(seconds, [1, 2, 3].map(Duration::from_secs));
    assert_eq!(config.timeouts.write, Config::default().timeouts.write);
    let source = |key: &str| provenance.source(key).expect(key).to_string();
    assert_eq!(source("head_timeout"), "ringgate.toml:1:1");
    assert_eq!(source("body_timeout"), "environment RINGGATE_BODY_TIMEOUT");
    assert_eq!(source("idle_timeout"), "flag --idle-timeout");
    assert_eq!(source("write_timeout"), "default");
}

#[test]
fn values_are_checked_together_only_after_the_merge() {
    let config = Given::default()
        .file("max_threads = 100\nmax_accepts = 120\n")
        .env("RINGGATE_MAX_THREADS", "200")
        .flags(["--max-accepts", "300"])
        .config();
    assert_eq!(config.admission.max_threads().map(|n| n.get()), Some(200));
    assert_eq!(config.admission.max_accepts().to_string(), "300");
}

#[test]
fn a_wrong_value_is_refused_also_under_a_good_one() {
    let message = Given::default()
        .file("cores = \"many\"")
        .flags(["--cores", "2"])
        .refusal();
    assert_has(&message, &["ringgate.toml:1", "cores", "many"]);
}

#[test]
fn a_repeatable_option_is_replaced_as_a_whole() {
    let given = || Given::default().file("listen = [\"127.0.0.1:1\", \"127.0.0.1:2\"]");
    assert_eq!(given().config().listen.len(), 2);
    let replaced = given().flags(["--listen", "127.0.0.1:3"]).config();
    assert_eq!(
        replaced.listen,
        ["127.0.0.1:3".parse::<Endpoint>().expect("address")]
    );
}

#[test]
fn a_list_may_be_one_string_in_the_file_and_has_commas_in_the_environment() {
    let config = Given::default().file("without = \"no_iowait\"").config();
    assert_eq!(config.without, [RingFlag::NoIowait]);
    let config = Given::default()
        .env("RINGGATE_WITHOUT", "no_iowait, submit_all")
        .config();
    assert_eq!(config.without, [RingFlag::NoIowait, RingFlag::SubmitAll]);
    let config = Given::default()
        .file("without = \"no_iowait\"")
        .env("RINGGATE_WITHOUT", "")
        .config();
    assert_eq!(config.without, []);
}

#[test]
fn the_default_configuration_is_that_of_the_definition() {
    let config = Given::default().config();
    assert_eq!(config, Config::default());
    for option in OPTIONS.iter().filter(|option| option.in_file()) {
        let default = super::super::document::default_items(option);
        assert_eq!(written(option, &config), default, "{}", option.key);
        let mut draft = Draft::default();
        assert!(
            option.kind.read(&mut draft, &default).is_ok(),
            "{}",
            option.key
        );
        assert_eq!(draft, Draft::default(), "{}", option.key);
    }
}

#[test]
fn the_flag_for_the_file_goes_over_the_variable_and_can_switch_it_off() {
    let config = Given::default()
        .env("RINGGATE_CONFIG", "/etc/other.toml")
        .file("cores = 3")
        .config();
    assert_eq!(config.cores.to_string(), "3");
    let given = Given::default().env("RINGGATE_CONFIG", "/etc/other.toml");
    assert_eq!(
        given.flags(["--config", "none"]).config(),
        Config::default()
    );
}

#[test]
fn what_needs_a_new_start_is_told_from_what_can_change_live() {
    let old = Config::default();
    let mut new = old.clone();
    new.timeouts.idle = Duration::from_secs(1);
    assert!(old.needs_restart(&new).is_empty());
    new.rings.entries = 64;
    new.listen.clear();
    assert_eq!(old.needs_restart(&new), ["listen", "ring_entries"]);
}
