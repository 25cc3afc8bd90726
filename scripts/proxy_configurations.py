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
    """A proxy: the kinds of connections it makes, its files and its commands."""

    def __init__(self, program, kinds, files, commands, is_small=False, version=("-v",)):
        self.program, self.kinds, self.files, self.make = program, kinds, files, commands
        self.is_small, self.ask_version = is_small, version

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
    reverse_proxy h2c://127.0.0.1:@PLAIN@
}
"""

TRAFFIC_SERVER = {
    "records.config": """
CONFIG proxy.config.admin.user_id STRING trafficserver
CONFIG proxy.config.http.server_ports STRING @IN[http]@:ip-in=127.0.0.1
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
    "remap.config": "map / http://127.0.0.1:@PLAIN@/\n",
    "storage.config": "@FOLDER@ 32M\n",
    "runroot.yaml": "prefix: @FOLDER@\nbindir: /usr/bin\nsysconfdir: @FOLDER@\nlogdir: @FOLDER@\nruntimedir: @FOLDER@\n"
                    "localstatedir: @FOLDER@\ncachedir: @FOLDER@\n",
}

ALL = {
    "nginx": Described(
        "nginx", ["http", "proxy v1", "tls", "h2c"], {"nginx.conf": NGINX},
        [["nginx", "-e", "@FOLDER@/nginx.log", "-c", "@FOLDER@/nginx.conf"]], is_small=True),
    "haproxy": Described(
        "haproxy", ["http", "proxy v1", "proxy v2", "tls", "h2c"], {"haproxy.cfg": HAPROXY},
        [["haproxy", "-db", "-f", "@FOLDER@/haproxy.cfg"]], is_small=True),
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
        "traffic_server", ["http"], TRAFFIC_SERVER,
        [["traffic_server", "--run-root=@FOLDER@/runroot.yaml"]], version=("--version",)),
    "h2o": Described("h2o", ["http", "proxy v1", "tls"], {"h2o.conf": H2O}, [["h2o", "-c", "@FOLDER@/h2o.conf"]]),
    "caddy": Described(
        "caddy", ["http", "tls", "h2c"], {"Caddyfile": CADDY},
        [["caddy", "run", "--adapter", "caddyfile", "--config", "@FOLDER@/Caddyfile"]], version=("version",)),
}
