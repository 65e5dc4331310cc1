"""What becomes of an Envoy while the registry is down, and afterwards."""

import pytest
from scene import Scene
from stores import OneTable
from waiting import PATIENCE, until


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_restart_of_the_registry_fails_no_request_and_updates_resume(scene: Scene, how: str) -> None:
    a, b, c = scene.hosts(3)
    scene.writer.register("users", a)
    scene.writer.register("users", b)
    envoy = scene.envoy()
    envoy.has(a, b)
    with envoy.traffic() as traffic:
        scene.reader.kill() if how == "killed" else scene.reader.stop()
        traffic.flows(500)
        if scene.writer.is_running:
            scene.writer.deregister("users", a)
        envoy.has(a, b)
        scene.store.reader.start()
        traffic.flows()
        scene.writer.register("users", c)
        if isinstance(scene.store, OneTable):
            envoy.has(b, c, within=PATIENCE)
        else:
            envoy.has(a, b, c, within=PATIENCE)
        traffic.flows()
        assert c.address in traffic.answers


def test_an_envoy_that_starts_first_has_its_hosts_when_the_registry_comes(scene: Scene) -> None:
    (host,) = scene.hosts(1)
    scene.writer.register("users", host)
    if scene.reader.is_running:
        scene.reader.stop()
    envoy = scene.start(scene.bootstrap())
    until("Envoy has tried in vain", lambda: envoy.stat("cluster.discovery.upstream_cx_connect_fail") > 0)
    scene.store.reader.start()
    envoy.ready().has(host)
    assert envoy.get().body == host.address
