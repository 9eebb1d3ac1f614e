# Common functions of the scripts. Sourced, never executed.

# The root of the repository, independent of the caller's directory.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

# The directories of Swift's own installer and of its tarball.
PATH=$PATH:/opt/swift/usr/bin:$HOME/.local/share/swiftly/bin

note() { printf '\033[1m== %s\033[0m\n' "$*"; }

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Pods need mounts, namespaces and cgroups.
need_root() { [ "$(id -u)" = 0 ] || die "needs root: sudo $0"; }

# Removes every directory below PARENT in every cgroup hierarchy, leaves first. It reads the mount
# table instead of a list of controllers, because hosts mount different controllers.
remove_cgroups() {
  local parent=$1 mount
  [ -n "${parent#/}" ] || die "remove_cgroups: no parent"
  while read -r mount; do
    [ -d "$mount$parent" ] || continue
    # The kernel frees a killed process's cgroup a moment after the process ends.
    find "$mount$parent" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done < <(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts)
}

# The files that scripts/install installs and scripts/uninstall removes.
PROGRAMS="staunchd staunch-shim staunch-census staunch-churn"
UNITS="staunchd.socket staunchd-metrics.socket run-staunch.mount"
SETTINGS=/etc/staunch/staunchd.env
