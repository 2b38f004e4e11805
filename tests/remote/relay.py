"""Hands connections on: ``relay.py LISTEN TARGET``, each ``unix:PATH`` or ``tcp:ADDRESS:PORT``.

A socket file is the same in every network namespace, so two of these lead out of one that has no way out.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import StreamReader, StreamWriter


async def _connected(place: str) -> tuple[StreamReader, StreamWriter]:
    kind, _, where = place.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(where)
    host, _, port = where.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _copy(source: StreamReader, sink: StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()


async def serve(listen: str, target: str) -> None:
    """Until it is ended."""

    async def carry(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            there, back = await _connected(target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    kind, _, where = listen.partition(":")
    if kind == "unix":
        server = await asyncio.start_unix_server(carry, where)
    else:
        host, _, port = where.rpartition(":")
        server = await asyncio.start_server(carry, host, int(port))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
