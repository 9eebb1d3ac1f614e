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
    [ -d "$mount$parent" ] || continue
    # The kernel releases the cgroup of a killed process a moment after the process ends.
    find "$mount$parent" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done < <(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts)
}

# Everything that scripts/install installs and scripts/uninstall removes.
PROGRAMS="staunchd staunch-shim staunch-census staunch-churn"
UNITS="staunchd.socket staunchd-metrics.socket run-staunch.mount"
SETTINGS=/etc/staunch/staunchd.env
