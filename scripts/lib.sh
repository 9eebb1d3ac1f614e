# Functions and settings that the scripts share. Scripts source this file and never run it.

# The repository, whatever the working directory of the caller is.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

# The directories of the Swift tarball and of the Swift installer (swiftly).
PATH=$PATH:/opt/swift/usr/bin:$HOME/.local/share/swiftly/bin

note() { printf '\033[1m== %s\033[0m\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Pods need mounts, namespaces and cgroups.
need_root() { [ "$(id -u)" = 0 ] || die "needs root: sudo $0"; }

# Removes every directory below PARENT in every cgroup hierarchy, leaves first. The mount table
# gives the hierarchies instead of a list of controllers, because hosts mount different controllers.
remove_cgroups() {
  local parent=$1 mount
  [ -n "${parent#/}" ] || die "remove_cgroups: no parent"
  while read -r mount; do
    for _ in $(seq 20); do
      [ -d "$mount$parent" ] || break
      find "$mount$parent" -depth -type d -exec rmdir {} + 2>/dev/null && break
      # The kernel releases the cgroup of a killed process a moment after the process ends.
      sleep 0.1
    done
  done < <(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts)
}

# make_rootfs DIRECTORY: a root file system that contains only busybox.
make_rootfs() {
  mkdir -p "$1/bin" "$1/etc"
  cp "$(command -v busybox)" "$1/bin/busybox"
  chroot "$1" /bin/busybox --install -s /bin
  echo 'root:x:0:0:root:/:/bin/sh' >"$1/etc/passwd"
  echo 'root:x:0:' >"$1/etc/group"
}

# A daemon of the script's own, which shares nothing with other daemons:
#
#   make_home PREFIX         makes its directory; sets home, parent (of its cgroups) and socket
#   start_daemon             starts it, or starts it again; sets daemon (its pid)
#   request PATH [OPTION…]   sends it a request with curl
#   delete_pods              deletes its pods and its networks
#   end_process PID          ends a process that the script has started
#   put_away_daemon          removes the daemon and everything that it and its pods have
#
# However the script ends, put_away runs. A script that starts other processes defines a put_away of
# its own, which ends them and then calls put_away_daemon. The machine tests and staunch-churn have
# starters of their own in Swift, because they kill the daemon in the middle of their work.

make_home() {
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # Neither a second Ctrl-C nor a command that fails may end this half-way.
  trap 'trap "" HUP INT TERM; set +e; put_away' EXIT
  home=$(mktemp -d "$1.XXXXXX")
  parent=/$(basename "$home")
  socket=$home/run/staunch.sock
  daemon=
}

put_away() { put_away_daemon; }

start_daemon() {
  local programs=${STAUNCH_BIN:-$ROOT/dist/bin} program
  for program in staunchd staunch-shim; do
    [ -x "$programs/$program" ] || die "$programs/$program does not exist: run scripts/build first"
  done
  # In a session of its own, so that Ctrl-C does not end it before its pods are deleted.
  setsid "$programs/staunchd" --run-dir "$home/run" --data-dir "$home/data" --log-dir "$home/log" \
    --cgroup-parent "$parent" --shim "$programs/staunch-shim" --metrics-listen off \
    >>"$home/staunchd.log" 2>&1 &
  daemon=$!
  for _ in $(seq 300); do
    if is_ready || ! kill -0 "$daemon" 2>/dev/null; then break; fi
    sleep 0.05
  done
  is_ready || { cat "$home/staunchd.log" >&2; die "the daemon did not become ready"; }
}

is_ready() { request /readyz -f -o /dev/null 2>/dev/null; }

request() { curl -sS --max-time 90 --unix-socket "$socket" "http://staunch$1" "${@:2}"; }

delete_pods() {
  local name
  for name in $(request '/v1/pods?limit=1000' | jq -r '.items[].name'); do
    request "/v1/pods/$name?grace=0" -X DELETE >/dev/null
  done
  for _ in $(seq 300); do
    [ "$(request /v1/pods | jq '.items | length')" != 0 ] || break
    sleep 0.1
  done
  for name in $(request '/v1/networks?limit=1000' \
    | jq -r '.items[] | select(.mode == "bridge").name'); do
    request "/v1/networks/$name" -X DELETE -H 'Prefer: wait=30' >/dev/null
  done
}

# Without `wait`, because in a trap bash 5.2 may wait forever for a process that it has reaped.
end_process() {
  kill "$1" 2>/dev/null || true
  while kill -0 "$1" 2>/dev/null; do sleep 0.02; done
}

put_away_daemon() {
  [ -n "${home-}" ] || return 0
  if [ -n "$daemon" ] && kill -0 "$daemon" 2>/dev/null; then
    delete_pods 2>/dev/null || true
    end_process "$daemon"
  fi
  daemon=
  # If the daemon has died, nothing else ends its processes. Only they are below its cgroup parent.
  find /sys/fs/cgroup -path "*$parent/*" -name cgroup.procs -exec cat {} + 2>/dev/null |
    sort -u | xargs -r kill -KILL 2>/dev/null || true
  # A mount is busy until the processes that use it have ended.
  for _ in $(seq 50); do
    if awk -v home="$home/" 'index($5, home) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
      xargs -r umount 2>/dev/null; then break; fi
    sleep 0.1
  done
  remove_cgroups "$parent"
  remove_networks "$(printf %s "${parent#/}" | tr -c 'a-zA-Z0-9' _)"
  rm -rf --one-file-system "$home"
  home=
}

# remove_networks MARK removes what a daemon has left in the network namespace: bridges and interfaces
# whose alias begins with its mark, and the table of that name.
remove_networks() {
  ip -json link 2>/dev/null |
    jq -r --arg mark "$1:" '.[] | select((.ifalias // "") | startswith($mark)) | .ifname' |
    xargs -r -n 1 ip link delete dev 2>/dev/null || true
  ! command -v nft >/dev/null || nft delete table inet "$1" 2>/dev/null || true
}

# Everything that scripts/install installs and scripts/uninstall removes.
PROGRAMS="staunchd staunch-shim staunch-layer staunch-fetch staunch-census staunch-churn"
UNITS="staunchd.socket staunchd-metrics.socket run-staunch.mount"
SETTINGS=/etc/staunch/staunchd.env
