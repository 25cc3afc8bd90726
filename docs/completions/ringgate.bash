_ringgate() {
    local i cur prev opts cmd
    COMPREPLY=()
    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
        cur="$2"
    else
        cur="${COMP_WORDS[COMP_CWORD]}"
    fi
    prev="$3"
    cmd=""
    opts=""

    for i in "${COMP_WORDS[@]:0:COMP_CWORD}"
    do
        case "${cmd},${i}" in
            ",$1")
                cmd="ringgate"
                ;;
            ringgate,check-config)
                cmd="ringgate__subcmd__check__subcmd__config"
                ;;
            ringgate,ctl)
                cmd="ringgate__subcmd__ctl"
                ;;
            ringgate,doctor)
                cmd="ringgate__subcmd__doctor"
                ;;
            ringgate,help)
                cmd="ringgate__subcmd__help"
                ;;
            ringgate,serve)
                cmd="ringgate__subcmd__serve"
                ;;
            ringgate__subcmd__ctl,core)
                cmd="ringgate__subcmd__ctl__subcmd__core"
                ;;
            ringgate__subcmd__ctl,cores)
                cmd="ringgate__subcmd__ctl__subcmd__cores"
                ;;
            ringgate__subcmd__ctl,drain)
                cmd="ringgate__subcmd__ctl__subcmd__drain"
                ;;
            ringgate__subcmd__ctl,events)
                cmd="ringgate__subcmd__ctl__subcmd__events"
                ;;
            ringgate__subcmd__ctl,help)
                cmd="ringgate__subcmd__ctl__subcmd__help"
                ;;
            ringgate__subcmd__ctl,limits)
                cmd="ringgate__subcmd__ctl__subcmd__limits"
                ;;
            ringgate__subcmd__ctl,reload)
                cmd="ringgate__subcmd__ctl__subcmd__reload"
                ;;
            ringgate__subcmd__ctl,resize)
                cmd="ringgate__subcmd__ctl__subcmd__resize"
                ;;
            ringgate__subcmd__ctl,status)
                cmd="ringgate__subcmd__ctl__subcmd__status"
                ;;
            ringgate__subcmd__ctl,stop)
                cmd="ringgate__subcmd__ctl__subcmd__stop"
                ;;
            ringgate__subcmd__ctl,top)
                cmd="ringgate__subcmd__ctl__subcmd__top"
                ;;
            ringgate__subcmd__ctl,upgrade)
                cmd="ringgate__subcmd__ctl__subcmd__upgrade"
                ;;
            ringgate__subcmd__ctl__subcmd__help,core)
                cmd="ringgate__subcmd__ctl__subcmd__help__subcmd__core"
                ;;
            ringgate__subcmd__ctl__subcmd__help,cores)
                cmd="ringgate__subcmd__ctl__subcmd__help__subcmd__cores"
                ;;
            ringgate__subcmd__ctl__subcmd__help,drain)
                cmd="ringgate__subcmd__ctl__subcmd__help__subcmd__drain"
                ;;
            ringgate__subcmd__ctl__subcmd__help,events)
                cmd="ringgate__subcmd__ctl__subcmd__help__subcmd__events"
                ;;
            ringgate__subcmd__ctl__subcmd__help,help)
                cmd="ringgate__subcmd__ctl__subcmd__help__subcmd__help"
                ;;
            ringgate__subcmd__ctl__subcmd__help,limits)
                cmd="ringgate__subcmd__ctl__subcmd__help__subcmd__limits"
                ;;
            ringgate__subcmd__ctl__subcmd__help,reload)
                cmd="ringgate__subcmd__ctl__subcmd__help__subcmd__reload"
                ;;
            ringgate__subcmd__ctl__subcmd__help,resize)
                cmd="ringgate__subcmd__ctl__subcmd__help__subcmd__resize"
                ;;
            ringgate__subcmd__ctl__subcmd__help,status)
                cmd="ringgate__subcmd__ctl__subcmd__help__subcmd__status"
                ;;
            ringgate__subcmd__ctl__subcmd__help,stop)
                cmd="ringgate__subcmd__ctl__subcmd__help__subcmd__stop"
                ;;
            ringgate__subcmd__ctl__subcmd__help,top)
                cmd="ringgate__subcmd__ctl__subcmd__help__subcmd__top"
                ;;
            ringgate__subcmd__ctl__subcmd__help,upgrade)
                cmd="ringgate__subcmd__ctl__subcmd__help__subcmd__upgrade"
                ;;
            ringgate__subcmd__help,check-config)
                cmd="ringgate__subcmd__help__subcmd__check__subcmd__config"
                ;;
            ringgate__subcmd__help,ctl)
                cmd="ringgate__subcmd__help__subcmd__ctl"
                ;;
            ringgate__subcmd__help,doctor)
                cmd="ringgate__subcmd__help__subcmd__doctor"
                ;;
            ringgate__subcmd__help,help)
                cmd="ringgate__subcmd__help__subcmd__help"
                ;;
            ringgate__subcmd__help,serve)
                cmd="ringgate__subcmd__help__subcmd__serve"
                ;;
            ringgate__subcmd__help__subcmd__ctl,core)
                cmd="ringgate__subcmd__help__subcmd__ctl__subcmd__core"
                ;;
            ringgate__subcmd__help__subcmd__ctl,cores)
                cmd="ringgate__subcmd__help__subcmd__ctl__subcmd__cores"
                ;;
            ringgate__subcmd__help__subcmd__ctl,drain)
                cmd="ringgate__subcmd__help__subcmd__ctl__subcmd__drain"
                ;;
            ringgate__subcmd__help__subcmd__ctl,events)
                cmd="ringgate__subcmd__help__subcmd__ctl__subcmd__events"
                ;;
            ringgate__subcmd__help__subcmd__ctl,limits)
                cmd="ringgate__subcmd__help__subcmd__ctl__subcmd__limits"
                ;;
            ringgate__subcmd__help__subcmd__ctl,reload)
                cmd="ringgate__subcmd__help__subcmd__ctl__subcmd__reload"
                ;;
            ringgate__subcmd__help__subcmd__ctl,resize)
                cmd="ringgate__subcmd__help__subcmd__ctl__subcmd__resize"
                ;;
            ringgate__subcmd__help__subcmd__ctl,status)
                cmd="ringgate__subcmd__help__subcmd__ctl__subcmd__status"
                ;;
            ringgate__subcmd__help__subcmd__ctl,stop)
                cmd="ringgate__subcmd__help__subcmd__ctl__subcmd__stop"
                ;;
            ringgate__subcmd__help__subcmd__ctl,top)
                cmd="ringgate__subcmd__help__subcmd__ctl__subcmd__top"
                ;;
            ringgate__subcmd__help__subcmd__ctl,upgrade)
                cmd="ringgate__subcmd__help__subcmd__ctl__subcmd__upgrade"
                ;;
            *)
                ;;
        esac
    done

    case "${cmd}" in
        ringgate)
            opts="-h -V --listen --cores --max-threads --max-accepts --control --metrics --config --log-file --log-level --log-format --pid-file --user --group --without --access-log --access-log-format --access-log-fields --access-log-sample --access-log-slow --certificate --certificate-key --client-ca --client-certificates --tls-version-min --tls-ticket-secret --tls-handover --handshake-timeout --max-handshakes --handshakes-per-turn --trusted-proxies --forwarded --request-id --proxy-protocol --proxy-header-timeout --root --files-at --files-precompressed --files-index --files-listing --files-fallback --files-dotfiles --files-headers --files-cache --files-cache-valid --compression --security-headers --cors-origins --error-pages --server-header --status-page --demo --admit --per-address --request-rate --request-burst --request-rate-field --rejections --priority --shed --queue-timeout --queue-target --queue-interval --half-close --reason-header --head-size --head-count --uri-size --body-size --head-timeout --body-timeout --write-timeout --write-rate-min --body-rate-min --idle-timeout --linger-timeout --linger-time --linger-size --unsent-size --requests-per-connection --http2 --http2-extended-connect --http2-streams --http2-header-list-size --http2-header-count --http2-continuations --http2-resets --http2-resets-made --http2-pings --http2-settings --http2-priorities --http2-empty-data --http2-small-data --http2-window-updates --http2-queued-controls --http2-stall-timeout --http2-stream-window --http2-connection-window --http2-header-table-size --max-websockets --websocket-message-size --websocket-ping --websocket-pong-timeout --websocket-message-timeout --websocket-close-timeout --tunnel-timeout --drain-grace --keepalive-grace --drain-time --graceful-timeout --drain-pending --on-term --upgrade-timeout --trim-interval --heartbeat-interval --heartbeat-timeout --stall --balance --accepts --core-age --core-slots --ring-entries --buffers --buffer-size --leases-kept --max-connections --accepts-per-turn --spin --tasks-per-turn --long-poll --help --version serve check-config doctor ctl help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 1 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --listen)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cores)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-threads)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-accepts)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --metrics)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-level)
                    COMPREPLY=($(compgen -W "error warn info debug trace off" -- "${cur}"))
                    return 0
                    ;;
                --log-format)
                    COMPREPLY=($(compgen -W "text json" -- "${cur}"))
                    return 0
                    ;;
                --pid-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --group)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --without)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --access-log)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --access-log-format)
                    COMPREPLY=($(compgen -W "combined json" -- "${cur}"))
                    return 0
                    ;;
                --access-log-fields)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --access-log-sample)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --access-log-slow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --certificate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --certificate-key)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --client-ca)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --client-certificates)
                    COMPREPLY=($(compgen -W "auto require ask off" -- "${cur}"))
                    return 0
                    ;;
                --tls-version-min)
                    COMPREPLY=($(compgen -W "1.2 1.3" -- "${cur}"))
                    return 0
                    ;;
                --tls-ticket-secret)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tls-handover)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --handshake-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-handshakes)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --handshakes-per-turn)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --trusted-proxies)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --forwarded)
                    COMPREPLY=($(compgen -W "x-forwarded-for forwarded off" -- "${cur}"))
                    return 0
                    ;;
                --request-id)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --proxy-protocol)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --proxy-header-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --root)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --files-at)
                    COMPREPLY=($(compgen -W "/files/ /" -- "${cur}"))
                    return 0
                    ;;
                --files-precompressed)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --files-index)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --files-listing)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --files-fallback)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --files-dotfiles)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --files-headers)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --files-cache)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --files-cache-valid)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --compression)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --security-headers)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --cors-origins)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-pages)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --server-header)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --status-page)
                    COMPREPLY=($(compgen -W "auto on off" -- "${cur}"))
                    return 0
                    ;;
                --demo)
                    COMPREPLY=($(compgen -W "auto on off" -- "${cur}"))
                    return 0
                    ;;
                --admit)
                    COMPREPLY=($(compgen -W "request connection" -- "${cur}"))
                    return 0
                    ;;
                --per-address)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-burst)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-rate-field)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rejections)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --priority)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --shed)
                    COMPREPLY=($(compgen -W "oldest newest" -- "${cur}"))
                    return 0
                    ;;
                --queue-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --queue-target)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --queue-interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --half-close)
                    COMPREPLY=($(compgen -W "gone serve" -- "${cur}"))
                    return 0
                    ;;
                --reason-header)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --head-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --head-count)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --body-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --head-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --body-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --write-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --write-rate-min)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --body-rate-min)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --idle-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --linger-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --linger-time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --linger-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unsent-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --requests-per-connection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --http2-extended-connect)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --http2-streams)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-header-list-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-header-count)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-continuations)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-resets)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-resets-made)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-pings)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-settings)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-priorities)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-empty-data)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-small-data)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-window-updates)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-queued-controls)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-stall-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-stream-window)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-connection-window)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-header-table-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-websockets)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-message-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-ping)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-pong-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-message-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-close-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tunnel-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --drain-grace)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --keepalive-grace)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --drain-time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --graceful-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --drain-pending)
                    COMPREPLY=($(compgen -W "serve refuse" -- "${cur}"))
                    return 0
                    ;;
                --on-term)
                    COMPREPLY=($(compgen -W "stop drain" -- "${cur}"))
                    return 0
                    ;;
                --upgrade-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --trim-interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --heartbeat-interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --heartbeat-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --stall)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --balance)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --accepts)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --core-age)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --core-slots)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ring-entries)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --buffers)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --buffer-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --leases-kept)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-connections)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --accepts-per-turn)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spin)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tasks-per-turn)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --long-poll)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__check__subcmd__config)
            opts="-h --print --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl)
            opts="-h --control --help status top events resize reload upgrade cores core limits drain stop help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__core)
            opts="-h --control --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__cores)
            opts="-h --json --control --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__drain)
            opts="-h --control --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__events)
            opts="-h --json --control --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help)
            opts="status top events resize reload upgrade cores core limits drain stop help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help__subcmd__core)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help__subcmd__cores)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help__subcmd__drain)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help__subcmd__events)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help__subcmd__help)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help__subcmd__limits)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help__subcmd__reload)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help__subcmd__resize)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help__subcmd__status)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help__subcmd__stop)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help__subcmd__top)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__help__subcmd__upgrade)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__limits)
            opts="-h --max-threads --max-accepts --control --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --max-threads)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-accepts)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__reload)
            opts="-h --control --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__resize)
            opts="-h --wait --control --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__status)
            opts="-h --json --watch --interval --control --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__stop)
            opts="-h --control --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__top)
            opts="-h --once --interval --control --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__ctl__subcmd__upgrade)
            opts="-h --binary --control --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --binary)
                    local oldifs
                    if [ -n "${IFS+x}" ]; then
                        oldifs="$IFS"
                    fi
                    IFS=$'\n'
                    COMPREPLY=($(compgen -f "${cur}"))
                    if [ -n "${oldifs+x}" ]; then
                        IFS="$oldifs"
                    fi
                    if [[ "${BASH_VERSINFO[0]}" -ge 4 ]]; then
                        compopt -o filenames
                    fi
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__doctor)
            opts="-h --json --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help)
            opts="serve check-config doctor ctl help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__check__subcmd__config)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__ctl)
            opts="status top events resize reload upgrade cores core limits drain stop"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__ctl__subcmd__core)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__ctl__subcmd__cores)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__ctl__subcmd__drain)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__ctl__subcmd__events)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__ctl__subcmd__limits)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__ctl__subcmd__reload)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__ctl__subcmd__resize)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__ctl__subcmd__status)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__ctl__subcmd__stop)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__ctl__subcmd__top)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__ctl__subcmd__upgrade)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 4 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__doctor)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__help)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__help__subcmd__serve)
            opts=""
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 3 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
        ringgate__subcmd__serve)
            opts="-h --listen --cores --max-threads --max-accepts --control --metrics --config --log-file --log-level --log-format --pid-file --user --group --without --access-log --access-log-format --access-log-fields --access-log-sample --access-log-slow --certificate --certificate-key --client-ca --client-certificates --tls-version-min --tls-ticket-secret --tls-handover --handshake-timeout --max-handshakes --handshakes-per-turn --trusted-proxies --forwarded --request-id --proxy-protocol --proxy-header-timeout --root --files-at --files-precompressed --files-index --files-listing --files-fallback --files-dotfiles --files-headers --files-cache --files-cache-valid --compression --security-headers --cors-origins --error-pages --server-header --status-page --demo --admit --per-address --request-rate --request-burst --request-rate-field --rejections --priority --shed --queue-timeout --queue-target --queue-interval --half-close --reason-header --head-size --head-count --uri-size --body-size --head-timeout --body-timeout --write-timeout --write-rate-min --body-rate-min --idle-timeout --linger-timeout --linger-time --linger-size --unsent-size --requests-per-connection --http2 --http2-extended-connect --http2-streams --http2-header-list-size --http2-header-count --http2-continuations --http2-resets --http2-resets-made --http2-pings --http2-settings --http2-priorities --http2-empty-data --http2-small-data --http2-window-updates --http2-queued-controls --http2-stall-timeout --http2-stream-window --http2-connection-window --http2-header-table-size --max-websockets --websocket-message-size --websocket-ping --websocket-pong-timeout --websocket-message-timeout --websocket-close-timeout --tunnel-timeout --drain-grace --keepalive-grace --drain-time --graceful-timeout --drain-pending --on-term --upgrade-timeout --trim-interval --heartbeat-interval --heartbeat-timeout --stall --balance --accepts --core-age --core-slots --ring-entries --buffers --buffer-size --leases-kept --max-connections --accepts-per-turn --spin --tasks-per-turn --long-poll --help"
            if [[ ${cur} == -* || ${COMP_CWORD} -eq 2 ]] ; then
                COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
                return 0
            fi
            case "${prev}" in
                --listen)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --cores)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-threads)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-accepts)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --control)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --metrics)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --config)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --log-level)
                    COMPREPLY=($(compgen -W "error warn info debug trace off" -- "${cur}"))
                    return 0
                    ;;
                --log-format)
                    COMPREPLY=($(compgen -W "text json" -- "${cur}"))
                    return 0
                    ;;
                --pid-file)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --user)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --group)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --without)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --access-log)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --access-log-format)
                    COMPREPLY=($(compgen -W "combined json" -- "${cur}"))
                    return 0
                    ;;
                --access-log-fields)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --access-log-sample)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --access-log-slow)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --certificate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --certificate-key)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --client-ca)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --client-certificates)
                    COMPREPLY=($(compgen -W "auto require ask off" -- "${cur}"))
                    return 0
                    ;;
                --tls-version-min)
                    COMPREPLY=($(compgen -W "1.2 1.3" -- "${cur}"))
                    return 0
                    ;;
                --tls-ticket-secret)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tls-handover)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --handshake-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-handshakes)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --handshakes-per-turn)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --trusted-proxies)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --forwarded)
                    COMPREPLY=($(compgen -W "x-forwarded-for forwarded off" -- "${cur}"))
                    return 0
                    ;;
                --request-id)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --proxy-protocol)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --proxy-header-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --root)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --files-at)
                    COMPREPLY=($(compgen -W "/files/ /" -- "${cur}"))
                    return 0
                    ;;
                --files-precompressed)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --files-index)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --files-listing)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --files-fallback)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --files-dotfiles)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --files-headers)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --files-cache)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --files-cache-valid)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --compression)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --security-headers)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --cors-origins)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --error-pages)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --server-header)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --status-page)
                    COMPREPLY=($(compgen -W "auto on off" -- "${cur}"))
                    return 0
                    ;;
                --demo)
                    COMPREPLY=($(compgen -W "auto on off" -- "${cur}"))
                    return 0
                    ;;
                --admit)
                    COMPREPLY=($(compgen -W "request connection" -- "${cur}"))
                    return 0
                    ;;
                --per-address)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-rate)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-burst)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --request-rate-field)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --rejections)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --priority)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --shed)
                    COMPREPLY=($(compgen -W "oldest newest" -- "${cur}"))
                    return 0
                    ;;
                --queue-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --queue-target)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --queue-interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --half-close)
                    COMPREPLY=($(compgen -W "gone serve" -- "${cur}"))
                    return 0
                    ;;
                --reason-header)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --head-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --head-count)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --uri-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --body-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --head-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --body-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --write-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --write-rate-min)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --body-rate-min)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --idle-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --linger-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --linger-time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --linger-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --unsent-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --requests-per-connection)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --http2-extended-connect)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --http2-streams)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-header-list-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-header-count)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-continuations)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-resets)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-resets-made)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-pings)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-settings)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-priorities)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-empty-data)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-small-data)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-window-updates)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-queued-controls)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-stall-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-stream-window)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-connection-window)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --http2-header-table-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-websockets)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-message-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-ping)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-pong-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-message-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --websocket-close-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tunnel-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --drain-grace)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --keepalive-grace)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --drain-time)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --graceful-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --drain-pending)
                    COMPREPLY=($(compgen -W "serve refuse" -- "${cur}"))
                    return 0
                    ;;
                --on-term)
                    COMPREPLY=($(compgen -W "stop drain" -- "${cur}"))
                    return 0
                    ;;
                --upgrade-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --trim-interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --heartbeat-interval)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --heartbeat-timeout)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --stall)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --balance)
                    COMPREPLY=($(compgen -W "on off" -- "${cur}"))
                    return 0
                    ;;
                --accepts)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --core-age)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --core-slots)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --ring-entries)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --buffers)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --buffer-size)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --leases-kept)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --max-connections)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --accepts-per-turn)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --spin)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --tasks-per-turn)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                --long-poll)
                    COMPREPLY=($(compgen -f "${cur}"))
                    return 0
                    ;;
                *)
                    COMPREPLY=()
                    ;;
            esac
            COMPREPLY=( $(compgen -W "${opts}" -- "${cur}") )
            return 0
            ;;
    esac
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _ringgate -o nosort -o bashdefault -o default ringgate
else
    complete -F _ringgate -o bashdefault -o default ringgate
fi
