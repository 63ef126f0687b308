"""A slow way from one port to another one of this machine, as `serve_harms` has it.

Whatever comes is held back, now and then for two seconds, and now and then a connection is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import random

LOST = 0.005
"""How many of the pieces that pass are lost, with their connection."""


DELAYS = [0.05] * 19 + [2.0]


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bring what comes to the other side."""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            await asyncio.sleep(random.choice(DELAYS))
            if random.random() < LOST:
                break
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


async def relay(port: int, to: int) -> None:
    """Relay for ever."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", to)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(carry(reader, back), carry(there, writer))

    async with await asyncio.start_server(meet, "0.0.0.0", port) as server:
        await server.serve_forever()
