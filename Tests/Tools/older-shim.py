#!/usr/bin/env python3
"""Stands in for a shim of version 1: older-shim.py SOCKET SHIM

Listens on SOCKET and passes packets of version 1 on to the shim that listens on SHIM. Closes a
connection that sends another version, as shims of version 1 do."""

import select
import socket
import sys


def serve(daemon, shim):
    while True:
        for end in select.select([daemon, shim], [], [])[0]:
            packet = end.recv(1 << 18)
            if not packet or end is daemon and packet[:2] != b"\1\0":
                return
            (shim if end is daemon else daemon).send(packet)


listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(sys.argv[1])
listener.listen(16)
while True:
    daemon = listener.accept()[0]
    shim = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    shim.connect(sys.argv[2])
    with daemon, shim:
        serve(daemon, shim)
