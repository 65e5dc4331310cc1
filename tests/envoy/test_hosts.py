"""Which hosts an Envoy has, and what it knows of them."""

import pytest
from modes import add_cluster
from scene import Scene
from stores import OneTable
from waiting import until


def test_all_hosts_arrive_with_weight_zone_and_canary_flag(scene: Scene) -> None:
    a, b, c = scene.hosts(3)
    scene.writer.register("users", a, weight=10, zone="us-east-1a")
    scene.writer.register("users", b, weight=30, zone="us-east-1b", canary=True)
    scene.writer.register("users", c)
    envoy = scene.envoy()
    envoy.has(a, b, c)
    keys = ["weight", "zone", "canary", "region", "hostname", "health_flags"]
    shown = {address: [about[key] for key in keys] for address, about in envoy.hosts().items()}
    assert shown == {
        a.address: ["10", "us-east-1a", "false", "us-east-1", f"i-{a.ip}", "healthy"],
        b.address: ["30", "us-east-1b", "true", "us-east-1", f"i-{b.ip}", "healthy"],
        c.address: ["1", "us-east-1a", "false", "us-east-1", f"i-{c.ip}", "healthy"],
    }


def test_hosts_come_and_go_one_by_one_and_all_together(scene: Scene) -> None:
    a, b = scene.hosts(2)
    scene.writer.register("users", a)
    envoy = scene.envoy()
    envoy.has(a)
    scene.writer.register("users", b)
    envoy.has(a, b, within=scene.bound)
    scene.writer.deregister("users", a)
    envoy.has(b, within=scene.bound)
    scene.writer.deregister("users", b)
    envoy.has(within=scene.bound)
    scene.writer.register("users", a)
    envoy.has(a, within=scene.bound)


def test_a_heartbeat_causes_no_push(scene: Scene) -> None:
    a, b = scene.hosts(2)
    scene.writer.register("users", a)
    envoy = scene.envoy()
    envoy.has(a)
    before = told(scene)
    for _ in range(20):
        scene.writer.register("users", a)
    if scene.polls:
        polls = unchanged_polls(scene)
        until("Envoy has polled after the heartbeats", lambda: unchanged_polls(scene) > polls + 1)
    scene.writer.register("users", b)
    envoy.has(a, b, within=scene.bound)
    assert told(scene) == before + 1, "the second host, and nothing else, was worth telling"


def told(scene: Scene) -> int:
    """How often endpoints were told."""
    if scene.polls:
        return scene.reader.metric("discovery_xds_polls_total", kind="endpoints", status="200")
    return scene.reader.metric("discovery_xds_pushes_total", kind="endpoints")


def unchanged_polls(scene: Scene) -> int:
    return scene.reader.metric("discovery_xds_polls_total", kind="endpoints", status="304")


def test_an_unknown_service_does_not_hold_up_the_start(scene: Scene) -> None:
    envoy = scene.envoy(lambda config: add_cluster(config, "nobody"))
    assert envoy.get("nobody").status == 503
    (first,) = scene.hosts(1)
    scene.writer.register("nobody", first)
    envoy.has(first, cluster="nobody", within=scene.bound)
    until("it is called", lambda: envoy.get("nobody").body == first.address)


@pytest.mark.parametrize("store", ["DynamoDB"], indirect=True)
def test_a_poisoned_row_does_not_stop_the_updates_of_its_service(scene: Scene) -> None:
    a, b, odd = scene.hosts(3)
    assert isinstance(scene.store, OneTable)
    scene.writer.register("users", a)
    for item in POISON:
        scene.store.put(item)
    tags = '{"az": 1, "load_balancing_weight": 0, "canary": "yes"}'
    scene.store.put(row(odd.ip, port={"N": str(odd.port)}, tags={"S": tags}))
    envoy = scene.envoy()
    envoy.has(a, odd)
    assert envoy.hosts()[odd.address]["weight"] == "1"
    scene.writer.register("users", b, weight=7)
    envoy.has(a, b, odd, within=scene.bound)
    scene.writer.deregister("users", a)
    envoy.has(b, odd, within=scene.bound)
    assert envoy.stat("cluster.users.update_rejected") == 0


def row(ip: str, **attributes: dict[str, str] | None) -> dict[str, dict[str, str]]:
    """A row that no node of ours would write."""
    usual: dict[str, dict[str, str] | None] = {
        "service": {"S": "users"},
        "ip_address": {"S": ip},
        "service_repo_name": {"S": "users"},
        "port": {"N": "80"},
        "revision": {"S": "1"},
        "last_check_in": {"S": "2099-01-01T00:00:00.000000+00:00"},
        "tags": {"S": '{"az": "a", "region": "r", "instance_id": "i-1"}'},
    }
    return {name: value for name, value in (usual | attributes).items() if value}


# What would make Envoy refuse a whole service, or what is no host at all.
POISON = [
    row("10.0.0.999"),
    row("users.example.com"),
    row("10.0.0.1", port={"N": "70000"}),
    row("10.0.0.2", port={"S": "eighty"}),
    row("10.0.0.3", last_check_in={"S": "yesterday"}),
    row("10.0.0.4", tags={"S": "{"}),
    row("10.0.0.5", tags=None),
]


@pytest.mark.settings(HOST_TTL="8")
def test_a_host_that_stops_beating_leaves_and_one_that_beats_stays(scene: Scene) -> None:
    silent, beating = scene.hosts(2)
    with scene.beating("users", beating):
        envoy = scene.envoy()
        envoy.has(beating)
        scene.writer.register("users", silent)
        envoy.has(silent, beating)
        envoy.has(beating)
        assert envoy.stat("cluster.users.membership_change") == 3, "the beating host was there all the time"
