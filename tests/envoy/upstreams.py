"""The hosts of services: servers on loopback addresses of their own that answer who they are."""

import asyncio
import threading
from dataclasses import dataclass
from types import TracebackType


@dataclass(frozen=True)
class Host:
    ip: str
    port: int

    @property
    def address(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


class _Host(asyncio.Protocol):
    """A connection to a host: every request is answered with the host's address."""

    def __init__(self, name: bytes) -> None:
        self._answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(name), name)
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *whole, self._heard = (self._heard + data).split(b"\r\n\r\n")
        self._transport.write(self._answer * len(whole))


class Upstreams:
    """Runs hosts in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._count = 0

    def __enter__(self) -> "Upstreams":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def hosts(self, count: int) -> list[Host]:
        """Starts more hosts."""
        return [self.host() for _ in range(count)]

    def host(self, ip: str | None = None) -> Host:
        """Starts one more host, by default on the next loopback address."""
        self._count += 1
        ip = ip or f"127.0.{self._count // 250}.{self._count % 250 + 1}"
        return asyncio.run_coroutine_threadsafe(self._start(ip), self._loop).result()

    async def _start(self, ip: str) -> Host:
        name = b""
        server = await self._loop.create_server(lambda: _Host(name), ip, 0)
        host = Host(ip, server.sockets[0].getsockname()[1])
        name = host.address.encode()
        return host
