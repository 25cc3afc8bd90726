//! What the options put around every answer of the built-in application: the field Server, pages for errors, CORS; and the
//! name of the file that a directory is answered with.

use crate::files::Tree;
use ringgate::config::{Config, Site};
use ringgate::http::Method;
use ringgate::testing::Client;
use std::fs;

fn client(site: Site) -> Client {
    let config = Config {
        site,
        ..Config::default()
    };
    Client::of(ringgate::app::server(config).expect("the options are good"))
}

#[test]
fn the_field_server_goes_with_every_answer_where_the_option_names_one_and_with_none_else() {
    let named = client(Site {
        server_header: Some("shop/2".parse().unwrap()),
        ..Site::default()
    });
    for (method, path, status) in [
        (Method::GET, "/plaintext", 200),
        (Method::GET, "/nowhere", 404),
        (Method::DELETE, "/plaintext", 405),
    ] {
        let answer = named.request(method, path).send();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.header("server"), Some("shop/2"), "{path}");
    }
    let silent = client(Site::default());
    assert_eq!(silent.get("/plaintext").send().header("server"), None);
}

#[test]
fn errors_are_answered_with_the_pages_of_a_directory_the_one_of_the_very_status_first() {
    let tree = Tree::new("error-pages");
    tree.write("404.html", b"<h1>gone</h1>");
    tree.write("4xx.html", b"<h1>yours</h1>");
    tree.write("style.css", b"h1 {}");
    let site = Site {
        error_pages: Some(tree.root()),
        ..Site::default()
    };
    let client = client(site.clone());
    let asked = |method: Method, path: &str, accepts: &str| {
        let answer = client.request(method, path).header("Accept", accepts);
        let answer = answer.send();
        (answer.status(), answer.text().to_owned())
    };
    let page = |status, text: &str| {
        (
            ringgate::http::StatusCode::from_u16(status).unwrap(),
            text.to_owned(),
        )
    };
    assert_eq!(
        asked(Method::GET, "/x", "text/html"),
        page(404, "<h1>gone</h1>")
    );
    assert_eq!(
        asked(Method::DELETE, "/json", "text/html"),
        page(405, "<h1>yours</h1>")
    );
    let line = asked(Method::GET, "/x", "*/*");
    assert!(line.1.starts_with("404 Not Found: "), "{line:?}");

    // What is wrong with them is said at the start.
    tree.write("200.html", b"well");
    let refusal = |site: Site| {
        let config = Config {
            site,
            ..Config::default()
        };
        ringgate::app::server(config)
            .err()
            .expect("a refusal")
            .to_string()
    };
    let refused = refusal(site.clone());
    assert!(refused.contains("error_pages"), "{refused}");
    assert!(
        refused.contains("200.html: pages are for statuses from 400 to 599"),
        "{refused}"
    );
    let nothing = Site {
        error_pages: Some("/nonexistent".into()),
        ..Site::default()
    };
    assert!(refusal(nothing).contains("No such file"));
    let empty = tree.root().join("empty");
    fs::create_dir(&empty).unwrap();
    let empty = Site {
        error_pages: Some(empty),
        ..Site::default()
    };
    assert!(refusal(empty).contains("no page such as 404.html"));
}

#[test]
fn pages_of_the_origins_that_are_named_may_read_and_those_of_others_may_not() {
    let allowed = |origins: &[&str], origin: &str| {
        let client = client(Site {
            cors_origins: origins.iter().map(|text| text.parse().unwrap()).collect(),
            ..Site::default()
        });
        let answer = client.get("/json").header("Origin", origin).send();
        answer
            .header("access-control-allow-origin")
            .map(str::to_owned)
    };
    let ours = ["https://a.example", "https://b.example"];
    assert_eq!(
        allowed(&ours, "https://b.example").as_deref(),
        Some("https://b.example")
    );
    assert_eq!(allowed(&ours, "https://c.example"), None);
    assert_eq!(allowed(&["*"], "https://c.example").as_deref(), Some("*"));
    assert_eq!(allowed(&[], "https://c.example"), None);
}

#[test]
fn a_directory_is_answered_with_the_file_of_the_name_that_the_option_says() {
    let tree = Tree::new("index-option");
    tree.write("home.htm", b"home");
    tree.write("index.html", b"index");
    let asked = |site| tree.serve_as(site).get("/files/").text().to_owned();
    let named = Site {
        index: "home.htm".to_owned(),
        ..Site::default()
    };
    assert_eq!(asked(named), "home");
    assert_eq!(asked(Site::default()), "index");
}
