"""Measures how soon a real Envoy can use what is registered, and what many streams cost; prints it beside the targets.

usage: bench.py [CHANGES]   with the release binary in DISCOVERY_BINARY and examples/streams beside it
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import modes
import web
from proxy import Envoy
from registry import BINARY, Registry
from upstreams import Host, Upstreams
from waiting import until

STREAMS = Path(BINARY).parent / "examples/streams"
# The targets.
USABLE_P99_MS = 50
ALL_HAVE_IT_MS = 1000
STREAM_KIB = 50


def main(changes: int = 400) -> None:
    print("| registered -> usable through Envoy | p50 | p99 | target (p99) |\n|---|---|---|---|")
    for mode in ["ads-sotw", "ads-delta"]:
        with ExitStack() as stack:
            usable(mode, changes, stack)
    print(
        "\n| streams on one service of 100 hosts | change at all: p50 | worst | target | server CPU a change |"
        " memory a stream | target |\n|---|---|---|---|---|---|---|"
    )
    for streams in [1, 100, 1000]:
        with ExitStack() as stack:
            many(streams, stack)


def node(stack: ExitStack, storage: str) -> Registry:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    registry = Registry(folder / "node", {"BACKEND_STORAGE": storage, "PATH": os.environ["PATH"]})
    stack.callback(registry.end)
    registry.start()
    return registry


def usable(mode: str, changes: int, stack: ExitStack) -> None:
    """Times from the first byte of a registration to the first answer of the host through Envoy."""
    registry = node(stack, "InFile")
    host = stack.enter_context(Upstreams()).host()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    envoy = Envoy(modes.bootstrap(mode, registry.port), folder / "envoy")
    stack.callback(envoy.end)
    ingress, client = web.Connection(envoy.ready().ingress), web.Connection(registry.address)
    registry.register("known", host)
    envoy.has(host, cluster="known")

    def gone() -> bool:
        return ingress.ask("GET", "/", headers={"x-service": "known"}).status == 503

    def again() -> str:
        registry.deregister("known", host)
        until("the host has left", gone)
        return "known"

    row(f"{mode}, a host of a known service", [timed(ingress, client, host, again()) for _ in range(changes)])
    row(f"{mode}, the first host of a new one", [timed(ingress, client, host, f"new-{n}") for n in range(changes)])
    # The same two calls with nothing to wait for: what is above that, the registry and Envoy have taken.
    row(f"{mode}, a heartbeat and a request", [timed(ingress, client, host, "new-0") for _ in range(changes)])


def timed(ingress: web.Connection, client: web.Connection, host: Host, service: str) -> float:
    body = {"ip": host.ip, "port": host.port, "revision": "1", "service_repo_name": "known"}
    tags = {"az": "us-east-1a", "region": "us-east-1", "instance_id": "i-1"}
    sent, kind = json.dumps(body | {"tags": tags}), {"content-type": "application/json"}
    began = time.perf_counter()
    assert client.ask("POST", f"/v1/registration/{service}", sent, kind).status == 200
    while ingress.ask("GET", "/", headers={"x-service": service}).status != 200:
        assert time.perf_counter() - began < 60, f"{service} can't be used"
    return (time.perf_counter() - began) * 1000


def row(what: str, times: list[float]) -> None:
    p99 = statistics.quantiles(times, n=100)[98]
    print(
        f"| {what} | {statistics.median(times):.1f} ms | {p99:.1f} ms | {judged(p99, USABLE_P99_MS)} ms |", flush=True
    )


def many(streams: int, stack: ExitStack) -> None:
    """Lets many streams read one service, and changes that."""
    registry = node(stack, "InMemory")
    command = [str(STREAMS), f"http://{registry.address}", str(registry.pid), str(streams)]
    measured = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    worst, kib = measured["worst_ms"], measured["kib_a_stream"]
    memory = f"{kib} KiB | {judged(kib, STREAM_KIB)} KiB" if streams > 1 else "- | -"
    print(
        f"| {streams} | {measured['median_ms']:.1f} ms | {worst:.1f} ms | {judged(worst, ALL_HAVE_IT_MS)} ms |"
        f" {measured['server_cpu_ms']:.1f} ms | {memory} |",
        flush=True,
    )


def judged(value: float, target: float) -> str:
    return f"{'<' if value < target else '**missed** <'} {target}"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
