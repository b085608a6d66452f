"""
A link that is slow and far: a TCP relay on loopback.

    python bench/shaper.py PORT TARGET_PORT BYTES_PER_SECOND SECONDS

What the target sends comes so many seconds later, and all connections together get so
many bytes a second. What is sent to the target is not delayed.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

_PIECE = 1 << 16


class Link:
    """
    :ivar rate: bytes per second, of all connections together.
    :ivar delay: seconds.
    """

    def __init__(self, target: int, rate: float, delay: float) -> None:
        self._target = target
        self._rate = rate
        self._delay = delay
        self._free_at = 0.0

    def _due(self, size: int) -> float:
        """
        When the link has carried so many bytes more.
        """
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + size / self._rate
        return self._free_at + self._delay

    async def carry(
        self, client: asyncio.StreamReader, back: asyncio.StreamWriter
    ) -> None:
        server, out = await asyncio.open_connection("127.0.0.1", self._target)
        ways = [
            asyncio.ensure_future(_relay(client, out)),
            asyncio.ensure_future(self._slowly(server, back)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if ways[0].done() and not ways[1].done():
            await asyncio.wait(ways[1:], timeout=10.0)
        for way in ways:
            way.cancel()
        for writer in (out, back):
            writer.close()

    async def _slowly(
        self, server: asyncio.StreamReader, back: asyncio.StreamWriter
    ) -> None:
        """
        Read as fast as the link takes it; a second task delivers when it is due.
        """
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, piece = await pieces.get()
                await _sleep_until(due)
                if not piece:
                    return
                back.write(piece)
                await back.drain()

        delivering = asyncio.ensure_future(deliver())
        try:
            while not delivering.done():
                piece = await server.read(_PIECE)
                due = self._due(len(piece))
                pieces.put_nowait((due, piece))
                if not piece:
                    break
                await _sleep_until(due - self._delay)
            await delivering
        finally:
            delivering.cancel()


async def _sleep_until(moment: float) -> None:
    left = moment - asyncio.get_running_loop().time()
    if left > 0:
        await asyncio.sleep(left)


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()


def _quietly(
    link: Link,
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def carry(client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await link.carry(client, back)

    return carry


async def main(port: int, target: int, rate: float, delay: float) -> None:
    serving = await asyncio.start_server(
        _quietly(Link(target, rate, delay)), "127.0.0.1", port, backlog=1000
    )
    async with serving:
        await serving.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:3]), *map(float, sys.argv[3:5])))
