//! A service of gRPC, written by hand where a program has what `tonic-prost-build` makes of a `.proto` file, so that the
//! tests need no `protoc`; and its client. Each method is one of the ways in which services are written.

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::client;
use tonic::codegen::{BoxFuture, StdError, http};
use tonic::metadata::MetadataValue;
use tonic::server::{self, NamedService};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

/// The message of all methods, in both directions.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Words {
    #[prost(string, tag = "1")]
    pub text: String,
    #[prost(uint32, tag = "2")]
    pub count: u32,
    #[prost(bytes = "bytes", tag = "3")]
    pub load: Bytes,
}

impl Words {
    pub fn of(text: &str) -> Words {
        Words::counted(text, 0)
    }

    pub fn counted(text: &str, count: u32) -> Words {
        Words {
            text: text.to_owned(),
            count,
            load: Bytes::new(),
        }
    }
}

/// The most memory that a client can make the service use for a message: tonic's own default.
pub const MESSAGE_MAX_BYTES: usize = 4 << 20;

type Said = Pin<Box<dyn Stream<Item = Result<Words, Status>> + Send>>;
type Answer = Result<Response<Words>, Status>;
type Answers = Result<Response<Said>, Status>;

/// The service.
#[derive(Clone, Default)]
pub struct Talk {
    /// Told when an answer is dropped that would never have come to an end.
    pub dropped: Arc<Notify>,
    /// Told when a call has come as far as the service, and waits there.
    pub waits: Arc<Notify>,
}

struct TellEnd(Arc<Notify>);

impl Drop for TellEnd {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Talk {
    /// Says the same again, with what the client's metadata said.
    async fn echo(self, request: Request<Words>) -> Answer {
        let said = request.metadata().get("said").cloned();
        let raw = request.metadata().get_bin("said-bin").cloned();
        let mut answer = Response::new(request.into_inner());
        if let Some(said) = said {
            answer.metadata_mut().insert("heard", said);
        }
        if let Some(raw) = raw {
            answer.metadata_mut().insert_bin("heard-bin", raw);
        }
        Ok(answer)
    }

    /// As many messages as it is asked for.
    async fn count(self, request: Request<Words>) -> Answers {
        let Words { text, count, load } = request.into_inner();
        let said = (0..count).map(move |count| {
            Ok(Words {
                text: text.clone(),
                count,
                load: load.clone(),
            })
        });
        Ok(Response::new(Box::pin(stream::iter(said))))
    }

    /// Two messages, then a status.
    async fn fail_late(self, _: Request<Words>) -> Answers {
        let said = [Ok(Words::of("one")), Ok(Words::of("two")), Err(failure())];
        Ok(Response::new(Box::pin(stream::iter(said))))
    }

    /// A status alone.
    async fn fail(self, _: Request<Words>) -> Answer {
        Err(failure())
    }

    /// Never answers.
    async fn wait(self, _: Request<Words>) -> Answer {
        let _told = TellEnd(self.dropped);
        self.waits.notify_one();
        std::future::pending().await
    }

    /// One message, and never an end.
    async fn wait_late(self, _: Request<Words>) -> Answers {
        let told = TellEnd(self.dropped);
        let silence = stream::pending().map(move |never| {
            let _told = &told;
            never
        });
        let first = stream::iter([Ok(Words::of("first"))]);
        Ok(Response::new(Box::pin(first.chain(silence))))
    }

    /// Puts what the client says together.
    async fn gather(self, request: Request<Streaming<Words>>) -> Answer {
        let mut heard = request.into_inner();
        let mut all = Words::default();
        while let Some(words) = heard.message().await? {
            all.text += &words.text;
            all.count += 1;
        }
        Ok(Response::new(all))
    }

    /// Says what it hears, in the task of the answer.
    async fn talk(self, request: Request<Streaming<Words>>) -> Answers {
        Ok(Response::new(Box::pin(request.into_inner())))
    }

    /// Says what it hears, in a task of tokio's.
    async fn talk_aside(self, request: Request<Streaming<Words>>) -> Answers {
        let mut heard = request.into_inner();
        let (say, said) = mpsc::channel(4);
        tokio::spawn(async move {
            while let Some(words) = heard.next().await {
                if say.send(words).await.is_err() {
                    break;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(said))))
    }
}

/// The status of the methods that fail.
pub fn failure() -> Status {
    let mut status = Status::with_details(
        Code::FailedPrecondition,
        "not today: ä, 100 %",
        Bytes::from_static(&[0, 255, 7]),
    );
    status
        .metadata_mut()
        .insert("retry", MetadataValue::from_static("tomorrow"));
    status
}

impl NamedService for Talk {
    const NAME: &'static str = "ringgate.test.Talk";
}

impl<B> tower::Service<http::Request<B>> for Talk
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let talk = self.clone();
        Box::pin(async move {
            let mut grpc = server::Grpc::new(ProstCodec::<Words, Words>::default())
                .max_decoding_message_size(MESSAGE_MAX_BYTES);
            let path = request.uri().path().to_owned();
            let method = path.rsplit('/').next().unwrap_or_default();
            // A service of its own for each way of writing one, as the generator makes it.
            macro_rules! with {
                ($way:ident, $method:ident) => {
                    grpc.$way(
                        service_fn(move |asked| talk.clone().$method(asked)),
                        request,
                    )
                    .await
                };
            }
            Ok(match method {
                "Echo" => with!(unary, echo),
                "Fail" => with!(unary, fail),
                "Wait" => with!(unary, wait),
                "Count" => with!(server_streaming, count),
                "FailLate" => with!(server_streaming, fail_late),
                "WaitLate" => with!(server_streaming, wait_late),
                "Gather" => with!(client_streaming, gather),
                "Talk" => with!(streaming, talk),
                "TalkAside" => with!(streaming, talk_aside),
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

/// The client of the service.
#[derive(Clone)]
pub struct Caller(client::Grpc<Channel>);

impl Caller {
    pub fn new(channel: Channel) -> Caller {
        Caller(client::Grpc::new(channel))
    }

    async fn ready(&mut self) -> Result<(), Status> {
        let ready = self.0.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))
    }

    /// One message there, one back.
    pub async fn call(&mut self, method: &str, words: Request<Words>) -> Answer {
        self.ready().await?;
        let codec = ProstCodec::<Words, Words>::default();
        self.0.unary(words, path(method), codec).await
    }

    /// One message there, many back.
    pub async fn hear(&mut self, method: &str, words: Words) -> Result<Streaming<Words>, Status> {
        self.ready().await?;
        let codec = ProstCodec::<Words, Words>::default();
        let asked = Request::new(words);
        let heard = self.0.server_streaming(asked, path(method), codec).await?;
        Ok(heard.into_inner())
    }

    /// Many messages there, one back.
    pub async fn tell<S>(&mut self, method: &str, words: S) -> Answer
    where
        S: Stream<Item = Words> + Send + 'static,
    {
        self.ready().await?;
        let codec = ProstCodec::<Words, Words>::default();
        let said = Request::new(words);
        self.0.client_streaming(said, path(method), codec).await
    }

    /// A call that goes on for as long as both like.
    pub async fn talk(&mut self, method: &str) -> Result<Call, Status> {
        self.ready().await?;
        let codec = ProstCodec::<Words, Words>::default();
        let (say, said) = mpsc::channel(1);
        let said = Request::new(ReceiverStream::new(said));
        let heard = self.0.streaming(said, path(method), codec).await?;
        Ok(Call {
            say,
            heard: heard.into_inner(),
            said: 0,
        })
    }
}

fn path(method: &str) -> http::uri::PathAndQuery {
    let path = format!("/{}/{method}", Talk::NAME);
    path.parse().expect("a path")
}

/// A call in which both sides speak.
pub struct Call {
    say: mpsc::Sender<Words>,
    heard: Streaming<Words>,
    said: u32,
}

impl Call {
    /// Says something new, and hears it.
    pub async fn ask(&mut self) {
        self.said += 1;
        let words = Words::counted("and then?", self.said);
        self.say.send(words.clone()).await.expect("the call is on");
        let heard = self.heard.message().await.expect("no failure");
        assert_eq!(heard, Some(words));
    }

    /// Says that this is all, and hears that the service thinks so too.
    pub async fn end(mut self) {
        drop(self.say);
        assert_eq!(self.heard.message().await.expect("no failure"), None);
        let trailers = self.heard.trailers().await.expect("no failure");
        assert!(trailers.is_some(), "a status that came");
    }
}
