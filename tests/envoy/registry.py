"""A node of the registry: the real binary, and what a test asks of it."""

import json
import os
import random
import re
import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import web
from processes import Process
from upstreams import Host

BUILT = Path(__file__).parents[2] / "target"
BINARY = os.environ.get("DISCOVERY_BINARY", str(BUILT / "debug/discovery"))
# How often polls come, in seconds.
REFRESH_DELAY = 0.2


def free_port() -> int:
    """A port that is free and that no outgoing connection takes, so that a node finds it free when it comes back."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Registry:
    """A node. It has the same port and folder each time that it is started."""

    def __init__(self, folder: Path, settings: Mapping[str, str], port: int | None = None) -> None:
        self.port = port or free_port()
        self._folder = folder
        self._settings = {
            "APPLICATION_DIR": str(folder),
            "BIND_ADDRESS": "127.0.0.1",
            "PORT": str(self.port),
            "DEBUG": "false",
            "XDS_REFRESH_DELAY": str(REFRESH_DELAY),
            **settings,
        }
        self._given = settings
        self._process: Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self, wait_for: str = "/readyz") -> None:
        self._folder.mkdir(exist_ok=True)
        log = self._folder / "log"
        said = len(log.read_text()) if log.exists() else 0
        process = self._process = Process([BINARY], log, self._settings)
        process.until("the registry is ready", lambda: self._answers(process.said()[said:], wait_for))

    def stop(self) -> None:
        code = self._running().stop()
        self._process = None
        assert code == 0, f"the registry ended with {code}"

    def kill(self) -> None:
        self._running().kill()
        self._process = None

    def end(self) -> None:
        """Ends it, if it runs, however the test went."""
        if self._process:
            self._process.kill()

    def hanging(self) -> AbstractContextManager[None]:
        """Does nothing for a while."""
        return self._running().hanging()

    def moved(self) -> "Registry":
        """The same node, which must not run, at another port; it has to be started."""
        return Registry(self._folder, self._given)

    def register(self, service: str, host: Host, **tags: object) -> None:
        """Registers a host, which is its heartbeat, too. `weight` and `zone` are short for the tags."""
        weight, zone = tags.pop("weight", None), tags.pop("zone", "us-east-1a")
        weights = {} if weight is None else {"load_balancing_weight": weight}
        known = {"az": zone, "region": "us-east-1", "instance_id": f"i-{host.ip}"}
        revision = tags.pop("revision", "8d3f2c1")
        body = {
            "ip": host.ip,
            "port": host.port,
            "revision": revision,
            "service_repo_name": service,
            "tags": known | weights | tags,
        }
        self.succeed("POST", f"/v1/registration/{service_path(service)}", body)

    def deregister(self, service: str, host: Host) -> None:
        self.succeed("DELETE", f"/v1/registration/{service_path(service)}/{host.ip}")

    def weigh(self, service: str, host: Host, weight: int) -> None:
        path = f"/v1/loadbalancing/{service_path(service)}/{host.ip}"
        self.succeed("POST", path, {"load_balancing_weight": weight})

    def succeed(self, method: str, path: str, body: object = None) -> web.Answer:
        answer = web.ask(self.address, method, path, body)
        assert answer.status < 300, f"{method} {path} of {self.address}: {answer}"
        return answer

    def metric(self, name: str, **labels: str) -> int:
        """What a counter or gauge shows; 0 for what was never counted."""
        shown = self.succeed("GET", "/metrics").body
        for line in shown.splitlines():
            sample = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\d+)", line)
            if sample and sample[1] == name and labels.items() <= parsed(sample[2] or "").items():
                return int(sample[3])
        return 0

    def _running(self) -> Process:
        assert self._process, "the registry was not started"
        return self._process

    def _answers(self, log: str, path: str) -> bool:
        if not any('"listening"' in line for line in log.splitlines()):
            return False
        return web.ask(self.address, "GET", path).status == 200


def service_path(service: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in service)


def parsed(labels: str) -> dict[str, str]:
    return {name: json.loads(value) for name, value in re.findall(r'(\w+)=("(?:[^"\\]|\\.)*")', labels)}
