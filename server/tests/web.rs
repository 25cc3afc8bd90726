//! The small web layer, asked in process: values out of requests, values into answers, errors, redirects, cookies;
//! and the client that asks.

use http::{Method, StatusCode, header};
use ringgate::config::Config;
use ringgate::cookie::Cookie;
use ringgate::simulation::Simulation;
use ringgate::testing::{Client, client};
use ringgate::{
    Body, BodyError, Error, Form, FromRequest, Html, IntoResponse, Json, Query, Redirect, Request,
    Response, Result, RouteOptions, Router, Server, Writer, app,
};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Note {
    id: u32,
    #[serde(default)]
    tags: Vec<String>,
}

#[test]
fn codes_in_a_query_and_in_a_path_are_read_and_a_plus_is_a_space_in_the_query_alone() {
    async fn told(request: Request) -> String {
        let (part, value) = (request.param_decoded("part"), request.query_value("a b"));
        format!("{part:?} {value:?}")
    }
    let client = client(Router::new().get("/{part}", told), ());
    for (target, expected) in [
        ("/x?a+b=c", r#"Some("x") Some("c")"#),
        ("/x+y?a%20b=c+d", r#"Some("x+y") Some("c d")"#),
        ("/x%20y?a%20b=%2B", r#"Some("x y") Some("+")"#),
        ("/x?a=b&a+b=%C3%A9+1", r#"Some("x") Some("é 1")"#),
        // What is no UTF-8 is no value: the next one of the name counts.
        ("/%FF?a+b=%FF&a+b=2", r#"None Some("2")"#),
        ("/x?%FF=1&a+b", r#"Some("x") Some("")"#),
        ("/x?a-b=1", r#"Some("x") None"#),
        // The first of a name counts, and of its signs the first divides.
        ("/x?a+b=c=d&a+b=e", r#"Some("x") Some("c=d")"#),
        ("/x?&=&&a+b=1&", r#"Some("x") Some("1")"#),
        ("/x?a+b=&a+b=1", r#"Some("x") Some("")"#),
        ("/x?a%20b&", r#"Some("x") Some("")"#),
        ("/x?", r#"Some("x") None"#),
        ("/x", r#"Some("x") None"#),
    ] {
        assert_eq!(client.get(target).send().text(), expected, "{target}");
    }
}

/// The parameters of a request by the names that routes of these tests have.
async fn params(request: Request) -> String {
    let names = ["user", "id", "x", "y"];
    let params = names.map(|name| Some(format!("{name}={}", request.param(name)?)));
    let params: Vec<_> = params.into_iter().flatten().collect();
    params.join(" ")
}

#[test]
fn paths_that_share_a_front_keep_the_names_of_their_own_parameters_and_braces_written_twice_are_braces()
 {
    let literal = async |request: Request| format!("the braces {}", params(request).await);
    let router = Router::new()
        .get("/a/{x}", params)
        .get("/a/{y}/b", params)
        .post("/a/{y}/b", params)
        .get("/{{x}}", literal)
        .post("/{{x}}", literal)
        .get("/{x}", params)
        .get("/{{{y}/c", params);
    let client = client(router, ());
    for (path, expected) in [
        ("/a/1", "x=1"),
        ("/a/2/b", "y=2"),
        ("/{x}", "the braces "),
        ("/7", "x=7"),
        ("/{y}", "x={y}"),
        ("/{7/c", "y=7"),
    ] {
        assert_eq!(client.get(path).send().text(), expected, "{path}");
    }
    assert_eq!(client.post("/a/2/b").send().text(), "y=2");
    assert_eq!(client.post("/{x}").send().text(), "the braces ");
    let refused = client.delete("/{x}").send();
    assert_eq!(refused.header("allow"), Some("GET, HEAD, POST"));
}

#[test]
fn a_router_below_a_prefix_with_parameters_answers_what_it_has_no_route_for_and_knows_them() {
    let lost = |of: &'static str| {
        move |request: Request| async move {
            let text = format!("{of}: {}", params(request).await);
            (StatusCode::NOT_FOUND, text)
        }
    };
    let refused = async |request: Request| {
        (
            StatusCode::METHOD_NOT_ALLOWED,
            format!("not so: {}", params(request).await),
        )
    };
    let options = RouteOptions::new;
    let tags = Router::new().fallback(options(), lost("tags"));
    let notes = Router::new()
        .get("/notes/{id}", params)
        .method_not_allowed(refused)
        .nest("/notes/{id}/tags", tags)
        .fallback(options(), lost("notes"));
    let me = Router::new().fallback(options(), lost("me"));
    let router = Router::new()
        .nest("/users/{user}", notes)
        .nest("/users/me", me)
        .fallback(options(), lost("all"));
    let client = client(router, ());
    for (path, expected) in [
        ("/users/ada/notes/7", "user=ada id=7"),
        ("/users/ada/none", "notes: user=ada"),
        ("/users/ada", "notes: user=ada"),
        ("/users/ada/", "notes: user=ada"),
        ("/users/ada/notes/7/tags", "tags: user=ada id=7"),
        ("/users/ada/notes/7/tags/old?x=1", "tags: user=ada id=7"),
        ("/users/ada/notes/7/tag", "notes: user=ada"),
        ("/users/me/none", "me: "),
        ("/users", "all: "),
        ("/users/", "all: "),
        ("/user/ada", "all: "),
    ] {
        assert_eq!(client.get(path).send().text(), expected, "{path}");
    }
    let answer = client.post("/users/ada/notes/7").send();
    assert_eq!(
        (answer.status().as_u16(), answer.text()),
        (405, "not so: user=ada id=7")
    );
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
}

#[test]
fn a_path_that_no_request_can_have_is_found_at_start_with_what_to_write_in_its_place() {
    let panics = |make: &dyn Fn() -> Router| {
        let panic = catch_unwind(AssertUnwindSafe(|| drop(make())));
        let panic = panic.expect_err("a mistake of the program");
        panic.downcast_ref::<String>().cloned().expect("a text")
    };
    let hello = async |_: Request| "hello";
    for (path, cure) in [
        ("notes", "write \"/notes\""),
        ("", "write \"/\""),
        ("/notes?all=1", "Request::query_value"),
        ("/notes#top", "leave it out"),
        ("/a/../b", "write the path that it leads to"),
        ("/./a", "write the path that it leads to"),
        ("/a b", "%20"),
        ("/caf\u{e9}/{id}", "%C3%A9"),
        ("/{id}<", "%3C"),
        ("/a/{y}", "use the same names"),
    ] {
        let panic = panics(&|| Router::new().get("/a/{x}", hello).get(path, hello));
        assert!(
            panic.contains(cure) && panic.contains(path),
            "{path}: {panic}"
        );
        let any = || Router::new().get("/a/{x}", hello).any(path, hello);
        assert!(panics(&any).contains(cure), "{path}");
    }
    for (prefix, cure) in [
        ("/a?", "Request::query_value"),
        ("/../a", "write the path that it leads to"),
        ("/{*rest}", "name one segment"),
    ] {
        let panic = panics(&|| Router::new().nest(prefix, Router::new().get("/", hello)));
        assert!(panic.contains(cure), "{prefix}: {panic}");
    }
    let twice = || {
        let own = || Router::new().fallback(RouteOptions::new(), hello);
        Router::new().nest("/{x}", own()).nest("/{y}", own())
    };
    catch_unwind(|| drop(twice())).expect_err("nobody knows which of them is meant");
}

#[test]
fn json_goes_in_and_out_and_what_is_none_is_told_apart() {
    async fn echo(mut request: Request) -> Result<(StatusCode, Json<Note>)> {
        let Json(note): Json<Note> = request.extract().await?;
        Ok((StatusCode::CREATED, Json(note)))
    }
    let client = client(Router::new().post("/", echo), ());
    let note = Note {
        id: 7,
        tags: vec!["a".into()],
    };
    let answer = client.post("/").json(&note).send();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json::<Note>(), note);
    let with = |content_type: &str, body: &str| {
        let request = client.post("/").header("content-type", content_type);
        request.body(body).send().status().as_u16()
    };
    assert_eq!(
        with("application/vnd.api+json; charset=utf-8", "{\"id\": 1}"),
        201
    );
    // Blanks may stand before the semicolon, and a parameter's value in quotes may be empty (RFC 9110 section 8.3.1).
    for parameters in [" ; charset=utf-8", ";", "; note=\"\"", ";\tcharset=utf-8"] {
        let content_type = format!("application/json{parameters}");
        assert_eq!(with(&content_type, "{\"id\": 1}"), 201, "{content_type:?}");
    }
    assert_eq!(with("text/plain", "{\"id\": 1}"), 415);
    assert_eq!(client.post("/").body("{\"id\": 1}").send().status(), 415);
    assert_eq!(with("application/json", "{\"id\": "), 400);
    assert_eq!(with("application/json", "{\"id\": \"x\"}"), 422);
    let large = format!("{{\"id\": 1, \"more\": \"{}\"}}", "x".repeat(2 << 20));
    assert_eq!(with("application/json", &large), 413);
}

#[test]
fn a_value_that_is_no_json_is_a_500() {
    let strange = |_: Request| async { Json(BTreeMap::from([((1, 2), 3)])) };
    let client = client(Router::new().get("/", strange), ());
    assert_eq!(client.get("/").send().status(), 500);
}

#[test]
fn queries_and_forms_fill_values_and_names_that_come_twice_fill_a_vec() {
    async fn query(mut request: Request) -> Result<Json<Note>> {
        let Query(note): Query<Note> = request.extract().await?;
        Ok(Json(note))
    }
    async fn form(mut request: Request) -> Result<Json<Note>> {
        let Form(note): Form<Note> = request.extract().await?;
        Ok(Json(note))
    }
    let client = client(Router::new().get("/", query).post("/", form), ());
    let note = Note {
        id: 7,
        tags: vec!["a b".into(), "\u{e4}".into()],
    };
    let answer = client.get("/?id=7&tags=a+b&tags=%C3%A4").send();
    assert_eq!(answer.json::<Note>(), note);
    assert_eq!(client.get("/?id=x").send().status(), 400);
    assert_eq!(client.get("/").send().status(), 400);
    assert_eq!(client.post("/").form(&note).send().json::<Note>(), note);
    let spaced = client
        .post("/")
        .header(
            "content-type",
            "application/x-www-form-urlencoded ; charset=utf-8",
        )
        .body("id=7");
    assert_eq!(spaced.send().status(), 200);
    assert_eq!(client.post("/").form(&[("id", "x")]).send().status(), 422);
    assert_eq!(client.post("/").json(&note).send().status(), 415);
}

#[test]
fn a_parameter_of_the_path_is_a_value_or_a_400() {
    let show = |request: Request| async move {
        let id: u32 = request.param_as("id")?;
        Ok::<_, Error>(id.to_string())
    };
    let client = client(Router::new().get("/{id}", show), ());
    assert_eq!(client.get("/7").send().text(), "7");
    let refused = client.get("/seven").send();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().contains("id: invalid digit"), "{refused:?}");
}

#[test]
fn an_application_takes_out_values_of_its_own() {
    struct User(String);
    impl<S> FromRequest<S> for User {
        async fn from_request(request: &mut Request<S>) -> Result<User> {
            let name = request
                .header("x-user")
                .ok_or_else(|| Error::new(StatusCode::UNAUTHORIZED, "who are you?"))?;
            Ok(User(String::from_utf8(name.to_vec())?))
        }
    }
    async fn hello(mut request: Request) -> Result<String> {
        let User(name) = request.extract().await?;
        Ok(name)
    }
    let client = client(Router::new().get("/", hello), ());
    let answer = client.get("/").header("x-user", "Ada").send();
    assert_eq!(answer.text(), "Ada");
    assert_eq!(client.get("/").send().status(), 401);
}

#[test]
fn an_error_is_told_to_the_log_and_not_to_the_client() {
    async fn fails(_: Request) -> Result<()> {
        Err(std::io::Error::other("the password is 1234"))?
    }
    async fn boxed(_: Request) -> std::result::Result<(), Box<dyn std::error::Error>> {
        Err("the password is 1234".into())
    }
    let client = client(Router::new().get("/fails", fails).get("/boxed", boxed), ());
    for path in ["/fails", "/boxed"] {
        let answer = client.get(path).send();
        assert_eq!(answer.status(), 500);
        assert!(!answer.text().contains("1234"), "{answer:?}");
    }
}

#[test]
fn whatever_a_handler_returns_is_an_answer() {
    let see = |answer: Response| {
        let of_type = answer.header("content-type");
        let of_type = of_type.map(|of_type| String::from_utf8_lossy(of_type).into_owned());
        (answer.status().as_u16(), of_type.unwrap_or_default())
    };
    let text = "text/plain; charset=utf-8".to_owned();
    let bytes = "application/octet-stream".to_owned();
    assert_eq!(see(().into_response()), (200, String::new()));
    assert_eq!(see("x".into_response()), (200, text.clone()));
    assert_eq!(see(Some("x").into_response()), (200, text.clone()));
    assert_eq!(see(None::<&str>.into_response()), (404, text.clone()));
    assert_eq!(see(vec![1u8].into_response()), (200, bytes));
    assert_eq!(see(Body::Empty.into_response()), (200, String::new()));
    let html = "text/html; charset=utf-8".to_owned();
    assert_eq!(see(Html("<p>").into_response()), (200, html));
    let pair = (StatusCode::ACCEPTED, "x").into_response();
    assert_eq!(see(pair), (202, text.clone()));
    let fields = [(header::CONTENT_TYPE, "a/b")];
    let triple = (StatusCode::ACCEPTED, fields, "x").into_response();
    assert_eq!(see(triple), (202, "a/b".to_owned()));
    assert_eq!(see(BodyError::Cut.into_response()), (400, text));
}

#[test]
fn redirects_lead_elsewhere_and_no_value_splits_an_answer() {
    let to = |request: Request| async move {
        let to = request.query_value("to").unwrap_or_default().into_owned();
        Redirect::to(to)
    };
    let client = client(Router::new().get("/", to), ());
    let answer = client.get("/?to=/new").send();
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.header("location"), Some("/new"));
    let split = client.get("/?to=/new%0D%0AX-Evil:%20yes").send();
    assert_eq!(split.status(), 500);
    assert_eq!(split.header("x-evil"), None);
    let panics = std::panic::catch_unwind(|| Response::text("").with_header("x", "a\nb"));
    assert!(panics.is_err());
    assert!(Response::text("").try_with_header("x", "a\nb").is_err());
}

#[test]
fn a_malformed_cookie_leaves_the_others_alone() {
    let told = async |request: Request| {
        let cookies = request.cookies();
        let cookies = cookies.map(|cookie| format!("{}={}", cookie.name(), cookie.value()));
        cookies.collect::<Vec<_>>().join("|")
    };
    let mut simulation = Simulation::of(
        Server::new(Config::default(), Router::new().get("/", told)),
        1,
    );
    for (field, expected) in [
        (&b"a=1; b=2"[..], "a=1|b=2"),
        (b"a=1;b=2;", "a=1|b=2"),
        (b"a=\"x y\"; b=", "a=\"x y\"|b="),
        (b"a=1; lonely; =nameless; b=c=d", "a=1|b=c=d"),
        (b" a = 1 ;; b=2", "a=1|b=2"),
        (b"a=1; other=\xFF\xFE; b=2", "a=1|b=2"),
        (b"a=\xC3\xA9", "a=\u{e9}"),
        (b"a=1; a=2", "a=1|a=2"),
    ] {
        let client = simulation.connect();
        client.send(&[b"GET / HTTP/1.1\r\nHost: t\r\nCookie: ", field, b"\r\n\r\n"].concat());
        simulation.run_until(|_| client.received_len() > 0);
        let answer = String::from_utf8(client.take_received()).expect("text");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert_eq!(body, expected, "{}", String::from_utf8_lossy(field));
    }
}

#[test]
fn no_part_of_a_cookie_becomes_an_attribute_of_it() {
    let sent = |cookie: Cookie<'static>| {
        let answer = catch_unwind(AssertUnwindSafe(|| Response::text("").with_cookie(cookie)));
        answer.ok().and_then(|answer| {
            let value = answer.header("set-cookie")?;
            String::from_utf8(value.to_vec()).ok()
        })
    };
    for value in ["1", "", "a,b", "{\"a\": 1}", "\"a b\"", "\u{e9}", "a=b"] {
        let expected = format!("id={value}");
        assert_eq!(sent(Cookie::new("id", value)).as_deref(), Some(&*expected));
    }
    for unfit in [
        Cookie::new("id", "1; Domain=evil.example"),
        Cookie::new("id", "1\r\nX: y"),
        Cookie::new("id", " 1"),
        Cookie::new("", "1"),
        Cookie::new("i d", "1"),
        Cookie::new("i=d", "1"),
        Cookie::new("id;", "1"),
        Cookie::build(("id", "1")).path("/; Secure").build(),
        Cookie::build(("id", "1")).domain("a.example;").build(),
    ] {
        let text = unfit.to_string();
        assert_eq!(sent(unfit), None, "{text:?}");
    }
}

#[test]
fn cookies_come_and_go() {
    async fn visit(request: Request) -> Response {
        let visits = request.cookie("visits").unwrap_or_default();
        let names: Vec<_> = request
            .cookies()
            .map(|cookie| cookie.name().to_owned())
            .collect();
        let cookie = Cookie::build(("visits", "8")).path("/").http_only(true);
        Response::text(format!("{visits} of {}", names.join(","))).with_cookie(cookie)
    }
    let client = client(Router::new().get("/", visit), ());
    let request = client
        .get("/")
        .header("cookie", "a=b; visits=7")
        .header("cookie", "c=d");
    let answer = request.send();
    assert_eq!(answer.text(), "7 of a,visits,c");
    assert_eq!(
        answer.header("set-cookie"),
        Some("visits=8; HttpOnly; Path=/")
    );
}

#[test]
fn names_of_requests_are_never_the_same() {
    let id = |request: Request| async move { request.new_id() };
    let client = client(Router::new().get("/", id), ());
    let ids: std::collections::BTreeSet<_> = (0..100)
        .map(|_| client.get("/").send().text().to_owned())
        .collect();
    assert_eq!(ids.len(), 100);
}

/// A body whose writer another task has: pieces until the client is gone, which is counted then.
fn written_elsewhere(gone: Rc<Cell<u32>>) -> Body {
    Body::writer(async move |mut out: Writer| {
        let writes = ringgate::runtime::current().spawn(async move {
            let mut number = 0;
            while !out.is_gone() {
                out.write(format!("{number}\n")).await;
                number += 1;
                if number == 3 {
                    // The body waits for the writer now, and the other way round before and after.
                    ringgate::runtime::sleep(Duration::from_secs(60)).await;
                }
            }
            gone.set(gone.get() + 1);
        });
        // The task goes on without anybody who waits for it.
        let () = writes.await?;
        Ok(())
    })
}

#[test]
fn a_writer_that_another_task_has_is_woken_by_room_and_by_the_end_of_the_client() {
    thread_local! { static GONE: Rc<Cell<u32>> = Rc::default(); }
    let gone = || GONE.with(Rc::clone);
    let router = Router::new().get("/", |_| async { written_elsewhere(GONE.with(Rc::clone)) });
    let client = client(router, ());
    let mut answer = client.get("/").open();
    answer.wait_for("0\n1\n2\n3\n4\n5\n");
    assert_eq!(gone().get(), 0, "the client is there");
    drop(answer);
    client.get("/nothing").send();
    assert_eq!(gone().get(), 1, "the writer has heard of the end");
}

#[test]
fn the_client_understands_every_form_of_an_answer() {
    let chunks = |_: Request| async {
        Body::writer(async |mut out| {
            for piece in ["one ", "two"] {
                out.write(piece).await;
                ringgate::runtime::sleep(Duration::from_secs(3600)).await;
            }
            Ok(())
        })
    };
    let router = Router::new()
        .get("/text", |_| async { "hello" })
        .get("/nothing", |_| async { StatusCode::NO_CONTENT })
        .get("/chunks", chunks)
        .post("/len", async |request: Request| {
            let body = request.into_body().bytes().await?;
            Ok::<_, BodyError>(body.len().to_string())
        });
    let client = client(router, ());
    assert_eq!(client.get("/text").send().text(), "hello");
    let head = client.request(Method::HEAD, "/text").send();
    assert_eq!(
        (head.header("content-length"), head.text()),
        (Some("5"), "")
    );
    assert_eq!(client.get("/nothing").send().status(), 204);
    let mut chunks = client.get("/chunks").open();
    chunks.wait_for("one ");
    assert!(!chunks.is_whole());
    chunks.wait_for_end();
    assert_eq!(chunks.text(), "one two");
    let long = client.post("/len").body(vec![b'x'; 300_000]);
    assert_eq!(long.send().text(), "300000");
}

#[test]
fn a_whole_server_is_asked_with_its_state_and_the_routers_for_any_state() {
    let router = Router::new()
        .get("/core", async |request: Request<u32>| {
            request.state().to_string()
        })
        .merge(app::health())
        .nest("/live", app::live_page());
    let server = Server::with_state(Config::default(), router, |core| core.index() + 5);
    let client = Client::of(server);
    assert_eq!(client.get("/core").send().text(), "5");
    assert_eq!(client.get("/healthz").send().text(), "ok\n");
    assert!(client.get("/live").send().text().contains("<html"));
    client.simulation().drain(0);
    assert_eq!(client.get("/readyz").send().status(), 503);
}
