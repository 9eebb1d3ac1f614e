# Staunch in its own container. It is still a daemon of the host: it makes pods on the host, and the
# pods outlive the container. So run it with:
#
#   mkdir -p /run/staunch /var/lib/staunch /var/log/staunch
#   mountpoint -q /run/staunch || mount -t tmpfs -o mode=0711,nosuid,nodev staunch /run/staunch
#   docker run --detach --name staunchd --restart unless-stopped \
#     --privileged --pid host --network host --cgroupns host --read-only \
#     --volume /sys/fs/cgroup:/sys/fs/cgroup \
#     --volume /run/staunch:/run/staunch \
#     --volume /var/lib/staunch:/var/lib/staunch \
#     --volume /var/log/staunch:/var/log/staunch \
#     --volume /srv:/srv:rslave \
#     staunch
#
# --privileged      The daemon mounts, makes and enters namespaces and cgroups, and reads where in
#                   the kernel other processes are. The usual profiles of seccomp and AppArmor
#                   refuse mount(2). Without this flag /sys and /proc/sys are read-only.
# --pid host        In its own PID namespace the daemon would be the first process. When the first
#                   process ends, the kernel ends all others there: all pods, at each restart.
# --cgroupns host   With /sys/fs/cgroup: the pods' cgroups are below /staunch in the hierarchies of
#                   the host. An engine ends a container by its cgroup, so it would end pods in the
#                   container's cgroup. Shims leave that cgroup before they do anything else.
# --network host    The "host" network of a pod is the network of the daemon. With this flag it is
#                   the host's, and so is 127.0.0.1:7496, which serves the metrics. Pods with
#                   their own network do not need this flag.
# /run/staunch      The records, the socket and the pods' directories. The next container must find
#                   them, so the host must mount a tmpfs there, without noexec. If there is none,
#                   the daemon mounts a tmpfs, which would vanish with the container.
# /var/lib/staunch  The layers of tasks. An overlay cannot be on the overlay of the image.
# /var/log/staunch  The output of tasks.
# /srv              Everything that pods use as rootfs or bind mount, at the same path as on the
#                   host. rslave: the daemon sees what the host mounts or unmounts there later, but
#                   the host does not see the daemon's mounts. So nothing is shared.
# --read-only       The daemon writes nothing else. Besides, each start mounts the root file system
#                   once more while the shims of living pods still use the earlier mount. overlayfs
#                   never allows that for a writable mount.
#
# No --init, because orphaned processes go to the init of the host. No limits, because they would
# apply to the daemon alone.
#
# `docker stop`, `docker restart` and `docker kill` do not touch the pods. On cgroup v1 an engine
# may complain that the cpuset of the container remains while pods live. The reason is that shims
# stay in their first cgroup in this hierarchy alone.
#
# To upgrade, stop the old container and start a container of the new image under another name.
# Remove the old container when the pods of its time are gone, because their shims use its root file
# system and run runc from there.

ARG SWIFT_IMAGE=swift:6.2-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${SWIFT_IMAGE} AS build
# Debian's stable release changes a version only for fixes, so no version is pinned in this file.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        build-essential libarchive-dev libcurl4-openssl-dev libjansson-dev libmicrohttpd-dev \
        libseccomp-dev libsqlite3-dev libtomlplusplus-dev nettle-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The Swift libraries are linked statically. The shim is fully static.
RUN scripts/build

FROM ${BASE_IMAGE}
# curl and jq send requests to the daemon from inside, for example for the health check.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates curl jq libarchive13 libcurl4 libjansson4 libmicrohttpd12 libnettle8 \
        libseccomp2 libsqlite3-0 libstdc++6 runc \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/dist/bin/staunchd /src/dist/bin/staunch-shim /src/dist/bin/staunch-layer \
    /src/dist/bin/staunch-fetch /src/dist/bin/staunch-census /usr/local/bin/
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \
    CMD ["curl", "-sf", "-o", "/dev/null", "--unix-socket", "/run/staunch/staunch.sock", \
         "http://staunch/readyz"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/staunchd"]
