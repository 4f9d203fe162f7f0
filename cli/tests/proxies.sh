#!/usr/bin/env bash
# Sends a message to a hub and examines the hub through third-party proxies: microsocks for SOCKS5 and tinyproxy for
# HTTP CONNECT, with and without credentials. Needs both, and the programs:
# cargo build -p bookend-server -p bookend-cli
set -euo pipefail
cd "$(dirname "$0")/../.."
programs="${CARGO_TARGET_DIR:-target}/debug"
folder=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait; rm -r "$folder"' EXIT

free_port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# start PORT COMMAND...: starts a server and waits up to 30 s until it listens on PORT.
start() {
    local port=$1
    shift
    local log="$folder/$port.log"
    "$@" >"$log" 2>&1 &
    started+=($!)
    for _ in {1..300}; do
        (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
        sleep 0.1
    done
    echo "$1 does not listen: $(cat "$log")" >&2
    return 1
}

tinyproxy_settings() { printf 'Port %s\nListen 127.0.0.1\nMaxClients 100\nTimeout 60\n%s\n' "$1" "$2" >"$folder/$1.conf"; }

hub=$(free_port)
start "$hub" "$programs/bookend-server" --listen "127.0.0.1:$hub"
open_socks=$(free_port)
start "$open_socks" microsocks -i 127.0.0.1 -p "$open_socks"
socks=$(free_port)
start "$socks" microsocks -i 127.0.0.1 -p "$socks" -u ann -P p@ss
open_http=$(free_port)
tinyproxy_settings "$open_http" ""
start "$open_http" tinyproxy -d -c "$folder/$open_http.conf"
http=$(free_port)
tinyproxy_settings "$http" "BasicAuth ann secret"
start "$http" tinyproxy -d -c "$folder/$http.conf"

# expect CODE TEXT PROXY: the exit code of `send` through PROXY, and a part of its output.
expect() {
    local code=0 said
    said=$("$programs/bookend" send "127.0.0.1:$hub" --proxy "$3" hello 2>&1) || code=$?
    if [[ $code != "$1" || $said != *"$2"* ]]; then
        printf 'through %s: exit code %s, not %s: %s\n' "$3" "$code" "$1" "$said" >&2
        exit 1
    fi
    printf 'through %s: exit code %s %s\n' "${3/:*@/:…@}" "$code" "$2"
}

expect 0 "" "socks5://127.0.0.1:$open_socks"
expect 0 "" "socks5://ann:p%40ss@127.0.0.1:$socks"
expect 3 "proxy: proxy-credentials: " "socks5://ann:wrong@127.0.0.1:$socks"
expect 3 "proxy: proxy-credentials: " "socks5://127.0.0.1:$socks"
expect 0 "" "http://127.0.0.1:$open_http"
expect 0 "" "http://ann:secret@127.0.0.1:$http"
expect 3 "proxy: proxy-credentials: " "http://127.0.0.1:$http"
expect 3 "proxy: not-a-proxy: " "http://127.0.0.1:$hub"

# Both end both directions when one ends: what rests on that is left out.
for proxy in "socks5://ann:p%40ss@127.0.0.1:$socks" "http://ann:secret@127.0.0.1:$http"; do
    "$programs/bookend" doctor "127.0.0.1:$hub" --timeout 20 --proxy "$proxy" >"$folder/doctor" || { cat "$folder/doctor" >&2; exit 1; }
    printf 'by %s: doctor: %s\n' "${proxy/:*@/:…@}" "$(tail -1 "$folder/doctor")"
done
