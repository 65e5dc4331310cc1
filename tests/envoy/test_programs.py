"""gRPC programs that read the registry by themselves."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from program import METHOD
from registry import Registry
from stores import Store
from upstreams import Host
from waiting import until

Tally = Callable[[int], dict[str, int]]


class Named(grpc.GenericRpcHandler):
    """Answers who the host is."""

    def __init__(self) -> None:
        self.name = b""

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if call.method != METHOD:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self.name)


@pytest.fixture
def grpc_hosts() -> Iterator[Callable[[int], list[Host]]]:
    servers = []

    def start(count: int) -> list[Host]:
        return [start_one(f"127.0.0.{number + 1}") for number in range(count)]

    def start_one(ip: str) -> Host:
        handler = Named()
        server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
        host = Host(ip, server.add_insecure_port(f"{ip}:0"))
        handler.name = host.address.encode()
        server.start()
        servers.append(server)
        return host

    yield start
    for server in servers:
        server.stop(0).wait()


@contextmanager
def program(registry: Registry, service: str) -> Iterator[Tally]:
    """Runs a program that calls a service, in a process of its own: gRPC reads its bootstrap once."""
    source = {"server_uri": registry.address, "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}
    bootstrap = {"xds_servers": [source], "node": {"id": "program-1", "cluster": "programs"}}
    running = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("program.py")), service],
        env=os.environ | {"GRPC_XDS_BOOTSTRAP_CONFIG": json.dumps(bootstrap)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdin and running.stdout
    asked, answered = running.stdin, running.stdout

    def tally(count: int) -> dict[str, int]:
        print(count, file=asked, flush=True)
        answers: dict[str, int] = json.loads(answered.readline())
        return answers

    try:
        yield tally
        asked.close()
        assert running.wait(60) == 0
    finally:
        running.kill()
        running.wait()
        answered.close()


def test_a_grpc_program_calls_the_hosts_of_a_service_by_its_name(
    store: Store, grpc_hosts: Callable[[int], list[Host]]
) -> None:
    a, b, c = grpc_hosts(3)
    store.writer.register("users", a, zone="us-east-1a")
    store.writer.register("users", b, zone="us-east-1a")
    if not store.reader.is_running:
        store.reader.start()
    with program(store.reader, "users") as tally:
        assert tally(100).keys() <= {a.address, b.address}
        until("both hosts are called", lambda: tally(100) == {a.address: 50, b.address: 50})
        store.writer.deregister("users", a)
        until("only the second is called", lambda: tally(20) == {b.address: 20})
        store.writer.register("users", c, zone="us-east-1b", weight=3)
        until("the third is called", lambda: c.address in tally(20))
        shares = tally(400)
        assert 250 < shares[c.address] < 350, f"a zone gets the sum of its weights: {shares}"
