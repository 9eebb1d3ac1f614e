# What the scripts share. Sourced, never run.

# Where the repository is, wherever a script was called from.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

# Swift's own installer, and the usual place of its tarball.
PATH=$PATH:/opt/swift/usr/bin:$HOME/.local/share/swiftly/bin

note() { printf '\033[1m== %s\033[0m\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Pods need mounts, namespaces and cgroups.
need_root() { [ "$(id -u)" = 0 ] || die "needs root: sudo $0"; }

# Every directory below PARENT in every cgroup hierarchy, leaves first. By path in the mount table
# and not by a list of controllers: hosts differ in what they mount.
remove_cgroups() {
  local parent=$1 mount
  [ -n "${parent#/}" ] || die "remove_cgroups: no parent"
  while read -r mount; do
    [ -d "$mount$parent" ] || continue
    # The kernel gives a killed process's cgroup back a moment after its end.
    find "$mount$parent" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done < <(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts)
}

# What scripts/install puts on a host, and scripts/uninstall takes away.
PROGRAMS="staunchd staunch-shim staunch-census staunch-churn"
UNITS="staunchd.socket staunchd-metrics.socket run-staunch.mount"
SETTINGS=/etc/staunch/staunchd.env
