#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A way to a local port that takes 20 ms in each direction, and counts the round trips of each connection.

    delay.py PORT

Prints the port it listens on at 127.0.0.1; then, for each connection that ended, a line of JSON:

    round_trips     times that the client had to wait: one for TCP, and one for each time the server spoke after the
                    client had, or first
    writes          pieces in which the client's octets came, where it did not wait in between
    octets          the client's

The kernel answers a connection itself, and at once; what the client would have waited for that is added to the way of
its first octets, and of a server's greeting.  It ends with its input, or after an hour.
"""

import asyncio
import json
import socket
import sys
from dataclasses import asdict, dataclass

ONE_WAY_S = 0.020
# From the client's SYN until the server has the last word of the handshake.
CONNECTING_S = 3 * ONE_WAY_S
LIFETIME_S = 3600
BLOCK = 65536
BACKLOG = 4096


@dataclass
class Count:
    """What passed over one connection."""

    round_trips: int = 1
    writes: int = 0
    octets: int = 0


class Connection:
    """One client, and the connection to the port on its behalf."""

    def __init__(self, port):
        self._port = port
        self._last = "nobody"
        self._count = Count()

    async def run(self, reader, writer):
        """Carries everything until both sides have ended."""
        up = asyncio.Queue()
        reading = asyncio.create_task(self._read(reader, up, self._client_spoke))
        await asyncio.sleep(CONNECTING_S)
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        _no_delay(server_writer)
        down = asyncio.Queue()
        await asyncio.gather(
            reading,
            self._write(server_writer, up),
            self._read(server_reader, down, self._server_spoke),
            self._write(writer, down),
        )
        print(json.dumps(asdict(self._count)), flush=True)

    async def _read(self, reader, queue, spoke):
        data = b"-"
        while data:
            try:
                data = await reader.read(BLOCK)
            except ConnectionError:
                data = b""
            if data:
                spoke(data)
            queue.put_nowait((asyncio.get_running_loop().time() + ONE_WAY_S, data))

    @staticmethod
    async def _write(writer, queue):
        data = b"-"
        while data:
            when, data = await queue.get()
            await asyncio.sleep(when - asyncio.get_running_loop().time())
            try:
                writer.write(data)
                await writer.drain()
            except ConnectionError:
                pass
        writer.close()

    def _client_spoke(self, data):
        self._count.writes += 1
        self._count.octets += len(data)
        self._last = "client"

    def _server_spoke(self, _data):
        if self._last != "server":
            self._count.round_trips += 1
        self._last = "server"


def _no_delay(writer):
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def _serve(port):
    async def connected(reader, writer):
        _no_delay(writer)
        await Connection(port).run(reader, writer)

    def asked():
        if not sys.stdin.read(1) and not ended.done():
            ended.set_result(None)

    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop.add_reader(sys.stdin, asked)
    await asyncio.wait([ended], timeout=LIFETIME_S)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
