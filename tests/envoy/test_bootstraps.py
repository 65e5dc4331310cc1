"""The bootstraps of the README, each started exactly as it is printed, on its fixed ports."""

import fcntl
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from modes import DOCS, cluster, each, printed
from proxy import Envoy
from registry import Registry
from upstreams import Host, Upstreams
from waiting import until


def ports(name: str) -> list[int]:
    """The ports that a bootstrap names, the registry's first."""
    config = printed(name)
    registry = next(each(cluster(config, "discovery"), "port_value"))
    return [registry, *{port for port in each(config, "port_value") if port != registry}]


def wait_for_port(port: int, name: str) -> None:
    """Somebody else on the machine may need the same port for a moment."""
    try:
        until("the port is free", lambda: is_free(port))
    except TimeoutError:
        pytest.fail(f"port {port} is taken: docs/envoy/{name}.yaml names it, so it must be free to try that")


def is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@pytest.fixture(params=sorted(path.stem for path in DOCS.glob("*.yaml")))
def name(request: pytest.FixtureRequest) -> str:
    bootstrap: str = request.param
    return bootstrap


@pytest.fixture
def free_ports(name: str) -> Iterator[list[int]]:
    """The ports of a bootstrap, for this test alone."""
    with (DOCS / "ads-delta.yaml").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for port in ports(name):
            wait_for_port(port, name)
        yield ports(name)


@pytest.fixture
def registry(free_ports: list[int], tmp_path: Path) -> Iterator[Registry]:
    node = Registry(tmp_path / "node", {"BACKEND_STORAGE": "InMemory"}, free_ports[0])
    node.start()
    yield node
    node.end()


@pytest.fixture
def envoy(name: str, registry: Registry, tmp_path: Path) -> Iterator[Envoy]:
    running = Envoy(DOCS / f"{name}.yaml", tmp_path / "envoy")
    yield running.ready()
    running.end()


def test_a_printed_bootstrap_leads_to_the_live_hosts(registry: Registry, envoy: Envoy, upstreams: Upstreams) -> None:
    a, b = upstreams.hosts(2)
    registry.register("users", a)
    envoy.has(a)
    until("the first host is called", lambda: envoy.get().body == a.address)
    registry.register("users", b)
    envoy.has(a, b)
    registry.deregister("users", a)
    envoy.has(b)
    envoy.settles(lambda tally: tally.keys() == {b.address})
    registry.kill()
    assert envoy.tally(100) == {b.address: 100}


@pytest.mark.parametrize("name", ["canary"], indirect=True)
def test_the_canary_example(registry: Registry, envoy: Envoy, upstreams: Upstreams) -> None:
    a, b, canary = upstreams.hosts(3)
    registry.register("users", a)
    registry.register("users", b)
    envoy.has(a, b)
    anybody = {a.address, b.address}
    envoy.settles(lambda tally: tally.keys() == anybody, x_canary="true")
    registry.register("users", canary, canary=True)
    envoy.has(a, b, canary)
    envoy.settles(lambda tally: tally.keys() == {canary.address}, 100, x_canary="true")
    envoy.settles(lambda tally: tally == {a.address: 50, b.address: 50}, 100)


@pytest.mark.parametrize("name", ["zone-aware"], indirect=True)
def test_the_zone_aware_example(registry: Registry, envoy: Envoy, upstreams: Upstreams) -> None:
    near, far = upstreams.hosts(3), upstreams.hosts(3)
    edges = [Host("10.0.0.1", 10000), Host("10.0.0.2", 10000)]
    for zone, hosts, edge in [("us-east-1a", near, edges[0]), ("us-east-1b", far, edges[1])]:
        registry.register("edge", edge, zone=zone)
        for host in hosts:
            registry.register("users", host, zone=zone)
    envoy.has(*edges, cluster="edge")
    envoy.has(*near, *far)
    nearby = {host.address for host in near}
    envoy.settles(lambda tally: tally.keys() == nearby, 300)
    for host in near[1:]:
        registry.deregister("users", host)
    extra = upstreams.hosts(2)
    for host in extra:
        registry.register("users", host, zone="us-east-1b")
    envoy.has(near[0], *far, *extra)
    # Of six hosts it is a sixth, of the callers half of them are near: a third stays, the rest goes to the other zone.
    envoy.settles(lambda tally: 0.23 < tally[near[0].address] / 600 < 0.43, 600)
