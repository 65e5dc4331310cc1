"""HTTP, said and heard plainly."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    status: int
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """A connection that is kept open from request to request."""

    def __init__(self, address: str, timeout: float = 20.0) -> None:
        self._http = http.client.HTTPConnection(address, timeout=timeout)

    def ask(self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        self._http.request(method, path, body, dict(headers or {}))
        answer = self._http.getresponse()
        return Answer(answer.status, answer.read().decode(errors="replace"))

    def close(self) -> None:
        self._http.close()


def ask(address: str, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """One request on a connection of its own; a body is sent as JSON."""
    sent = None if body is None else json.dumps(body)
    kind = {} if body is None else {"content-type": "application/json"}
    connection = Connection(address)
    try:
        return connection.ask(method, path, sent, kind | headers)
    finally:
        connection.close()
