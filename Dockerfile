# Staunch in a container of its own. It is a daemon of the host's all the same: it makes pods on the
# host, and they are to outlive it. So it has to be run with:
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
# --privileged      It mounts, makes namespaces and cgroups and enters them, and reads of other
#                   processes where in the kernel they stand. The usual profiles of seccomp and
#                   AppArmor refuse mount(2); /sys and /proc/sys are read-only without it.
# --pid host        In a PID namespace of its own the daemon would be its first process, and with
#                   it the kernel ends every other one there: all pods, at each restart.
# --cgroupns host   with /sys/fs/cgroup: the pods' cgroups stand below /staunch in the host's
#                   hierarchies. In the container's own they would be ended with the container,
#                   which an engine does by cgroup; the shims leave it before they do anything else.
# --network host    A pod's "host" network is the daemon's; and 127.0.0.1:7496, where the metrics
#                   are, is then the host's. Pods of their own network need nothing of it.
# /run/staunch      The records, the socket and the pods' folders; the next container has to find
#                   them. It is to be a tmpfs that the host has mounted, without noexec: where there
#                   is none, the daemon mounts one, and that would go with its container.
# /var/lib/staunch  The containers' layers. An overlay cannot stand on the image's own overlay.
# /var/log/staunch  What the containers say.
# /srv              Whatever pods are to have as rootfs or bind, under the name that it has on the
#                   host. rslave: what the host mounts or unmounts there later is seen, and nothing
#                   comes back. Every mount of the daemon's stays inside, so nothing is shared.
# --read-only       It writes nothing else. And the root file system is mounted once more at each
#                   start while the shims of living pods still stand in the mount of before, which
#                   overlayfs wants of a writable one never.
#
# No --init: orphans go to the host's own. No limits: they would be the daemon's alone.
#
# `docker stop`, `docker restart` and `docker kill` leave the pods alone. On cgroup v1 an engine may
# complain that the container's cpuset stays while they live: of that hierarchy alone shims keep the
# cgroup that they were started in.
#
# To upgrade, stop the old container, start one of the new image under another name, and remove the
# old one when the pods of its time are gone: their shims have its root file system, and run runc
# from there.

ARG SWIFT_IMAGE=swift:6.2-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${SWIFT_IMAGE} AS build
# Debian's stable release changes a version only to mend it: none is pinned here or below.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        build-essential libcurl4-openssl-dev libjansson-dev libmicrohttpd-dev libsqlite3-dev \
        pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Swift's own libraries are linked in; the shim is static altogether.
RUN scripts/build

FROM ${BASE_IMAGE}
# curl and jq: to ask it, from inside and for its health.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        curl jq libjansson4 libmicrohttpd12 libsqlite3-0 libstdc++6 runc \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/dist/bin/staunchd /src/dist/bin/staunch-shim /src/dist/bin/staunch-census \
    /usr/local/bin/
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \
    CMD ["curl", "-sf", "-o", "/dev/null", "--unix-socket", "/run/staunch/staunch.sock", \
         "http://staunch/readyz"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/staunchd"]
