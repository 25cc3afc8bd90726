# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ringgate_global_optspecs
    string join \n listen= cores= max-threads= max-accepts= control= metrics= config= log-file= log-level= log-format= pid-file= user= group= without= access-log= access-log-format= access-log-fields= access-log-sample= access-log-slow= certificate= certificate-key= client-ca= client-certificates= tls-version-min= tls-ticket-secret= tls-handover= handshake-timeout= max-handshakes= handshakes-per-turn= trusted-proxies= forwarded= request-id= proxy-protocol= proxy-header-timeout= root= files-at= files-precompressed= files-index= files-listing= files-fallback= files-dotfiles= files-headers= files-cache= files-cache-valid= compression= security-headers= cors-origins= error-pages= server-header= status-page= demo= admit= per-address= request-rate= request-burst= request-rate-field= rejections= priority= shed= queue-timeout= queue-target= queue-interval= half-close= reason-header= head-size= head-count= uri-size= body-size= head-timeout= body-timeout= write-timeout= write-rate-min= body-rate-min= idle-timeout= linger-timeout= linger-time= linger-size= unsent-size= requests-per-connection= http2= http2-extended-connect= http2-streams= http2-header-list-size= http2-header-count= http2-continuations= http2-resets= http2-resets-made= http2-pings= http2-settings= http2-priorities= http2-empty-data= http2-small-data= http2-window-updates= http2-queued-controls= http2-stall-timeout= http2-stream-window= http2-connection-window= http2-header-table-size= max-websockets= websocket-message-size= websocket-ping= websocket-pong-timeout= websocket-message-timeout= websocket-close-timeout= tunnel-timeout= drain-grace= keepalive-grace= drain-time= graceful-timeout= drain-pending= on-term= upgrade-timeout= trim-interval= heartbeat-interval= heartbeat-timeout= stall= balance= accepts= core-age= core-slots= ring-entries= buffers= buffer-size= leases-kept= max-connections= accepts-per-turn= spin= tasks-per-turn= long-poll= h/help V/version
end

function __fish_ringgate_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ringgate_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ringgate_using_subcommand
    set -l cmd (__fish_ringgate_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ringgate -n "__fish_ringgate_needs_command" -l listen -d 'Listens here, with TLS behind https://; give it again for each further address. [::] takes IPv6 alone: give 0.0.0.0 as well for both. [default: 127.0.0.1:8080] [unit: address] [env: RINGGATE_LISTEN]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l cores -d 'Serves with as many cores as the CPU mask of the process has, but no more than the CPU quota of its control group is worth, with N, or with a pool from MIN to MAX. [default: auto] [unit: cores] [env: RINGGATE_CORES]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l max-threads -d 'Runs at most this many requests at once over all cores. [default: none] [unit: requests] [env: RINGGATE_MAX_THREADS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l max-accepts -d 'Has at most this many requests in, running and waiting together, and answers 503 beyond; with none nobody waits. [default: none] [unit: requests] [env: RINGGATE_MAX_ACCEPTS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l control -d 'Makes the control socket here; auto is $XDG_RUNTIME_DIR/ringgate/control.sock, else /run/ringgate/control.sock for root, else /tmp/ringgate-UID/control.sock; none makes no socket. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_needs_command" -l metrics -d 'Serves metrics in Prometheus text here, at the path /metrics. [default: none] [unit: address] [env: RINGGATE_METRICS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l config -d 'Reads this TOML file; environment and flags go over it. [default: none] [unit: file] [env: RINGGATE_CONFIG]' -r -F
complete -c ringgate -n "__fish_ringgate_needs_command" -l log-file -d 'Logs to this file, no link to one, instead of standard error. [default: none] [unit: file] [env: RINGGATE_LOG_FILE]' -r -F
complete -c ringgate -n "__fish_ringgate_needs_command" -l log-level -d 'Logs events from this level up; where it listens is told at every level but off. [default: info] [unit: level] [env: RINGGATE_LOG_LEVEL]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l log-format -d 'Writes log lines for people or as JSON. [default: text] [unit: format] [env: RINGGATE_LOG_FORMAT]' -r -f -a "text\t''
json\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l pid-file -d 'Writes the process id here and locks the file; refuses to start if a live process has done so. [default: none] [unit: file] [env: RINGGATE_PID_FILE]' -r -F
complete -c ringgate -n "__fish_ringgate_needs_command" -l user -d 'Becomes this user once everything is bound; only root can. [default: none] [unit: name] [env: RINGGATE_USER]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l group -d 'Becomes this group once everything is bound; none is the user\'s own. [default: none] [unit: name] [env: RINGGATE_GROUP]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l without -d 'Does without this feature of the rings, to test the degraded mode; give it again for each further feature. [default: nothing] [unit: feature] [env: RINGGATE_WITHOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l access-log -d 'Writes a line for each request to this file, to standard error, to the socket of syslog, or to the journal of systemd. [default: off] [unit: target] [env: RINGGATE_ACCESS_LOG]' -r -F
complete -c ringgate -n "__fish_ringgate_needs_command" -l access-log-format -d 'Writes these lines in the Combined Log Format, or as JSON. [default: combined] [unit: format] [env: RINGGATE_ACCESS_LOG_FORMAT]' -r -f -a "combined\t''
json\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l access-log-fields -d 'Writes this field of the JSON; give it again for each further one. None named is all. [default: nothing] [unit: field] [env: RINGGATE_ACCESS_LOG_FIELDS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l access-log-sample -d 'Of this many requests that end well writes one; those that do not are all written. [default: 1] [unit: requests] [env: RINGGATE_ACCESS_LOG_SAMPLE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l access-log-slow -d 'Leaves out the requests that end well in less than this time; 0 leaves none out. [default: 0s] [unit: duration] [env: RINGGATE_ACCESS_LOG_SLOW]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l certificate -d 'Shows this certificate at https:// listeners: a PEM file with its chain, a directory of them, or self for one that is made at start; give it again for each further one, the default first. [default: nothing] [unit: file] [env: RINGGATE_CERTIFICATE]' -r -F
complete -c ringgate -n "__fish_ringgate_needs_command" -l certificate-key -d 'Takes the private key of the certificate at the same place from this PEM file; without it the key is in the certificate\'s own file, or beside it. [default: nothing] [unit: file] [env: RINGGATE_CERTIFICATE_KEY]' -r -F
complete -c ringgate -n "__fish_ringgate_needs_command" -l client-ca -d 'Checks certificates of clients against the roots in this PEM file. [default: none] [unit: file] [env: RINGGATE_CLIENT_CA]' -r -F
complete -c ringgate -n "__fish_ringgate_needs_command" -l client-certificates -d 'Requires a certificate of each client, asks for one, or does neither; auto requires one if there is a client_ca. [default: auto] [unit: choice] [env: RINGGATE_CLIENT_CERTIFICATES]' -r -f -a "auto\t''
require\t''
ask\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l tls-version-min -d 'Speaks no older version of TLS. [default: 1.2] [unit: version] [env: RINGGATE_TLS_VERSION_MIN]' -r -f -a "1.2\t''
1.3\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l tls-ticket-secret -d 'Makes session tickets with the secret in this file, so that hosts which share it take each other\'s; none makes one at start. [default: none] [unit: file] [env: RINGGATE_TLS_TICKET_SECRET]' -r -F
complete -c ringgate -n "__fish_ringgate_needs_command" -l tls-handover -d 'Gives TLS connections with their keys to the new process in an upgrade; off lets them end in the old one. [default: on] [unit: choice] [env: RINGGATE_TLS_HANDOVER]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l handshake-timeout -d 'A handshake must be over this long after the connection was accepted. [default: 10s] [unit: duration] [env: RINGGATE_HANDSHAKE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l max-handshakes -d 'Has at most this many handshakes in progress on a core; further clients wait for one of them to end. [default: 1024] [unit: handshakes] [env: RINGGATE_MAX_HANDSHAKES]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l handshakes-per-turn -d 'Begins at most this many handshakes in one turn of a core\'s loop, so that established connections do not wait for a crowd of new ones. [default: 4] [unit: handshakes] [env: RINGGATE_HANDSHAKES_PER_TURN]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l trusted-proxies -d 'Believes what this proxy says of its clients: an address, a prefix such as 10.0.0.0/8, or unix for whoever comes by a Unix socket; give it again for each further one. [default: nothing] [unit: address] [env: RINGGATE_TRUSTED_PROXIES]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l forwarded -d 'Takes the client\'s address from this field of the requests of trusted_proxies, and from no other one. [default: x-forwarded-for] [unit: field] [env: RINGGATE_FORWARDED]' -r -f -a "x-forwarded-for\t''
forwarded\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l request-id -d 'Gives each request an id in this field, such as X-Request-Id, and its answer the same: that of a trusted proxy, or a new one. [default: none] [unit: field] [env: RINGGATE_REQUEST_ID]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l proxy-protocol -d 'Expects a header of the PROXY protocol (version 1 or 2) before the first byte of each connection, at every listener or at this one of listen, and closes those of others than trusted_proxies; give it again for each further listener. [default: off] [unit: address] [env: RINGGATE_PROXY_PROTOCOL]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l proxy-header-timeout -d 'The header of the PROXY protocol must be whole this long after the connection was accepted. [default: 5s] [unit: duration] [env: RINGGATE_PROXY_HEADER_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l root -d 'Serves the files of this directory. Their entity tags hold for this machine: another has other inode numbers. [default: none] [unit: directory] [env: RINGGATE_ROOT]' -r -F
complete -c ringgate -n "__fish_ringgate_needs_command" -l files-at -d 'Serves the files below this path; at / there is nothing beside them but /healthz, /readyz and, with status_page, /status.json. [default: /files/] [unit: path] [env: RINGGATE_FILES_AT]' -r -f -a "/files/\t''
/\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l files-precompressed -d 'Sends NAME.br, NAME.zst or NAME.gz, if it is there and not older, in place of NAME to a client that accepts it. [default: off] [unit: switch] [env: RINGGATE_FILES_PRECOMPRESSED]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l files-index -d 'Answers for a directory with the file of this name in it. [default: index.html] [unit: name] [env: RINGGATE_FILES_INDEX]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l files-listing -d 'Answers for a directory without a file named files_index with the names in it. [default: off] [unit: switch] [env: RINGGATE_FILES_LISTING]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l files-fallback -d 'Answers with this file of the directory, and 200, where nothing is found, but for a name with a dot in it. [default: none] [unit: file] [env: RINGGATE_FILES_FALLBACK]' -r -F
complete -c ringgate -n "__fish_ringgate_needs_command" -l files-dotfiles -d 'Serves files and directories whose names begin with a dot; without it only /.well-known/. [default: off] [unit: switch] [env: RINGGATE_FILES_DOTFILES]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l files-headers -d 'Sends this field with files whose name, or whose path if there is a slash in it, the pattern fits (* stands for anything); give it again for each further one, the later holds. [default: nothing] [unit: rule] [env: RINGGATE_FILES_HEADERS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l files-cache -d 'Keeps files of up to 1 MiB in the memory of each core, at most so many bytes of them. [default: 8MiB] [unit: bytes per core] [env: RINGGATE_FILES_CACHE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l files-cache-valid -d 'Takes a file that is kept as it was seen for this long, then looks at the disk again; with 0 looks for each request. [default: 1s] [unit: duration] [env: RINGGATE_FILES_CACHE_VALID]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l compression -d 'Compresses text with gzip on its way to a client that accepts it, from 1 KiB on. [default: off] [unit: switch] [env: RINGGATE_COMPRESSION]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l security-headers -d 'Sends X-Content-Type-Options, X-Frame-Options, Referrer-Policy and Cross-Origin-Opener-Policy with every answer. [default: off] [unit: switch] [env: RINGGATE_SECURITY_HEADERS]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l cors-origins -d 'Lets pages of this origin read the answers (CORS), without the cookies of their user; * is every origin; give it again for each further one. [default: nothing] [unit: origin] [env: RINGGATE_CORS_ORIGINS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l error-pages -d 'Answers errors with the pages in this directory, to clients that take text/html: 404.html, or 4xx.html, 5xx.html and 50x.html for many statuses. They are read at the start. [default: none] [unit: directory] [env: RINGGATE_ERROR_PAGES]' -r -F
complete -c ringgate -n "__fish_ringgate_needs_command" -l server-header -d 'Sends this as the field Server with every answer of the application. [default: none] [unit: text] [env: RINGGATE_SERVER_HEADER]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l status-page -d 'Shows the figures of the server at / and /status.json to whoever can connect; auto only if every listener is loopback or a Unix socket. [default: auto] [unit: switch] [env: RINGGATE_STATUS_PAGE]' -r -f -a "auto\t''
on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l demo -d 'Has the routes that make trouble on purpose, with which whoever can connect blocks the server; auto only if every listener is loopback or a Unix socket. [default: auto] [unit: switch] [env: RINGGATE_DEMO]' -r -f -a "auto\t''
on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l admit -d 'Counts requests from their whole head to their answer, or connections from their first request to their end. [default: request] [unit: holder] [env: RINGGATE_ADMIT]' -r -f -a "request\t''
connection\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l per-address -d 'Has at most this many requests of one client address in, running and waiting together, and answers 503 beyond. [default: none] [unit: requests] [env: RINGGATE_PER_ADDRESS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l request-rate -d 'Answers 429 to a client that asks more often than this, over all cores; what passes no gate, such as /healthz, is not counted. [default: none] [unit: requests] [env: RINGGATE_REQUEST_RATE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l request-burst -d 'Lets a client that has rested make this many requests at once before request_rate holds; auto is the number in request_rate. [default: auto] [unit: requests] [env: RINGGATE_REQUEST_BURST]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l request-rate-field -d 'Counts requests with this field, such as X-Api-Key, by its value instead of by their address: for keys that something in front has checked, since a client that may choose them is not limited. [default: none] [unit: field] [env: RINGGATE_REQUEST_RATE_FIELD]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l rejections -d 'Pauses accepting on a core while this many of its connections are being refused. [default: 1024] [unit: connections per core] [env: RINGGATE_REJECTIONS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l priority -d 'Runs requests of this path or with this field before (high) or after (low) others that wait; give it again for each further rule. [default: nothing] [unit: rule] [env: RINGGATE_PRIORITY]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l shed -d 'Gives the 503 to the request that has waited longest or to the one that came last. [default: oldest] [unit: request] [env: RINGGATE_SHED]' -r -f -a "oldest\t''
newest\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l queue-timeout -d 'Answers 503 to a request that has waited this long for a slot; 0 is no limit. [default: 0s] [unit: duration] [env: RINGGATE_QUEUE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l queue-target -d 'Sheds requests, more and more often, while even the shortest wait for a slot is longer than this (CoDel, RFC 8289); 0 sheds nobody for having waited. [default: 0s] [unit: duration] [env: RINGGATE_QUEUE_TARGET]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l queue-interval -d 'Lets waits be longer than queue_target for this long before the first is shed. [default: 100ms] [unit: duration] [env: RINGGATE_QUEUE_INTERVAL]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l half-close -d 'Takes a client that ends its side while its request waits or runs to be gone, or serves it all the same. [default: gone] [unit: meaning] [env: RINGGATE_HALF_CLOSE]' -r -f -a "gone\t''
serve\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l reason-header -d 'Says in the field X-Ringgate-Reason of a 503 why the request was refused. [default: on] [unit: switch] [env: RINGGATE_REASON_HEADER]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l head-size -d 'Refuses a request head that is larger. [default: 16KiB] [unit: bytes] [env: RINGGATE_HEAD_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l head-count -d 'Refuses a request head with more header fields. [default: 100] [unit: header fields] [env: RINGGATE_HEAD_COUNT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l uri-size -d 'Refuses a request target that is longer. [default: 8KiB] [unit: bytes] [env: RINGGATE_URI_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l body-size -d 'Refuses a request body that is larger. [default: 1MiB] [unit: bytes] [env: RINGGATE_BODY_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l head-timeout -d 'A request head must be whole this long after its first byte. [default: 10s] [unit: duration] [env: RINGGATE_HEAD_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l body-timeout -d 'A request body may pause this long. [default: 30s] [unit: duration] [env: RINGGATE_BODY_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l write-timeout -d 'A client may take nothing of its answer for this long. [default: 30s] [unit: duration] [env: RINGGATE_WRITE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l write-rate-min -d 'Gives a client up that takes its answer more slowly, over 10 s and more. [default: none] [unit: bytes per second] [env: RINGGATE_WRITE_RATE_MIN]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l body-rate-min -d 'Refuses a body that comes more slowly, over 10 s and more. [default: none] [unit: bytes per second] [env: RINGGATE_BODY_RATE_MIN]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l idle-timeout -d 'A connection may wait this long for its next request. [default: 75s] [unit: duration] [env: RINGGATE_IDLE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l linger-timeout -d 'Before a close, what the client still sends is discarded until it pauses this long. [default: 5s] [unit: duration] [env: RINGGATE_LINGER_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l linger-time -d 'Before a close, what the client still sends is discarded for this long at most. [default: 30s] [unit: duration] [env: RINGGATE_LINGER_TIME]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l linger-size -d 'Before a close, at most this much of what the client still sends is discarded. [default: none] [unit: bytes] [env: RINGGATE_LINGER_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l unsent-size -d 'Lets the kernel keep this much of an answer beyond what is under way to the client: a client that takes nothing has no more memory than that. For TCP connections that are accepted from then on. [default: 256KiB] [unit: bytes] [env: RINGGATE_UNSENT_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l requests-per-connection -d 'Closes a connection after this many requests; 0 is no limit. [default: 0] [unit: requests] [env: RINGGATE_REQUESTS_PER_CONNECTION]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2 -d 'Serves HTTP/2 beside HTTP/1.1 on every address, and prefers it where TLS is spoken (ALPN); off does neither. [default: on] [unit: choice] [env: RINGGATE_HTTP2]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-extended-connect -d 'Tells clients of HTTP/2 that a CONNECT may ask for a protocol (RFC 8441), so that browsers open WebSockets on streams; off, and they open a connection of HTTP/1.1 for each. A client that was told so goes on until its connection ends. [default: on] [unit: choice] [env: RINGGATE_HTTP2_EXTENDED_CONNECT]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-streams -d 'Serves at most this many streams of a connection at a time; further ones are refused with REFUSED_STREAM, which a client may try again. [default: 100] [unit: streams] [env: RINGGATE_HTTP2_STREAMS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-header-list-size -d 'Answers a field section with 431 that is larger, decoded and with 32 bytes for each field. [default: 16KiB] [unit: bytes] [env: RINGGATE_HTTP2_HEADER_LIST_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-header-count -d 'Answers a field section with 431 that has more fields, those with a colon counted. [default: 100] [unit: fields] [env: RINGGATE_HTTP2_HEADER_COUNT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-continuations -d 'Ends a connection whose client sends a field section in more CONTINUATION frames. [default: 4] [unit: frames] [env: RINGGATE_HTTP2_CONTINUATIONS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-resets -d 'Ends a connection whose client resets more streams, beside those whose answer had ended. [default: 200] [unit: streams in 10s] [env: RINGGATE_HTTP2_RESETS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-resets-made -d 'Ends a connection whose client makes the server reset more streams. [default: 100] [unit: streams in 10s] [env: RINGGATE_HTTP2_RESETS_MADE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-pings -d 'Ends a connection whose client sends more PING frames, beside one for each DATA frame of the server. [default: 1000] [unit: frames in 10s] [env: RINGGATE_HTTP2_PINGS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-settings -d 'Ends a connection whose client sends more SETTINGS and GOAWAY frames. [default: 100] [unit: frames in 10s] [env: RINGGATE_HTTP2_SETTINGS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-priorities -d 'Ends a connection whose client sends more frames about priorities or of unknown types, beside two for each request. [default: 1000] [unit: frames in 10s] [env: RINGGATE_HTTP2_PRIORITIES]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-empty-data -d 'Ends a connection whose client sends more empty DATA frames that end nothing. [default: 100] [unit: frames in 10s] [env: RINGGATE_HTTP2_EMPTY_DATA]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-small-data -d 'Ends a connection whose client sends more DATA frames of less than 64 bytes, beside those that larger ones make good. [default: 20000] [unit: frames in 10s] [env: RINGGATE_HTTP2_SMALL_DATA]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-window-updates -d 'Ends a connection whose client sends more WINDOW_UPDATE frames, beside two for each request and each DATA frame of the server. [default: 10000] [unit: frames in 10s] [env: RINGGATE_HTTP2_WINDOW_UPDATES]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-queued-controls -d 'Ends a connection whose client lets more answers to its frames wait. [default: 1000] [unit: frames] [env: RINGGATE_HTTP2_QUEUED_CONTROLS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-stall-timeout -d 'Resets a stream whose answer gets no room from its client for this long, rounded up to whole seconds. [default: 30s] [unit: duration] [env: RINGGATE_HTTP2_STALL_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-stream-window -d 'Lets the client of a new connection send this much on a stream before the handler has taken it. [default: 256KiB] [unit: bytes] [env: RINGGATE_HTTP2_STREAM_WINDOW]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-connection-window -d 'Lets the client of a new connection send this much on all streams before handlers have taken it. [default: 1MiB] [unit: bytes] [env: RINGGATE_HTTP2_CONNECTION_WINDOW]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l http2-header-table-size -d 'Keeps this much of the client\'s earlier fields for each new connection, for its later ones to refer to. [default: 4KiB] [unit: bytes] [env: RINGGATE_HTTP2_HEADER_TABLE_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l max-websockets -d 'Opens at most this many WebSockets and tunnels; further ones are refused with 503. [default: none] [unit: WebSockets] [env: RINGGATE_MAX_WEBSOCKETS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l websocket-message-size -d 'Closes a WebSocket whose client sends a larger message, with 1009. [default: 1MiB] [unit: bytes] [env: RINGGATE_WEBSOCKET_MESSAGE_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l websocket-ping -d 'Asks the client of a WebSocket that says nothing for this long whether it is still there. [default: 20s] [unit: duration] [env: RINGGATE_WEBSOCKET_PING]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l websocket-pong-timeout -d 'Ends a WebSocket whose client says nothing for this long after it was asked. [default: 20s] [unit: duration] [env: RINGGATE_WEBSOCKET_PONG_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l websocket-message-timeout -d 'A message of a WebSocket must be whole this long after its first byte, or it is closed with 1008. [default: 30s] [unit: duration] [env: RINGGATE_WEBSOCKET_MESSAGE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l websocket-close-timeout -d 'After the server\'s Close the client\'s must come within this time. [default: 5s] [unit: duration] [env: RINGGATE_WEBSOCKET_CLOSE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l tunnel-timeout -d 'A tunnel, or another protocol that a handler speaks, may be silent in both directions this long. [default: 1h] [unit: duration] [env: RINGGATE_TUNNEL_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l drain-grace -d 'A drain goes on accepting for this long after /readyz says no. [default: 0s] [unit: duration] [env: RINGGATE_DRAIN_GRACE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l keepalive-grace -d 'A drain keeps a connection used within this time open for one more answer, which announces the close. [default: 2s] [unit: duration] [env: RINGGATE_KEEPALIVE_GRACE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l drain-time -d 'Tells WebSockets Close that a drain ends or an upgrade cannot take along, spread over this time. [default: 5s] [unit: duration] [env: RINGGATE_DRAIN_TIME]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l graceful-timeout -d 'A drain cuts what is left after this time. [default: 30s] [unit: duration] [env: RINGGATE_GRACEFUL_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l drain-pending -d 'A drain serves the requests that wait for a slot, or answers them 503 at once. [default: serve] [unit: action] [env: RINGGATE_DRAIN_PENDING]' -r -f -a "serve\t''
refuse\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l on-term -d 'SIGTERM stops the server now, or drains it first. [default: stop] [unit: action] [env: RINGGATE_ON_TERM]' -r -f -a "stop\t''
drain\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l upgrade-timeout -d 'A new process has this long to take over in an upgrade; then it is ended and the old one goes on. [default: 30s] [unit: duration] [env: RINGGATE_UPGRADE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l trim-interval -d 'A pool from MIN to MAX gives up one idle core this often at most. [default: 30s] [unit: duration] [env: RINGGATE_TRIM_INTERVAL]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l heartbeat-interval -d 'A core is to make a turn, or wait for work, this often. [default: 5s] [unit: duration] [env: RINGGATE_HEARTBEAT_INTERVAL]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l heartbeat-timeout -d 'A core without a turn for heartbeat_interval and this long is replaced; graceful_timeout later its connections are closed. [default: 20s] [unit: duration] [env: RINGGATE_HEARTBEAT_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l stall -d 'Other cores accept for a core that has made no turn for this long. [default: 250ms] [unit: duration] [env: RINGGATE_STALL]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l balance -d 'Moves idle connections from a core that has more than twice as many as another. [default: on] [unit: switch] [env: RINGGATE_BALANCE]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_needs_command" -l accepts -d 'Replaces a core that has accepted this many connections, less a random part of up to a half; 0 is never. [default: 0] [unit: connections per core] [env: RINGGATE_ACCEPTS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l core-age -d 'Replaces a core that has run for this long; 0s is never. [default: 0s] [unit: duration] [env: RINGGATE_CORE_AGE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l core-slots -d 'Makes listeners for this many cores, the most a resize can reach; auto is the larger of the most cores and the CPUs. [default: auto] [unit: cores] [env: RINGGATE_CORE_SLOTS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l ring-entries -d 'Has this many submission queue entries. [default: 1024] [unit: entries per core] [env: RINGGATE_RING_ENTRIES]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l buffers -d 'Provides at most this many buffers to receive into; fewer as long as fewer do. [default: 1024] [unit: buffers per core] [env: RINGGATE_BUFFERS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l buffer-size -d 'Makes each of these buffers this large: a request that fits into one arrives in one piece. What was never filled takes no memory. [default: 32KiB] [unit: bytes] [env: RINGGATE_BUFFER_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l leases-kept -d 'Lets handlers keep this many buffers past a turn; beyond it heads are copied. [default: 256] [unit: buffers per core] [env: RINGGATE_LEASES_KEPT]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l max-connections -d 'Pauses accepting on a core with this many open connections. With any value the process accepts only as many as its limit of open files has room for. [default: none] [unit: connections per core] [env: RINGGATE_MAX_CONNECTIONS]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l accepts-per-turn -d 'Takes in at most this many new connections between two looks at all others. [default: 64] [unit: connections per core] [env: RINGGATE_ACCEPTS_PER_TURN]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l spin -d 'Looks for work for this long before it blocks in the kernel. [default: 0s] [unit: duration] [env: RINGGATE_SPIN]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l tasks-per-turn -d 'Runs at most this many ready tasks before the kernel is heard again. [default: 1024] [unit: tasks per core] [env: RINGGATE_TASKS_PER_TURN]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -l long-poll -d 'Names routes whose handlers hold their core for this long, waiting for a CPU not counted; 0s names none. [default: 100ms] [unit: duration] [env: RINGGATE_LONG_POLL]' -r
complete -c ringgate -n "__fish_ringgate_needs_command" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_needs_command" -s V -l version -d 'Print version'
complete -c ringgate -n "__fish_ringgate_needs_command" -f -a "serve" -d 'Serves; the same as no command'
complete -c ringgate -n "__fish_ringgate_needs_command" -f -a "check-config" -d 'Checks a configuration file together with the environment'
complete -c ringgate -n "__fish_ringgate_needs_command" -f -a "doctor" -d 'Says what this machine offers, what is degraded, and the cure'
complete -c ringgate -n "__fish_ringgate_needs_command" -f -a "ctl" -d 'Speaks to a running server through its control socket'
complete -c ringgate -n "__fish_ringgate_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l listen -d 'Listens here, with TLS behind https://; give it again for each further address. [::] takes IPv6 alone: give 0.0.0.0 as well for both. [default: 127.0.0.1:8080] [unit: address] [env: RINGGATE_LISTEN]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l cores -d 'Serves with as many cores as the CPU mask of the process has, but no more than the CPU quota of its control group is worth, with N, or with a pool from MIN to MAX. [default: auto] [unit: cores] [env: RINGGATE_CORES]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l max-threads -d 'Runs at most this many requests at once over all cores. [default: none] [unit: requests] [env: RINGGATE_MAX_THREADS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l max-accepts -d 'Has at most this many requests in, running and waiting together, and answers 503 beyond; with none nobody waits. [default: none] [unit: requests] [env: RINGGATE_MAX_ACCEPTS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l control -d 'Makes the control socket here; auto is $XDG_RUNTIME_DIR/ringgate/control.sock, else /run/ringgate/control.sock for root, else /tmp/ringgate-UID/control.sock; none makes no socket. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l metrics -d 'Serves metrics in Prometheus text here, at the path /metrics. [default: none] [unit: address] [env: RINGGATE_METRICS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l config -d 'Reads this TOML file; environment and flags go over it. [default: none] [unit: file] [env: RINGGATE_CONFIG]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l log-file -d 'Logs to this file, no link to one, instead of standard error. [default: none] [unit: file] [env: RINGGATE_LOG_FILE]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l log-level -d 'Logs events from this level up; where it listens is told at every level but off. [default: info] [unit: level] [env: RINGGATE_LOG_LEVEL]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l log-format -d 'Writes log lines for people or as JSON. [default: text] [unit: format] [env: RINGGATE_LOG_FORMAT]' -r -f -a "text\t''
json\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l pid-file -d 'Writes the process id here and locks the file; refuses to start if a live process has done so. [default: none] [unit: file] [env: RINGGATE_PID_FILE]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l user -d 'Becomes this user once everything is bound; only root can. [default: none] [unit: name] [env: RINGGATE_USER]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l group -d 'Becomes this group once everything is bound; none is the user\'s own. [default: none] [unit: name] [env: RINGGATE_GROUP]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l without -d 'Does without this feature of the rings, to test the degraded mode; give it again for each further feature. [default: nothing] [unit: feature] [env: RINGGATE_WITHOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l access-log -d 'Writes a line for each request to this file, to standard error, to the socket of syslog, or to the journal of systemd. [default: off] [unit: target] [env: RINGGATE_ACCESS_LOG]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l access-log-format -d 'Writes these lines in the Combined Log Format, or as JSON. [default: combined] [unit: format] [env: RINGGATE_ACCESS_LOG_FORMAT]' -r -f -a "combined\t''
json\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l access-log-fields -d 'Writes this field of the JSON; give it again for each further one. None named is all. [default: nothing] [unit: field] [env: RINGGATE_ACCESS_LOG_FIELDS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l access-log-sample -d 'Of this many requests that end well writes one; those that do not are all written. [default: 1] [unit: requests] [env: RINGGATE_ACCESS_LOG_SAMPLE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l access-log-slow -d 'Leaves out the requests that end well in less than this time; 0 leaves none out. [default: 0s] [unit: duration] [env: RINGGATE_ACCESS_LOG_SLOW]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l certificate -d 'Shows this certificate at https:// listeners: a PEM file with its chain, a directory of them, or self for one that is made at start; give it again for each further one, the default first. [default: nothing] [unit: file] [env: RINGGATE_CERTIFICATE]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l certificate-key -d 'Takes the private key of the certificate at the same place from this PEM file; without it the key is in the certificate\'s own file, or beside it. [default: nothing] [unit: file] [env: RINGGATE_CERTIFICATE_KEY]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l client-ca -d 'Checks certificates of clients against the roots in this PEM file. [default: none] [unit: file] [env: RINGGATE_CLIENT_CA]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l client-certificates -d 'Requires a certificate of each client, asks for one, or does neither; auto requires one if there is a client_ca. [default: auto] [unit: choice] [env: RINGGATE_CLIENT_CERTIFICATES]' -r -f -a "auto\t''
require\t''
ask\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l tls-version-min -d 'Speaks no older version of TLS. [default: 1.2] [unit: version] [env: RINGGATE_TLS_VERSION_MIN]' -r -f -a "1.2\t''
1.3\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l tls-ticket-secret -d 'Makes session tickets with the secret in this file, so that hosts which share it take each other\'s; none makes one at start. [default: none] [unit: file] [env: RINGGATE_TLS_TICKET_SECRET]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l tls-handover -d 'Gives TLS connections with their keys to the new process in an upgrade; off lets them end in the old one. [default: on] [unit: choice] [env: RINGGATE_TLS_HANDOVER]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l handshake-timeout -d 'A handshake must be over this long after the connection was accepted. [default: 10s] [unit: duration] [env: RINGGATE_HANDSHAKE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l max-handshakes -d 'Has at most this many handshakes in progress on a core; further clients wait for one of them to end. [default: 1024] [unit: handshakes] [env: RINGGATE_MAX_HANDSHAKES]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l handshakes-per-turn -d 'Begins at most this many handshakes in one turn of a core\'s loop, so that established connections do not wait for a crowd of new ones. [default: 4] [unit: handshakes] [env: RINGGATE_HANDSHAKES_PER_TURN]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l trusted-proxies -d 'Believes what this proxy says of its clients: an address, a prefix such as 10.0.0.0/8, or unix for whoever comes by a Unix socket; give it again for each further one. [default: nothing] [unit: address] [env: RINGGATE_TRUSTED_PROXIES]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l forwarded -d 'Takes the client\'s address from this field of the requests of trusted_proxies, and from no other one. [default: x-forwarded-for] [unit: field] [env: RINGGATE_FORWARDED]' -r -f -a "x-forwarded-for\t''
forwarded\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l request-id -d 'Gives each request an id in this field, such as X-Request-Id, and its answer the same: that of a trusted proxy, or a new one. [default: none] [unit: field] [env: RINGGATE_REQUEST_ID]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l proxy-protocol -d 'Expects a header of the PROXY protocol (version 1 or 2) before the first byte of each connection, at every listener or at this one of listen, and closes those of others than trusted_proxies; give it again for each further listener. [default: off] [unit: address] [env: RINGGATE_PROXY_PROTOCOL]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l proxy-header-timeout -d 'The header of the PROXY protocol must be whole this long after the connection was accepted. [default: 5s] [unit: duration] [env: RINGGATE_PROXY_HEADER_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l root -d 'Serves the files of this directory. Their entity tags hold for this machine: another has other inode numbers. [default: none] [unit: directory] [env: RINGGATE_ROOT]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l files-at -d 'Serves the files below this path; at / there is nothing beside them but /healthz, /readyz and, with status_page, /status.json. [default: /files/] [unit: path] [env: RINGGATE_FILES_AT]' -r -f -a "/files/\t''
/\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l files-precompressed -d 'Sends NAME.br, NAME.zst or NAME.gz, if it is there and not older, in place of NAME to a client that accepts it. [default: off] [unit: switch] [env: RINGGATE_FILES_PRECOMPRESSED]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l files-index -d 'Answers for a directory with the file of this name in it. [default: index.html] [unit: name] [env: RINGGATE_FILES_INDEX]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l files-listing -d 'Answers for a directory without a file named files_index with the names in it. [default: off] [unit: switch] [env: RINGGATE_FILES_LISTING]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l files-fallback -d 'Answers with this file of the directory, and 200, where nothing is found, but for a name with a dot in it. [default: none] [unit: file] [env: RINGGATE_FILES_FALLBACK]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l files-dotfiles -d 'Serves files and directories whose names begin with a dot; without it only /.well-known/. [default: off] [unit: switch] [env: RINGGATE_FILES_DOTFILES]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l files-headers -d 'Sends this field with files whose name, or whose path if there is a slash in it, the pattern fits (* stands for anything); give it again for each further one, the later holds. [default: nothing] [unit: rule] [env: RINGGATE_FILES_HEADERS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l files-cache -d 'Keeps files of up to 1 MiB in the memory of each core, at most so many bytes of them. [default: 8MiB] [unit: bytes per core] [env: RINGGATE_FILES_CACHE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l files-cache-valid -d 'Takes a file that is kept as it was seen for this long, then looks at the disk again; with 0 looks for each request. [default: 1s] [unit: duration] [env: RINGGATE_FILES_CACHE_VALID]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l compression -d 'Compresses text with gzip on its way to a client that accepts it, from 1 KiB on. [default: off] [unit: switch] [env: RINGGATE_COMPRESSION]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l security-headers -d 'Sends X-Content-Type-Options, X-Frame-Options, Referrer-Policy and Cross-Origin-Opener-Policy with every answer. [default: off] [unit: switch] [env: RINGGATE_SECURITY_HEADERS]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l cors-origins -d 'Lets pages of this origin read the answers (CORS), without the cookies of their user; * is every origin; give it again for each further one. [default: nothing] [unit: origin] [env: RINGGATE_CORS_ORIGINS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l error-pages -d 'Answers errors with the pages in this directory, to clients that take text/html: 404.html, or 4xx.html, 5xx.html and 50x.html for many statuses. They are read at the start. [default: none] [unit: directory] [env: RINGGATE_ERROR_PAGES]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l server-header -d 'Sends this as the field Server with every answer of the application. [default: none] [unit: text] [env: RINGGATE_SERVER_HEADER]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l status-page -d 'Shows the figures of the server at / and /status.json to whoever can connect; auto only if every listener is loopback or a Unix socket. [default: auto] [unit: switch] [env: RINGGATE_STATUS_PAGE]' -r -f -a "auto\t''
on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l demo -d 'Has the routes that make trouble on purpose, with which whoever can connect blocks the server; auto only if every listener is loopback or a Unix socket. [default: auto] [unit: switch] [env: RINGGATE_DEMO]' -r -f -a "auto\t''
on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l admit -d 'Counts requests from their whole head to their answer, or connections from their first request to their end. [default: request] [unit: holder] [env: RINGGATE_ADMIT]' -r -f -a "request\t''
connection\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l per-address -d 'Has at most this many requests of one client address in, running and waiting together, and answers 503 beyond. [default: none] [unit: requests] [env: RINGGATE_PER_ADDRESS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l request-rate -d 'Answers 429 to a client that asks more often than this, over all cores; what passes no gate, such as /healthz, is not counted. [default: none] [unit: requests] [env: RINGGATE_REQUEST_RATE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l request-burst -d 'Lets a client that has rested make this many requests at once before request_rate holds; auto is the number in request_rate. [default: auto] [unit: requests] [env: RINGGATE_REQUEST_BURST]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l request-rate-field -d 'Counts requests with this field, such as X-Api-Key, by its value instead of by their address: for keys that something in front has checked, since a client that may choose them is not limited. [default: none] [unit: field] [env: RINGGATE_REQUEST_RATE_FIELD]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l rejections -d 'Pauses accepting on a core while this many of its connections are being refused. [default: 1024] [unit: connections per core] [env: RINGGATE_REJECTIONS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l priority -d 'Runs requests of this path or with this field before (high) or after (low) others that wait; give it again for each further rule. [default: nothing] [unit: rule] [env: RINGGATE_PRIORITY]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l shed -d 'Gives the 503 to the request that has waited longest or to the one that came last. [default: oldest] [unit: request] [env: RINGGATE_SHED]' -r -f -a "oldest\t''
newest\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l queue-timeout -d 'Answers 503 to a request that has waited this long for a slot; 0 is no limit. [default: 0s] [unit: duration] [env: RINGGATE_QUEUE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l queue-target -d 'Sheds requests, more and more often, while even the shortest wait for a slot is longer than this (CoDel, RFC 8289); 0 sheds nobody for having waited. [default: 0s] [unit: duration] [env: RINGGATE_QUEUE_TARGET]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l queue-interval -d 'Lets waits be longer than queue_target for this long before the first is shed. [default: 100ms] [unit: duration] [env: RINGGATE_QUEUE_INTERVAL]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l half-close -d 'Takes a client that ends its side while its request waits or runs to be gone, or serves it all the same. [default: gone] [unit: meaning] [env: RINGGATE_HALF_CLOSE]' -r -f -a "gone\t''
serve\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l reason-header -d 'Says in the field X-Ringgate-Reason of a 503 why the request was refused. [default: on] [unit: switch] [env: RINGGATE_REASON_HEADER]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l head-size -d 'Refuses a request head that is larger. [default: 16KiB] [unit: bytes] [env: RINGGATE_HEAD_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l head-count -d 'Refuses a request head with more header fields. [default: 100] [unit: header fields] [env: RINGGATE_HEAD_COUNT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l uri-size -d 'Refuses a request target that is longer. [default: 8KiB] [unit: bytes] [env: RINGGATE_URI_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l body-size -d 'Refuses a request body that is larger. [default: 1MiB] [unit: bytes] [env: RINGGATE_BODY_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l head-timeout -d 'A request head must be whole this long after its first byte. [default: 10s] [unit: duration] [env: RINGGATE_HEAD_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l body-timeout -d 'A request body may pause this long. [default: 30s] [unit: duration] [env: RINGGATE_BODY_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l write-timeout -d 'A client may take nothing of its answer for this long. [default: 30s] [unit: duration] [env: RINGGATE_WRITE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l write-rate-min -d 'Gives a client up that takes its answer more slowly, over 10 s and more. [default: none] [unit: bytes per second] [env: RINGGATE_WRITE_RATE_MIN]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l body-rate-min -d 'Refuses a body that comes more slowly, over 10 s and more. [default: none] [unit: bytes per second] [env: RINGGATE_BODY_RATE_MIN]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l idle-timeout -d 'A connection may wait this long for its next request. [default: 75s] [unit: duration] [env: RINGGATE_IDLE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l linger-timeout -d 'Before a close, what the client still sends is discarded until it pauses this long. [default: 5s] [unit: duration] [env: RINGGATE_LINGER_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l linger-time -d 'Before a close, what the client still sends is discarded for this long at most. [default: 30s] [unit: duration] [env: RINGGATE_LINGER_TIME]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l linger-size -d 'Before a close, at most this much of what the client still sends is discarded. [default: none] [unit: bytes] [env: RINGGATE_LINGER_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l unsent-size -d 'Lets the kernel keep this much of an answer beyond what is under way to the client: a client that takes nothing has no more memory than that. For TCP connections that are accepted from then on. [default: 256KiB] [unit: bytes] [env: RINGGATE_UNSENT_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l requests-per-connection -d 'Closes a connection after this many requests; 0 is no limit. [default: 0] [unit: requests] [env: RINGGATE_REQUESTS_PER_CONNECTION]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2 -d 'Serves HTTP/2 beside HTTP/1.1 on every address, and prefers it where TLS is spoken (ALPN); off does neither. [default: on] [unit: choice] [env: RINGGATE_HTTP2]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-extended-connect -d 'Tells clients of HTTP/2 that a CONNECT may ask for a protocol (RFC 8441), so that browsers open WebSockets on streams; off, and they open a connection of HTTP/1.1 for each. A client that was told so goes on until its connection ends. [default: on] [unit: choice] [env: RINGGATE_HTTP2_EXTENDED_CONNECT]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-streams -d 'Serves at most this many streams of a connection at a time; further ones are refused with REFUSED_STREAM, which a client may try again. [default: 100] [unit: streams] [env: RINGGATE_HTTP2_STREAMS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-header-list-size -d 'Answers a field section with 431 that is larger, decoded and with 32 bytes for each field. [default: 16KiB] [unit: bytes] [env: RINGGATE_HTTP2_HEADER_LIST_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-header-count -d 'Answers a field section with 431 that has more fields, those with a colon counted. [default: 100] [unit: fields] [env: RINGGATE_HTTP2_HEADER_COUNT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-continuations -d 'Ends a connection whose client sends a field section in more CONTINUATION frames. [default: 4] [unit: frames] [env: RINGGATE_HTTP2_CONTINUATIONS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-resets -d 'Ends a connection whose client resets more streams, beside those whose answer had ended. [default: 200] [unit: streams in 10s] [env: RINGGATE_HTTP2_RESETS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-resets-made -d 'Ends a connection whose client makes the server reset more streams. [default: 100] [unit: streams in 10s] [env: RINGGATE_HTTP2_RESETS_MADE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-pings -d 'Ends a connection whose client sends more PING frames, beside one for each DATA frame of the server. [default: 1000] [unit: frames in 10s] [env: RINGGATE_HTTP2_PINGS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-settings -d 'Ends a connection whose client sends more SETTINGS and GOAWAY frames. [default: 100] [unit: frames in 10s] [env: RINGGATE_HTTP2_SETTINGS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-priorities -d 'Ends a connection whose client sends more frames about priorities or of unknown types, beside two for each request. [default: 1000] [unit: frames in 10s] [env: RINGGATE_HTTP2_PRIORITIES]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-empty-data -d 'Ends a connection whose client sends more empty DATA frames that end nothing. [default: 100] [unit: frames in 10s] [env: RINGGATE_HTTP2_EMPTY_DATA]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-small-data -d 'Ends a connection whose client sends more DATA frames of less than 64 bytes, beside those that larger ones make good. [default: 20000] [unit: frames in 10s] [env: RINGGATE_HTTP2_SMALL_DATA]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-window-updates -d 'Ends a connection whose client sends more WINDOW_UPDATE frames, beside two for each request and each DATA frame of the server. [default: 10000] [unit: frames in 10s] [env: RINGGATE_HTTP2_WINDOW_UPDATES]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-queued-controls -d 'Ends a connection whose client lets more answers to its frames wait. [default: 1000] [unit: frames] [env: RINGGATE_HTTP2_QUEUED_CONTROLS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-stall-timeout -d 'Resets a stream whose answer gets no room from its client for this long, rounded up to whole seconds. [default: 30s] [unit: duration] [env: RINGGATE_HTTP2_STALL_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-stream-window -d 'Lets the client of a new connection send this much on a stream before the handler has taken it. [default: 256KiB] [unit: bytes] [env: RINGGATE_HTTP2_STREAM_WINDOW]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-connection-window -d 'Lets the client of a new connection send this much on all streams before handlers have taken it. [default: 1MiB] [unit: bytes] [env: RINGGATE_HTTP2_CONNECTION_WINDOW]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l http2-header-table-size -d 'Keeps this much of the client\'s earlier fields for each new connection, for its later ones to refer to. [default: 4KiB] [unit: bytes] [env: RINGGATE_HTTP2_HEADER_TABLE_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l max-websockets -d 'Opens at most this many WebSockets and tunnels; further ones are refused with 503. [default: none] [unit: WebSockets] [env: RINGGATE_MAX_WEBSOCKETS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l websocket-message-size -d 'Closes a WebSocket whose client sends a larger message, with 1009. [default: 1MiB] [unit: bytes] [env: RINGGATE_WEBSOCKET_MESSAGE_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l websocket-ping -d 'Asks the client of a WebSocket that says nothing for this long whether it is still there. [default: 20s] [unit: duration] [env: RINGGATE_WEBSOCKET_PING]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l websocket-pong-timeout -d 'Ends a WebSocket whose client says nothing for this long after it was asked. [default: 20s] [unit: duration] [env: RINGGATE_WEBSOCKET_PONG_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l websocket-message-timeout -d 'A message of a WebSocket must be whole this long after its first byte, or it is closed with 1008. [default: 30s] [unit: duration] [env: RINGGATE_WEBSOCKET_MESSAGE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l websocket-close-timeout -d 'After the server\'s Close the client\'s must come within this time. [default: 5s] [unit: duration] [env: RINGGATE_WEBSOCKET_CLOSE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l tunnel-timeout -d 'A tunnel, or another protocol that a handler speaks, may be silent in both directions this long. [default: 1h] [unit: duration] [env: RINGGATE_TUNNEL_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l drain-grace -d 'A drain goes on accepting for this long after /readyz says no. [default: 0s] [unit: duration] [env: RINGGATE_DRAIN_GRACE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l keepalive-grace -d 'A drain keeps a connection used within this time open for one more answer, which announces the close. [default: 2s] [unit: duration] [env: RINGGATE_KEEPALIVE_GRACE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l drain-time -d 'Tells WebSockets Close that a drain ends or an upgrade cannot take along, spread over this time. [default: 5s] [unit: duration] [env: RINGGATE_DRAIN_TIME]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l graceful-timeout -d 'A drain cuts what is left after this time. [default: 30s] [unit: duration] [env: RINGGATE_GRACEFUL_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l drain-pending -d 'A drain serves the requests that wait for a slot, or answers them 503 at once. [default: serve] [unit: action] [env: RINGGATE_DRAIN_PENDING]' -r -f -a "serve\t''
refuse\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l on-term -d 'SIGTERM stops the server now, or drains it first. [default: stop] [unit: action] [env: RINGGATE_ON_TERM]' -r -f -a "stop\t''
drain\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l upgrade-timeout -d 'A new process has this long to take over in an upgrade; then it is ended and the old one goes on. [default: 30s] [unit: duration] [env: RINGGATE_UPGRADE_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l trim-interval -d 'A pool from MIN to MAX gives up one idle core this often at most. [default: 30s] [unit: duration] [env: RINGGATE_TRIM_INTERVAL]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l heartbeat-interval -d 'A core is to make a turn, or wait for work, this often. [default: 5s] [unit: duration] [env: RINGGATE_HEARTBEAT_INTERVAL]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l heartbeat-timeout -d 'A core without a turn for heartbeat_interval and this long is replaced; graceful_timeout later its connections are closed. [default: 20s] [unit: duration] [env: RINGGATE_HEARTBEAT_TIMEOUT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l stall -d 'Other cores accept for a core that has made no turn for this long. [default: 250ms] [unit: duration] [env: RINGGATE_STALL]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l balance -d 'Moves idle connections from a core that has more than twice as many as another. [default: on] [unit: switch] [env: RINGGATE_BALANCE]' -r -f -a "on\t''
off\t''"
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l accepts -d 'Replaces a core that has accepted this many connections, less a random part of up to a half; 0 is never. [default: 0] [unit: connections per core] [env: RINGGATE_ACCEPTS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l core-age -d 'Replaces a core that has run for this long; 0s is never. [default: 0s] [unit: duration] [env: RINGGATE_CORE_AGE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l core-slots -d 'Makes listeners for this many cores, the most a resize can reach; auto is the larger of the most cores and the CPUs. [default: auto] [unit: cores] [env: RINGGATE_CORE_SLOTS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l ring-entries -d 'Has this many submission queue entries. [default: 1024] [unit: entries per core] [env: RINGGATE_RING_ENTRIES]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l buffers -d 'Provides at most this many buffers to receive into; fewer as long as fewer do. [default: 1024] [unit: buffers per core] [env: RINGGATE_BUFFERS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l buffer-size -d 'Makes each of these buffers this large: a request that fits into one arrives in one piece. What was never filled takes no memory. [default: 32KiB] [unit: bytes] [env: RINGGATE_BUFFER_SIZE]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l leases-kept -d 'Lets handlers keep this many buffers past a turn; beyond it heads are copied. [default: 256] [unit: buffers per core] [env: RINGGATE_LEASES_KEPT]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l max-connections -d 'Pauses accepting on a core with this many open connections. With any value the process accepts only as many as its limit of open files has room for. [default: none] [unit: connections per core] [env: RINGGATE_MAX_CONNECTIONS]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l accepts-per-turn -d 'Takes in at most this many new connections between two looks at all others. [default: 64] [unit: connections per core] [env: RINGGATE_ACCEPTS_PER_TURN]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l spin -d 'Looks for work for this long before it blocks in the kernel. [default: 0s] [unit: duration] [env: RINGGATE_SPIN]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l tasks-per-turn -d 'Runs at most this many ready tasks before the kernel is heard again. [default: 1024] [unit: tasks per core] [env: RINGGATE_TASKS_PER_TURN]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -l long-poll -d 'Names routes whose handlers hold their core for this long, waiting for a CPU not counted; 0s names none. [default: 100ms] [unit: duration] [env: RINGGATE_LONG_POLL]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand serve" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand check-config" -l print -d 'Prints every value and where it came from'
complete -c ringgate -n "__fish_ringgate_using_subcommand check-config" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand doctor" -l json -d 'Answers in JSON'
complete -c ringgate -n "__fish_ringgate_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -l control -d 'The server\'s control socket; auto is the default path. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -f -a "status" -d 'Shows phase, limits, ledgers, cores and listeners'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -f -a "top" -d 'Shows rates, times and cores as they change; in a terminal with keys, else one frame below the other'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -f -a "events" -d 'Shows what happens from now on, until the server ends'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -f -a "resize" -d 'Changes the number of cores'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -f -a "reload" -d 'Reads the configuration again; a bad one changes nothing'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -f -a "upgrade" -d 'Starts the program anew and hands everything over, without losing a connection'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -f -a "cores" -d 'Shows the cores'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -f -a "core" -d 'Gives an order to one core'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -f -a "limits" -d 'Changes the limits of admission; what is not named stays'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -f -a "drain" -d 'Ends the server once its connections have finished'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -f -a "stop" -d 'Ends the server now'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and not __fish_seen_subcommand_from status top events resize reload upgrade cores core limits drain stop help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from status" -l interval -d 'The time between two looks [default: 1s]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from status" -l control -d 'The server\'s control socket; auto is the default path. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from status" -l json -d 'Answers in JSON'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from status" -l watch -d 'Shows them again and again, until the server ends'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from top" -l interval -d 'The time between two looks [default: 1s]' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from top" -l control -d 'The server\'s control socket; auto is the default path. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from top" -l once -d 'Shows one interval and ends'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from top" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from events" -l control -d 'The server\'s control socket; auto is the default path. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from events" -l json -d 'Shows lines of JSON'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from events" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from resize" -l control -d 'The server\'s control socket; auto is the default path. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from resize" -l wait -d 'Returns when the last core is there or gone'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from resize" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from reload" -l control -d 'The server\'s control socket; auto is the default path. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from reload" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from upgrade" -l binary -d 'Runs this program instead of the one that the server was started by' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from upgrade" -l control -d 'The server\'s control socket; auto is the default path. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from upgrade" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from cores" -l control -d 'The server\'s control socket; auto is the default path. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from cores" -l json -d 'Answers in JSON'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from cores" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from core" -l control -d 'The server\'s control socket; auto is the default path. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from core" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from limits" -l max-threads -d 'Runs at most this many requests at once over all cores.' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from limits" -l max-accepts -d 'Has at most this many requests in, running and waiting together, and answers 503 beyond; with none nobody waits.' -r
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from limits" -l control -d 'The server\'s control socket; auto is the default path. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from limits" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from drain" -l control -d 'The server\'s control socket; auto is the default path. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from drain" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from stop" -l control -d 'The server\'s control socket; auto is the default path. [default: auto] [unit: path] [env: RINGGATE_CONTROL]' -r -F
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "status" -d 'Shows phase, limits, ledgers, cores and listeners'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "top" -d 'Shows rates, times and cores as they change; in a terminal with keys, else one frame below the other'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "events" -d 'Shows what happens from now on, until the server ends'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "resize" -d 'Changes the number of cores'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "reload" -d 'Reads the configuration again; a bad one changes nothing'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "upgrade" -d 'Starts the program anew and hands everything over, without losing a connection'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "cores" -d 'Shows the cores'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "core" -d 'Gives an order to one core'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "limits" -d 'Changes the limits of admission; what is not named stays'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "drain" -d 'Ends the server once its connections have finished'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "stop" -d 'Ends the server now'
complete -c ringgate -n "__fish_ringgate_using_subcommand ctl; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and not __fish_seen_subcommand_from serve check-config doctor ctl help" -f -a "serve" -d 'Serves; the same as no command'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and not __fish_seen_subcommand_from serve check-config doctor ctl help" -f -a "check-config" -d 'Checks a configuration file together with the environment'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and not __fish_seen_subcommand_from serve check-config doctor ctl help" -f -a "doctor" -d 'Says what this machine offers, what is degraded, and the cure'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and not __fish_seen_subcommand_from serve check-config doctor ctl help" -f -a "ctl" -d 'Speaks to a running server through its control socket'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and not __fish_seen_subcommand_from serve check-config doctor ctl help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "status" -d 'Shows phase, limits, ledgers, cores and listeners'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "top" -d 'Shows rates, times and cores as they change; in a terminal with keys, else one frame below the other'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "events" -d 'Shows what happens from now on, until the server ends'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "resize" -d 'Changes the number of cores'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "reload" -d 'Reads the configuration again; a bad one changes nothing'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "upgrade" -d 'Starts the program anew and hands everything over, without losing a connection'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "cores" -d 'Shows the cores'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "core" -d 'Gives an order to one core'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "limits" -d 'Changes the limits of admission; what is not named stays'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "drain" -d 'Ends the server once its connections have finished'
complete -c ringgate -n "__fish_ringgate_using_subcommand help; and __fish_seen_subcommand_from ctl" -f -a "stop" -d 'Ends the server now'
