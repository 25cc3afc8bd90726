//! The application that `ringgate serve` runs when it is given no other: small routes to measure,
//! to try and to torment a server with. The application is written against the library's public
//! interface alone, so copy it to begin your own.
//!
//! Called by the program. Listening, limits, admission and time-outs are not decided here.

mod bodies;
mod chat;
mod files;
mod health;
mod page;
mod parameter;
mod plain;
mod sockets;
mod trouble;

pub(crate) use files::tally as file_cache;
pub use files::{Files, files};
pub use health::health;
pub use page::live_page;

use crate::around::{Compression, Cors, ErrorPages, SecurityHeaders};
use crate::config::{self, Config, CorsOrigin, FilesAt, Site, Source, Switch, WrongValue};
use crate::handler::Router;
use crate::{CoreInfo, Server, ServerHandle};
use std::io;
use std::path::{Path, PathBuf};

/// The options of the application: the content it serves.
///
/// ```
/// use ringgate::app::{self, AppOptions, AppState};
/// use ringgate::config::Config;
/// use ringgate::testing::Client;
/// use ringgate::Server;
///
/// let options = AppOptions { status: true, ..AppOptions::default() };
/// let server = Server::with_state(Config::default(), app::router(options), AppState::new);
/// let client = Client::of(server);
/// assert_eq!(client.get("/plaintext").send().text(), "Hello, World!");
/// assert_eq!(client.get("/spin").send().status(), 404);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppOptions {
    /// The directory whose files are served; none without it.
    pub root: Option<PathBuf>,
    /// Where its files are, how they are served, and what is around all answers. At `/` there is nothing beside them but `/healthz`, `/readyz` and,
    /// with `status`, `/status.json`.
    pub site: Site,
    /// Whether `/status.json` exists, from which the page at `/` has its figures: counts, addresses and
    /// the process id, for whoever can connect.
    pub status: bool,
    /// Whether the routes exist that make trouble on purpose: `/spin`, `/block`, `/panic`, `/sleep`, `/stream`,
    /// `/bytes`, `/upload`, `/core`, `/peer`, and `/chat`. Every client can block the server by them, and write to
    /// everybody in the chat.
    pub trouble: bool,
}

/// Whether `root` can be served: it is a directory that this user may list and enter. For a start
/// that says so at once; each request looks again by itself.
///
/// ```
/// use ringgate::app::check_root;
///
/// assert!(check_root("/".as_ref()).is_ok());
/// assert!(check_root("/no/such/directory".as_ref()).is_err());
/// ```
///
/// # Errors
/// Whatever opendir(3) and the look at what is inside answer: ENOENT, ENOTDIR, EACCES.
pub fn check_root(root: &Path) -> io::Result<()> {
    std::fs::read_dir(root)?;
    std::fs::metadata(root.join("."))?;
    Ok(())
}

/// The state that each core keeps for the handlers that run on it.
///
/// ```
/// use ringgate::app::{AppState, live_page};
/// use ringgate::config::Config;
/// use ringgate::{Router, Server};
///
/// /// Routes of one's own beside some of the application's.
/// let router = Router::new().get("/", |_| async { "hello" }).nest("/live", live_page());
/// let server = Server::with_state(Config::default(), router, AppState::new);
/// ```
#[derive(Clone)]
pub struct AppState {
    server: ServerHandle,
}

impl AppState {
    /// The state of one core, made before it takes work.
    pub fn new(core: &CoreInfo) -> AppState {
        AppState {
            server: core.server().clone(),
        }
    }
}

/// The server that `ringgate serve` runs: the routes that the configuration asks for, and those that only
/// this machine can reach if nobody else can.
///
/// ```
/// use ringgate::config::Config;
/// use ringgate::testing::Client;
///
/// let client = Client::of(ringgate::app::server(Config::default())?);
/// assert_eq!(client.post("/echo").body("hello").send().text(), "hello");
/// # Ok::<(), ringgate::config::Error>(())
/// ```
///
/// # Errors
/// The root cannot be read ([`check_root`]), or the pages for errors.
pub fn server(config: Config) -> Result<Server<AppState>, config::Error> {
    read_root(&config)?;
    let root = config.root.clone();
    let pages = read_pages(&config)?;
    let (demo, status_page, site) = (config.demo, config.status_page, config.site.clone());
    let router = move |is_local| {
        let options = AppOptions {
            root,
            site,
            status: status_page.is_there(is_local),
            trouble: demo.is_there(is_local),
        };
        surrounded(routes(options.clone()), &options.site, pages)
    };
    Ok(Server::with_router(config, router, AppState::new))
}

/// The directories that [`server`] would not read, with the option of each.
pub(crate) fn faults(config: &Config) -> impl Iterator<Item = config::Error> {
    let faults = [read_root(config).err(), read_pages(config).err()];
    faults.into_iter().flatten()
}

fn read_root(config: &Config) -> Result<(), config::Error> {
    match &config.root {
        Some(root) => check_root(root).map_err(|error| unreadable("root", root, &error)),
        None => Ok(()),
    }
}

fn read_pages(config: &Config) -> Result<Option<ErrorPages>, config::Error> {
    let Some(pages) = &config.site.error_pages else {
        return Ok(None);
    };
    let read = ErrorPages::new().directory(pages);
    read.map(Some)
        .map_err(|error| unreadable("error_pages", pages, &error))
}

fn unreadable(key: &'static str, directory: &Path, error: &io::Error) -> config::Error {
    config::Error::Value(Box::new(WrongValue {
        from: Source::Code,
        key,
        value: format!("{directory:?}"),
        reason: Some(error.to_string()),
        allowed: "a directory that this user can read, or none".to_owned(),
    }))
}

/// All routes that `options` ask for, and what is around them but for the pages of errors, which [`server`] reads.
///
/// ```
/// use ringgate::app::{self, AppOptions, AppState};
/// use ringgate::config::Config;
/// use ringgate::testing::Client;
/// use ringgate::Server;
///
/// let router = app::router(AppOptions::default()).get("/mine", |_| async { "mine" });
/// let client = Client::of(Server::with_state(Config::default(), router, AppState::new));
/// assert_eq!(client.get("/mine").send().text(), "mine");
/// ```
pub fn router(options: AppOptions) -> Router<AppState> {
    let site = options.site.clone();
    surrounded(routes(options), &site, None)
}

/// The routes with what the options put around every answer, the outermost first.
fn surrounded(
    mut router: Router<AppState>,
    site: &Site,
    pages: Option<ErrorPages>,
) -> Router<AppState> {
    if site.compression == Switch::On {
        router = router.with(Compression::new());
    }
    if let Some(cors) = cors(&site.cors_origins) {
        router = router.with(cors);
    }
    if site.security_headers == Switch::On {
        router = router.with(SecurityHeaders::new());
    }
    if let Some(header) = site.server_header.clone() {
        router = router.around(move |request, next| {
            let value = header.value().clone();
            async move {
                let answer = next.run(request).await;
                match answer.header("server") {
                    Some(_) => answer,
                    None => answer.with_header("server", value),
                }
            }
        });
    }
    match pages {
        Some(pages) => router.with(pages),
        None => router,
    }
}

/// CORS for the origins that the options name; `None` if there are none.
fn cors(origins: &[CorsOrigin]) -> Option<Cors> {
    let named = origins.iter().filter_map(|origin| match origin {
        CorsOrigin::Of(origin) => Some(origin.clone()),
        CorsOrigin::Any => None,
    });
    match origins {
        [] => None,
        _ if origins.contains(&CorsOrigin::Any) => Some(Cors::any()),
        _ => Some(Cors::of(named)),
    }
}

/// The routes alone.
fn routes(options: AppOptions) -> Router<AppState> {
    let files = options.root.map(|root| served(root, &options.site));
    if let (Some(files), FilesAt::Top) = (&files, options.site.at) {
        let router = health().merge(files.clone().into_router());
        return match options.status {
            true => router.merge(health::status()),
            false => router,
        };
    }
    let mut router = sockets::routes(plain::routes(Router::new()))
        .merge(page::routes())
        .merge(health());
    router = bodies::routes(router);
    if let Some(files) = files {
        router = router.nest("/files", files.into_router());
    }
    if options.status {
        router = router.merge(health::status());
    }
    if options.trouble {
        router = bodies::trouble_routes(router);
        router = trouble::routes(router);
        router = chat::routes(router);
    }
    router
}

/// The files of a root as the options say.
fn served(root: PathBuf, site: &Site) -> Files {
    let is_on = |switch| switch == Switch::On;
    let files = Files::of(root).index(&site.index);
    let mut files = files.headers(site.headers.iter().cloned());
    if is_on(site.precompressed) {
        files = files.precompressed();
    }
    if is_on(site.listing) {
        files = files.listing();
    }
    if is_on(site.dotfiles) {
        files = files.dotfiles();
    }
    if let Some(bytes) = site.cache {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        files = files.cached(bytes, site.cache_valid);
    }
    match &site.fallback {
        Some(file) => files.fallback(file),
        None => files,
    }
}
