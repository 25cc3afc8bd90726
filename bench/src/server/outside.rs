//! Configurations of the servers that this machine has installed: nginx, HAProxy, h2o.
//!
//! One process each, with one thread or as many as there are cores, so that the process id that is started is the one that works.
//! Connections are kept for as long as the client likes, TLS is 1.3 with AES-128-GCM, nothing is logged;
//! everything else is as the program has it.

use std::fmt::Write;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::server::ends_with_us;
use crate::server::material::Material;
use crate::server::peer::{Answer, Job};

/// Connections that each may have.
const CONNECTIONS_MAX: u32 = 17_000;
/// The same for HAProxy, which wants two descriptors for each.
const CONNECTIONS_MAX_HAPROXY: u32 = 8_000;

/// The program `name`, found as a shell does, and where Debian keeps servers.
fn program(name: &str) -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            let text = format!("{name} is not installed (package `{name}`)");
            io::Error::new(io::ErrorKind::NotFound, text)
        })
}

/// nginx, one process.
pub(super) fn nginx(material: &Material, listen: SocketAddr, job: Job) -> io::Result<Command> {
    let folder = material.folder().display();
    let http2 = if job.http2 { " http2" } else { "" };
    let (ssl, certificate) = match job.tls {
        false => ("", String::new()),
        true => (
            " ssl",
            format!(
                "ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;\n\
                 ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;\n"
            ),
        ),
    };
    let mut temporary = String::new();
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(temporary, "{kind}_temp_path {folder}/nginx;");
    }
    let text = format!(
        "daemon off; master_process off; worker_processes 1;\n\
         pid {folder}/nginx.pid; error_log stderr crit;\n\
         events {{ worker_connections {CONNECTIONS_MAX}; }}\n\
         http {{\n{temporary}access_log off; default_type text/plain;\n\
         keepalive_requests 1000000000; keepalive_timeout 1h;\n\
         sendfile on; tcp_nopush on; tcp_nodelay on; open_file_cache max=16 inactive=1h;\n\
         server {{ listen {listen}{ssl}{http2} backlog=4096;\n{certificate}root {folder};\n\
         location = /plaintext {{ return 200 \"Hello, World!\"; }} }}\n}}\n"
    );
    let file = material.path("nginx.conf");
    fs::write(&file, text)?;
    let mut command = ends_with_us(&program("nginx")?);
    command.args(["-e", "stderr", "-p"]).arg(material.folder());
    command.arg("-c").arg(file);
    Ok(command)
}

/// HAProxy, one thread a core, answering by itself.
pub(super) fn haproxy(material: &Material, listen: SocketAddr, job: Job) -> io::Result<Command> {
    let folder = material.folder().display();
    let ssl = match job.tls {
        false => String::new(),
        true => format!(" ssl crt {folder}/both.pem ssl-min-ver TLSv1.3"),
    };
    let http2 = match (job.http2, job.tls) {
        (false, _) => "",
        (true, false) => " proto h2",
        (true, true) => " alpn h2",
    };
    let mut answers = "http-request return status 200 content-type text/plain string \
                       \"Hello, World!\" if { path /plaintext }\n"
        .to_owned();
    // An answer must fit into a buffer; what needs none of that size keeps the usual ones.
    let mut buffers = String::new();
    if job.answer == Answer::Large {
        let size = 2 * Answer::Large.bytes();
        let _ = writeln!(buffers, "tune.bufsize {size}");
        let _ = writeln!(
            answers,
            "http-request return status 200 content-type text/plain file {folder}/64k if {{ path /64k }}"
        );
    }
    let text = format!(
        "global\nnbthread {}\nmaxconn {CONNECTIONS_MAX_HAPROXY}\n{buffers}\
         ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256\n\
         defaults\nmode http\n\
         timeout client 1h\ntimeout http-keep-alive 1h\ntimeout http-request 1h\n\
         timeout connect 1h\ntimeout server 1h\n\
         frontend race\nbind {listen}{ssl}{http2} backlog 4096\n{answers}http-request deny\n",
        job.cores
    );
    let file = material.path("haproxy.cfg");
    fs::write(&file, text)?;
    let mut command = ends_with_us(&program("haproxy")?);
    command.args(["-db", "-f"]).arg(file);
    Ok(command)
}

/// h2o, one thread a core, serving files; the key stays in the process that is measured.
pub(super) fn h2o(material: &Material, listen: SocketAddr, job: Job) -> io::Result<Command> {
    let folder = material.folder().display();
    let ssl = match job.tls {
        false => String::new(),
        true => format!(
            "  ssl:\n    certificate-file: {folder}/certificate.pem\n    key-file: {folder}/key.pem\n    \
             neverbleed: OFF\n"
        ),
    };
    let text = format!(
        "num-threads: {}\nmax-connections: {CONNECTIONS_MAX}\nhttp1-request-timeout: 3600\n\
         http2-idle-timeout: 3600\n\
         user: root\nlisten:\n  host: {}\n  port: {}\n{ssl}\
         hosts:\n  default:\n    paths:\n      /:\n        file.dir: {folder}\n",
        job.cores,
        listen.ip(),
        listen.port()
    );
    let file = material.path("h2o.conf");
    fs::write(&file, text)?;
    let mut command = ends_with_us(&program("h2o")?);
    command.args(["-m", "worker", "-c"]).arg(file);
    Ok(command)
}
