"""The configurations of the proxies of proxies.py: each file is written into the folder of its run.

What of a configuration matters is explained in docs/proxies.md. A proxy has a port for each kind of connection that it
makes to the server: `http` is HTTP/1.1, `proxy v1` and `proxy v2` are TCP behind a header, `tls` is HTTP/1.1 over TLS,
`h2c` is HTTP/2 without it.
"""
import os
import re
import shutil
import subprocess


class Described:
    """A proxy: the kinds of connections it makes, its files and its commands. `tunnels` are the kinds that it passes on
    unread, `posts_to` is where the bodies of a load go, and `idle_close` has for a kind what clients may see beside 200
    when the server closes an idle connection."""

    def __init__(self, program, kinds, files, commands, is_small=False, version=("-v",), tunnels=(), posts_to="/echo",
                 idle_close={}):
        self.program, self.kinds, self.files, self.make = program, kinds, files, commands
        self.is_small, self.ask_version, self.tunnels = is_small, version, tunnels
        self.posts_to, self.idle_close = posts_to, idle_close

    def version(self):
        if not shutil.which(self.program):
            return None
        said = subprocess.run([self.program, *self.ask_version], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL).stdout.decode()
        found = re.search(r"\d+\.\d+(\.\d+)?", said)
        return found[0] if found else "of some version"

    def write(self, proxy):
        for name, text in self.files.items():
            with open(f"{proxy.folder}/{name}", "w") as file:
                file.write(self.fill(text, proxy))

    def commands(self, proxy):
        return [[self.fill(word, proxy) for word in command] for command in self.make]

    def fill(self, text, proxy):
        server = proxy.server
        words = {"FOLDER": proxy.folder, "PLAIN": server.plain, "PROXIED": server.proxied, "TLS": server.tls,
                 "CERTIFICATE": f"{os.path.dirname(proxy.folder)}/certificate.pem"}
        words |= {f"IN[{kind}]": port for kind, port in proxy.ports.items()}
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        return text


NGINX = """
load_module modules/ngx_stream_module.so;
daemon off;
pid @FOLDER@/nginx.pid;
error_log @FOLDER@/nginx.log;
events {}
stream {
    server { listen 127.0.0.1:@IN[proxy v1]@; proxy_pass 127.0.0.1:@PROXIED@; proxy_protocol on; }
}
http {
    access_log off;
    client_body_temp_path @FOLDER@/body; proxy_temp_path @FOLDER@/proxy; fastcgi_temp_path @FOLDER@/f;
    uwsgi_temp_path @FOLDER@/u; scgi_temp_path @FOLDER@/s;
    client_max_body_size 0;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_request_buffering off;
    proxy_buffering off;
    upstream plain { server 127.0.0.1:@PLAIN@ max_fails=0; keepalive 32; keepalive_timeout 500ms; }
    upstream tls { server 127.0.0.1:@TLS@ max_fails=0; keepalive 32; keepalive_timeout 500ms; }
    server { listen 127.0.0.1:@IN[http]@; location / { proxy_pass http://plain; } }
    server {
        listen 127.0.0.1:@IN[tls]@;
        location / {
            proxy_pass https://tls;
            proxy_ssl_name localhost; proxy_ssl_server_name on;
            proxy_ssl_verify on; proxy_ssl_trusted_certificate @CERTIFICATE@;
        }
    }
    server { listen 127.0.0.1:@IN[h2c]@; location / { grpc_pass grpc://127.0.0.1:@PLAIN@; } }
}
"""

HAPROXY = """
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    option forwardfor
    option http-no-delay
    option abortonclose
    retry-on conn-failure
frontend http
    bind 127.0.0.1:@IN[http]@
    default_backend http
frontend tls
    bind 127.0.0.1:@IN[tls]@
    default_backend tls
frontend h2c
    bind 127.0.0.1:@IN[h2c]@
    default_backend h2c
frontend v1
    mode tcp
    bind "127.0.0.1:@IN[proxy v1]@"
    default_backend v1
frontend v2
    mode tcp
    bind "127.0.0.1:@IN[proxy v2]@"
    default_backend v2
backend http
    server one 127.0.0.1:@PLAIN@ pool-purge-delay 200ms
backend tls
    server one 127.0.0.1:@TLS@ ssl verify required ca-file @CERTIFICATE@ sni str(localhost) pool-purge-delay 200ms
backend h2c
    server one 127.0.0.1:@PLAIN@ proto h2 pool-purge-delay 200ms
backend v1
    mode tcp
    server one 127.0.0.1:@PROXIED@ send-proxy check
backend v2
    mode tcp
    server one 127.0.0.1:@PROXIED@ send-proxy-v2 proxy-v2-options crc32c check
"""

APACHE = """
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule proxy_http2_module /usr/lib/apache2/modules/mod_proxy_http2.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
ServerRoot @FOLDER@
DefaultRuntimeDir @FOLDER@
ServerName localhost
User www-data
Group www-data
PidFile @FOLDER@/apache.pid
ErrorLog @FOLDER@/apache2.log
ProxyPreserveHost On
Listen 127.0.0.1:@IN[http]@
Listen 127.0.0.1:@IN[tls]@
Listen 127.0.0.1:@IN[h2c]@
<VirtualHost 127.0.0.1:@IN[http]@>
    ProxyPass / http://127.0.0.1:@PLAIN@/ retry=0 ttl=1
</VirtualHost>
<VirtualHost 127.0.0.1:@IN[tls]@>
    SSLProxyEngine on
    SSLProxyCACertificateFile @CERTIFICATE@
    SSLProxyVerify require
    ProxyPreserveHost Off
    ProxyPass / https://localhost:@TLS@/ retry=0 ttl=1
</VirtualHost>
<VirtualHost 127.0.0.1:@IN[h2c]@>
    ProxyPass / h2c://127.0.0.1:@PLAIN@/ retry=0 ttl=1
</VirtualHost>
"""

VARNISH = """
vcl 4.1;
backend http { .host = "127.0.0.1"; .port = "@PLAIN@"; }
backend v1 { .host = "127.0.0.1"; .port = "@PROXIED@"; .proxy_header = 1; }
backend v2 { .host = "127.0.0.1"; .port = "@PROXIED@"; .proxy_header = 2; }
sub vcl_recv {
    if (local.socket == "v1") { set req.backend_hint = v1; }
    elsif (local.socket == "v2") { set req.backend_hint = v2; }
    else { set req.backend_hint = http; }
    return (pass);
}
"""

SQUID = """
http_port 127.0.0.1:@IN[http]@ accel defaultsite=t
cache_peer 127.0.0.1 parent @PLAIN@ 0 no-query originserver no-digest name=plain
never_direct allow all
http_access allow all
cache deny all
forwarded_for on
retry_on_error on
server_idle_pconn_timeout 0 seconds
server_persistent_connections off
shutdown_lifetime 0 seconds
pid_filename none
access_log none
cache_log @FOLDER@/cache.log
coredump_dir @FOLDER@
cache_effective_user proxy
visible_hostname t
pinger_enable off
icp_port 0
request_body_max_size 0
"""

LIGHTTPD = """
server.modules = ("mod_proxy")
server.document-root = "@FOLDER@"
server.bind = "127.0.0.1"
server.port = @IN[http]@
server.stream-response-body = 1
server.stream-request-body = 1
proxy.server = ("" => (("host" => "127.0.0.1", "port" => @PLAIN@)))
server.errorlog = "@FOLDER@/lighttpd-errors.log"
"""

H2O = """
pid-file: @FOLDER@/h2o.pid
error-log: @FOLDER@/h2o-errors.log
num-threads: 1
proxy.preserve-host: ON
proxy.timeout.keepalive: 400
hosts:
  "http":
    listen: { port: @IN[http]@, host: 127.0.0.1 }
    paths: { "/": { proxy.reverse.url: "http://127.0.0.1:@PLAIN@/" } }
  "tls":
    listen: { port: @IN[tls]@, host: 127.0.0.1 }
    paths:
      "/":
        proxy.reverse.url: "https://localhost:@TLS@/"
        proxy.preserve-host: OFF
        proxy.ssl.cafile: @CERTIFICATE@
  "v1":
    listen: { port: @IN[proxy v1]@, host: 127.0.0.1 }
    paths:
      "/":
        proxy.reverse.url: "http://127.0.0.1:@PROXIED@/"
        proxy.proxy-protocol: ON
        proxy.timeout.keepalive: 0
"""

CADDY = """{
    admin off
    auto_https off
}
http://:@IN[http]@ {
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:@PLAIN@ {
        lb_try_duration 2s
        transport http {
            keepalive 400ms
        }
    }
}
http://:@IN[tls]@ {
    bind 127.0.0.1
    reverse_proxy https://localhost:@TLS@ {
        transport http {
            keepalive 400ms
            tls_trusted_ca_certs @CERTIFICATE@
        }
    }
}
http://:@IN[h2c]@ {
    bind 127.0.0.1
    reverse_proxy h2c://127.0.0.1:@PLAIN@ {
        transport http {
            versions h2c
            keepalive 400ms
        }
    }
}
"""

TRAFFIC_SERVER = {
    "records.config": """
CONFIG proxy.config.admin.user_id STRING trafficserver
CONFIG proxy.config.http.server_ports STRING @IN[http]@:ip-in=127.0.0.1 @IN[tls]@:ip-in=127.0.0.1
CONFIG proxy.config.ssl.client.verify.server.policy STRING ENFORCED
CONFIG proxy.config.ssl.client.CA.cert.filename STRING @CERTIFICATE@
CONFIG proxy.config.ssl.client.verify.server.properties STRING SIGNATURE
CONFIG proxy.config.http.insert_squid_x_forwarded_for INT 1
CONFIG proxy.config.http.cache.http INT 0
CONFIG proxy.config.url_remap.pristine_host_hdr INT 1
CONFIG proxy.config.http.keep_alive_no_activity_timeout_out INT 1
CONFIG proxy.config.http.keep_alive_enabled_out INT 0
CONFIG proxy.config.http.keep_alive_post_out INT 0
CONFIG proxy.config.http.allow_half_open INT 0
CONFIG proxy.config.http.connect_attempts_max_retries INT 1
CONFIG proxy.config.http.down_server.cache_time INT 1
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 1
CONFIG proxy.config.diags.output.error STRING E
""",
    "ip_allow.yaml": "ip_allow:\n- {apply: in, ip_addrs: 127.0.0.0/8, action: allow, methods: ALL}\n",
    "remap.config": "map http://127.0.0.1:@IN[tls]@/ https://127.0.0.1:@TLS@/\nmap / http://127.0.0.1:@PLAIN@/\n",
    "storage.config": "@FOLDER@ 32M\n",
    "runroot.yaml": "prefix: @FOLDER@\nbindir: /usr/bin\nsysconfdir: @FOLDER@\nlogdir: @FOLDER@\nruntimedir: @FOLDER@\n"
                    "localstatedir: @FOLDER@\ncachedir: @FOLDER@\n",
}

HTTP_MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager")


def envoy_listener(kind, filters):
    return """  - name: NAME
    address: {socket_address: {address: 127.0.0.1, port_value: @IN[KIND]@}}
    filter_chains: [{filters: [FILTERS]}]
""".replace("NAME", kind.replace(" ", "-")).replace("KIND", kind).replace("FILTERS", filters)


def envoy_http(kind):
    return envoy_listener(kind, """{
        name: envoy.filters.network.http_connection_manager,
        typed_config: {
          "@type": @HTTP_MANAGER@,
          stat_prefix: NAME,
          use_remote_address: true,
          route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{
            match: {prefix: "/"},
            route: {
              cluster: NAME, timeout: 0s,
              retry_policy: {
                retry_on: connect-failure, num_retries: 5, retry_back_off: {base_interval: 0.2s, max_interval: 1s}}}}]}]},
          http_filters: [{
            name: envoy.filters.http.router,
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}
    """.replace("NAME", kind).replace("@HTTP_MANAGER@", HTTP_MANAGER))


def envoy_tcp(kind):
    return envoy_listener(kind, """{
        name: envoy.filters.network.tcp_proxy,
        typed_config: {
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy,
          stat_prefix: NAME, cluster: NAME}}
    """.replace("NAME", kind.replace(" ", "-")))


def envoy_cluster(kind, port, more):
    return """  - name: NAME
    connect_timeout: 2s
    load_assignment: {cluster_name: NAME, endpoints: [{lb_endpoints: [{endpoint: {
      address: {socket_address: {address: 127.0.0.1, port_value: PORT}}}}]}]}
MORE""".replace("NAME", kind.replace(" ", "-")).replace("PORT", port).replace("MORE", more)


def envoy_protocol(version):
    return """    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        common_http_protocol_options: {idle_timeout: 0.5s}
        explicit_http_config: {VERSION: {}}
""".replace("VERSION", version)


ENVOY_TLS = """    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: localhost
        common_tls_context:
          validation_context:
            trusted_ca: {filename: @CERTIFICATE@}
            match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: localhost}}]
"""


UPSTREAM_TRANSPORT = (
    "type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport")


def envoy_proxy_header(version):
    return """    transport_socket:
      name: envoy.transport_sockets.upstream_proxy_protocol
      typed_config:
        "@type": @UPSTREAM_TRANSPORT@
        config: {version: VERSION}
        transport_socket:
          name: envoy.transport_sockets.raw_buffer
          typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}
""".replace("VERSION", version).replace("@UPSTREAM_TRANSPORT@", UPSTREAM_TRANSPORT)


ENVOY = "".join([
    "static_resources:\n  listeners:\n",
    envoy_http("http"), envoy_http("tls"), envoy_http("h2c"), envoy_tcp("proxy v1"), envoy_tcp("proxy v2"),
    "  clusters:\n",
    envoy_cluster("http", "@PLAIN@", envoy_protocol("http_protocol_options")),
    envoy_cluster("tls", "@TLS@", envoy_protocol("http_protocol_options") + ENVOY_TLS),
    envoy_cluster("h2c", "@PLAIN@", envoy_protocol("http2_protocol_options")),
    envoy_cluster("proxy v1", "@PROXIED@", envoy_proxy_header("V1")),
    envoy_cluster("proxy v2", "@PROXIED@", envoy_proxy_header("V2")),
])

TRAEFIK = {
    "traefik.yaml": """
global: {checkNewVersion: false, sendAnonymousUsage: false}
log: {level: ERROR}
entryPoints:
  http: {address: "127.0.0.1:@IN[http]@"}
  tls: {address: "127.0.0.1:@IN[tls]@"}
  h2c: {address: "127.0.0.1:@IN[h2c]@"}
  v1: {address: "127.0.0.1:@IN[proxy v1]@"}
  v2: {address: "127.0.0.1:@IN[proxy v2]@"}
providers: {file: {filename: @FOLDER@/routes.yaml}}
""",
    "routes.yaml": """
http:
  routers:
    http: {entryPoints: [http], rule: "PathPrefix(`/`)", service: http, middlewares: [again]}
    tls: {entryPoints: [tls], rule: "PathPrefix(`/`)", service: tls}
    h2c: {entryPoints: [h2c], rule: "PathPrefix(`/`)", service: h2c}
  middlewares:
    again: {retry: {attempts: 6, initialInterval: 100ms}}
  serversTransports:
    short: {maxIdleConnsPerHost: 200, forwardingTimeouts: {idleConnTimeout: 500ms}}
    verified: {serverName: localhost, rootCAs: ["@CERTIFICATE@"], forwardingTimeouts: {idleConnTimeout: 500ms}}
  services:
    http: {loadBalancer: {serversTransport: short, servers: [{url: "http://127.0.0.1:@PLAIN@"}]}}
    tls: {loadBalancer: {serversTransport: verified, servers: [{url: "https://localhost:@TLS@"}]}}
    h2c: {loadBalancer: {serversTransport: short, servers: [{url: "h2c://127.0.0.1:@PLAIN@"}]}}
tcp:
  routers:
    v1: {entryPoints: [v1], rule: "HostSNI(`*`)", service: v1}
    v2: {entryPoints: [v2], rule: "HostSNI(`*`)", service: v2}
  serversTransports:
    v1: {proxyProtocol: {version: 1}}
    v2: {proxyProtocol: {version: 2}}
  services:
    v1: {loadBalancer: {serversTransport: v1, servers: [{address: "127.0.0.1:@PROXIED@"}]}}
    v2: {loadBalancer: {serversTransport: v2, servers: [{address: "127.0.0.1:@PROXIED@"}]}}
""",
}

ALL = {
    "nginx": Described(
        "nginx", ["http", "proxy v1", "tls", "h2c"], {"nginx.conf": NGINX},
        [["nginx", "-e", "@FOLDER@/nginx.log", "-c", "@FOLDER@/nginx.conf"]], is_small=True, tunnels=("proxy v1",)),
    "haproxy": Described(
        "haproxy", ["http", "proxy v1", "proxy v2", "tls", "h2c"], {"haproxy.cfg": HAPROXY},
        [["haproxy", "-db", "-f", "@FOLDER@/haproxy.cfg"]], is_small=True, tunnels=("proxy v1", "proxy v2")),
    "apache": Described(
        "apache2", ["http", "tls", "h2c"], {"apache.conf": APACHE},
        [["apache2", "-D", "FOREGROUND", "-f", "@FOLDER@/apache.conf"]]),
    "varnish": Described(
        "varnishd", ["http", "proxy v1", "proxy v2"], {"varnish.vcl": VARNISH},
        [["varnishd", "-F", "-j", "none", "-n", "@FOLDER@/varnish", "-f", "@FOLDER@/varnish.vcl", "-s", "malloc,16m",
          "-a", "http=127.0.0.1:@IN[http]@", "-a", "v1=127.0.0.1:@IN[proxy v1]@", "-a", "v2=127.0.0.1:@IN[proxy v2]@",
          "-p", "backend_idle_timeout=1", "-p", "pool_req=10,100,10"]], version=("-V",)),
    "squid": Described(
        "squid", ["http"], {"squid.conf": SQUID}, [["squid", "-N", "-n", "ringgate", "-f", "@FOLDER@/squid.conf"]]),
    "lighttpd": Described(
        "lighttpd", ["http"], {"lighttpd.conf": LIGHTTPD}, [["lighttpd", "-D", "-f", "@FOLDER@/lighttpd.conf"]]),
    "traffic-server": Described(
        "traffic_server", ["http", "tls"], TRAFFIC_SERVER,
        # It stops passing a body on when the answer begins, now and then.
        [["traffic_server", "--run-root=@FOLDER@/runroot.yaml"]], version=("--version",), posts_to="/upload"),
    "h2o": Described("h2o", ["http", "proxy v1", "tls"], {"h2o.conf": H2O}, [["h2o", "-c", "@FOLDER@/h2o.conf"]]),
    "caddy": Described(
        "caddy", ["http", "tls", "h2c"], {"Caddyfile": CADDY},
        [["caddy", "run", "--adapter", "caddyfile", "--config", "@FOLDER@/Caddyfile"]], version=("version",),
        # It sends a body whose stream the server has refused by GOAWAY not again.
        idle_close={"h2c": (502,)}),
    "envoy": Described(
        "envoy", ["http", "proxy v1", "proxy v2", "tls", "h2c"], {"envoy.yaml": ENVOY},
        [["envoy", "--disable-hot-restart", "--concurrency", "1", "--log-level", "warn", "-c", "@FOLDER@/envoy.yaml"]],
        version=("--version",), tunnels=("proxy v1", "proxy v2")),
    "traefik": Described(
        "traefik", ["http", "proxy v1", "proxy v2", "tls", "h2c"], TRAEFIK,
        [["traefik", "--configFile=@FOLDER@/traefik.yaml"]], version=("version",), tunnels=("proxy v1", "proxy v2")),
}
