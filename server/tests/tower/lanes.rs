//! Services that give work to lanes: their futures are `Send`, as those of axum have to be.

use crate::common::{config, start_with};
use crate::support::{boxed, service, text};
use ringgate::lane::{Lane, LaneError};
use ringgate::tower::{self, BodyHandle};
use ringgate::{Request, RouteOptions, Router};
use std::sync::Arc;
use std::time::Duration;

/// The error that the path asks for.
async fn failed(lane: Lane, path: &str) -> LaneError {
    match path {
        "/full" => LaneError::Full,
        "/late" => LaneError::TimedOut,
        "/cancelled" => LaneError::Cancelled,
        "/closed" => LaneError::Closed,
        "/unavailable" => LaneError::Unavailable(Arc::from("the database is down")),
        _ => lane
            .run(|()| panic!("as asked"))
            .await
            .expect_err("it panics"),
    }
}

#[test]
fn a_service_runs_work_in_a_lane_and_its_errors_are_those_of_a_handler() {
    let lane = Lane::workers(1)
        .queue_timeout(Duration::from_secs(60))
        .stateless()
        .open("work")
        .expect("a lane");
    let of_service = lane.clone();
    let asks = service(move |request: http::Request<BodyHandle>| {
        let lane = of_service.clone();
        async move {
            match request.uri().path() {
                "/sum" => match lane.run(|()| (1..=100).sum::<u32>()).await {
                    Ok(sum) => text(sum.to_string()),
                    Err(error) => Ok(tower::lane_error(error).map(boxed)),
                },
                path => Ok(tower::lane_error(failed(lane, path).await).map(boxed)),
            }
        }
    });
    let native = move |request: Request| {
        let lane = lane.clone();
        async move {
            let path = format!("/{}", request.param("which").unwrap_or_default());
            Err::<(), _>(failed(lane, &path).await)
        }
    };
    let router = Router::new()
        .get("/native/{which}", native)
        .fallback(RouteOptions::default(), tower::handler(asks));
    let server = start_with(config(), router, |_| ());
    let mut client = server.connect();
    assert_eq!(client.get("/sum").text(), "5050");
    for (which, status) in [
        ("full", 503),
        ("late", 503),
        ("cancelled", 503),
        ("closed", 503),
        ("unavailable", 503),
        ("panicked", 500),
    ] {
        let answer = client.get(&format!("/{which}"));
        let native = client.get(&format!("/native/{which}"));
        assert_eq!(answer.status, status, "{which}");
        assert_eq!(answer.status, native.status, "{which}");
        assert_eq!(answer.text(), native.text(), "{which}");
        for field in ["content-type", "retry-after", "x-ringgate-reason"] {
            assert_eq!(
                answer.header(field),
                native.header(field),
                "{which}: {field}"
            );
            assert_eq!(
                answer.header(field).is_some(),
                status == 503 || field == "content-type"
            );
        }
    }
}
