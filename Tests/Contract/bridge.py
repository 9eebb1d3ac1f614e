#!/usr/bin/env python3
"""bridge.py SOCKET: a port on loopback that forwards to a unix socket. Prints the port, and serves
until it is killed.

Bytes go through unchanged, with one exception. A stream of events never ends by itself, nor does a
followed log of a task that lives, so the bridge ends it after a moment, between two chunks, as if
the server had ended it."""

import asyncio
import sys

# Seconds. The retained events arrive at once.
STREAM = 0.2


class Exchange:
    """The last request of one connection."""

    def __init__(self):
        self.is_stream = False


async def upward(exchange, client, daemon):
    while data := await client.read(1 << 16):
        # The requests library sends one request at a time, and its head in one piece.
        line = data.split(b"\r\n", 1)[0]
        follows = b"/logs?" in line and b"follow=true" in line
        exchange.is_stream = follows or line.startswith(b"GET /v1/events")
        daemon.write(data)
        await daemon.drain()
    daemon.write_eof()


async def downward(exchange, daemon, client):
    while data := await daemon.read(1 << 16):
        client.write(data)
        await client.drain()
        if exchange.is_stream and b"\r\n\r\n" in data and b"chunked" in data.split(b"\r\n\r\n")[0]:
            return await stream(data.split(b"\r\n\r\n", 1)[1], daemon, client)


async def stream(begun, daemon, client):
    """Sends chunks until the time is up, then the last chunk. `begun` arrived with the head."""
    loop = asyncio.get_running_loop()
    end = loop.time() + STREAM
    while True:
        try:
            while b"\r\n" not in begun:
                left = 5 if begun else max(0, end - loop.time())
                begun += await piece(daemon, client, left)
        except TimeoutError:
            if not begun:
                client.write(b"0\r\n\r\n")
            return
        line, begun = begun.split(b"\r\n", 1)
        size = int(line.split(b";")[0], 16) + 2
        while len(begun) < size:
            begun += await piece(daemon, client, 5)
        begun = begun[size:]
        if size == 2:
            return


async def piece(daemon, client, seconds):
    data = await asyncio.wait_for(daemon.read(1 << 16), seconds)
    if not data:
        raise TimeoutError
    client.write(data)
    return data


async def serve(path, client_reader, client):
    daemon = None
    try:
        daemon_reader, daemon = await asyncio.open_unix_connection(path)
        exchange = Exchange()
        up = asyncio.create_task(upward(exchange, client_reader, daemon))
        await downward(exchange, daemon_reader, client)
        up.cancel()
    except (ConnectionError, FileNotFoundError):
        pass
    finally:
        for end in (client, daemon):
            if end:
                end.close()


async def main():
    server = await asyncio.start_server(
        lambda reader, writer: serve(sys.argv[1], reader, writer), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if len(sys.argv) != 2:
    sys.exit("bridge: takes the path of a socket")
asyncio.run(main())
