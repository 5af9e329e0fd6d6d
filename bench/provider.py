"""A payment provider that answers every request 100 ms later with the same signed words.

One asyncio process: what is measured is the worker, not the other side. The signature is made
once, for WeChat Pay signs the time and a nonce of its own choice and nothing of the request.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Any

from channels.simulators.wechat.keys import Keys

LATENCY_S = 0.1


def start(keys_of: dict[str, Any]) -> tuple[multiprocessing.process.BaseProcess, str]:
    """The process, and its address on this machine."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(keys_of, theirs), daemon=True)
    process.start()
    return process, f"http://127.0.0.1:{ours.recv()}"


def _run(keys_of: dict[str, Any], ready: Connection) -> None:
    asyncio.run(_serve(keys_of, ready))


async def _serve(keys_of: dict[str, Any], ready: Connection) -> None:
    keys = Keys(keys_of)
    body = json.dumps({"code_url": "weixin://wxpay/bizpayurl?pr=bench"}).encode()
    signed = keys.headers(body, serial=keys_of["public_key_id"], now=time.time())
    lines = [f"{name}: {value}" for name, value in signed.items()]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    answer = ("HTTP/1.1 200 OK\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode() + body
    server = await asyncio.start_server(lambda r, w: _talk(r, w, answer), "127.0.0.1", 0)
    ready.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            await asyncio.sleep(LATENCY_S)
            writer.write(answer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
