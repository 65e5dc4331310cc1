"""What a suspicious operator tries next."""

import modes
import pytest
from modes import add_cluster
from proxy import Config
from registry import Registry
from scene import Scene
from stores import OneTable
from upstreams import Host
from waiting import PATIENCE, until

one_node = pytest.mark.parametrize("store", ["InFile"], indirect=True)
two_nodes = pytest.mark.parametrize("store", ["DynamoDB"], indirect=True)
with_catalogue = pytest.mark.parametrize("mode", sorted(modes.WITH_CLUSTERS), indirect=True)
one_mode = pytest.mark.parametrize("mode", ["ads-delta"], indirect=True)


@one_node
def test_an_envoy_that_restarts_has_its_hosts_at_once(scene: Scene) -> None:
    a, b = scene.hosts(2)
    scene.writer.register("users", a)
    first = scene.envoy()
    first.has(a)
    first.end()
    scene.writer.register("users", b)
    scene.envoy().has(a, b, within=scene.bound)


@one_node
def test_what_changed_while_the_registry_was_away_arrives_afterwards(scene: Scene) -> None:
    a, b, c = scene.hosts(3)
    scene.writer.register("users", a)
    scene.writer.register("users", b)
    scene.writer.register("orders", a)
    envoy = scene.envoy(lambda config: add_cluster(config, "orders") if not scene.has_catalogue else None)
    envoy.has(a, b)
    envoy.has(a, cluster="orders")
    scene.reader.stop()
    elsewhere = scene.store.moved()
    elsewhere.deregister("users", a)
    elsewhere.weigh("users", b, 7)
    elsewhere.register("users", c)
    elsewhere.deregister("orders", a)
    elsewhere.register("people", c)
    elsewhere.stop()
    scene.store.reader.start()
    envoy.has(b, c, within=PATIENCE)
    assert envoy.about("weight") == {b.address: "7", c.address: "1"}
    envoy.has(cluster="orders")
    if scene.has_catalogue:
        envoy.has(c, cluster="people")


@one_node
@one_mode
def test_envoys_that_read_in_different_ways_have_the_same(scene: Scene) -> None:
    a, b = scene.hosts(2)
    scene.writer.register("users", a)
    port = scene.reader.port
    envoys = [scene.start(modes.bootstrap(mode, port)).ready() for mode in modes.ALL]
    for envoy in envoys:
        envoy.has(a)
    scene.writer.register("users", b, zone="us-east-1b", weight=5)
    for envoy in envoys:
        envoy.has(a, b, within=scene.bound)
    known = [{host: {**about, **COUNTERS} for host, about in envoy.hosts().items()} for envoy in envoys]
    assert known.count(known[0]) == len(known), known


# What differs from Envoy to Envoy.
COUNTERS = dict.fromkeys(["cx_active", "cx_connect_fail", "cx_total", "rq_active", "rq_error", "rq_success"], "")
COUNTERS |= dict.fromkeys(["rq_timeout", "rq_total"], "")


@one_node
def test_an_ipv6_host_is_called(scene: Scene) -> None:
    (four,), six = scene.hosts(1), scene.upstreams.host("::1")
    scene.writer.register("users", six)
    envoy = scene.envoy()
    envoy.has(six)
    assert envoy.tally(10) == {six.address: 10}
    scene.writer.register("users", four)
    envoy.has(four, six, within=scene.bound)
    scene.writer.deregister("users", six)
    envoy.has(four, within=scene.bound)


ODD = [
    "a b",
    "a/b:c",
    "a%2Fb",
    "users::x",
    "é-ü-日本",
    '"quoted"\\',
    "..",
    "*",
    "repo",
    "a?b#c",
    "x" * 255,
    "xdstp://authority/x",
    "discovery",
    "ingress",
]


@one_node
@with_catalogue
def test_odd_names_are_services_like_any_other_and_harm_none(scene: Scene) -> None:
    hosts = scene.hosts(len(ODD) + 2)
    scene.writer.register("users", hosts[0])
    for name, host in zip(ODD, hosts[2:], strict=True):
        scene.writer.register(name, host)
    envoy = scene.envoy()
    envoy.has(hosts[0])
    for name, host in zip(ODD, hosts[2:], strict=True):
        if name not in NEVER_CLUSTERS:
            envoy.has(host, cluster=name)
    scene.writer.register("users", hosts[1])
    envoy.has(hosts[0], hosts[1], within=scene.bound)
    scene.writer.register("zebras", hosts[1])
    until("a new service is a cluster", lambda: "zebras" in envoy.clusters(), scene.bound)
    envoy.has(hosts[1], cluster="zebras")
    assert envoy.get("a/b:c").body == hosts[2 + ODD.index("a/b:c")].address
    assert envoy.stat("cluster_manager.cds.update_rejected") == 0
    for kind in ["clusters", "endpoints"]:
        assert scene.reader.metric("discovery_xds_rejections_total", kind=kind) == 0


# One is Envoy's own static cluster, the other stands for all that there are.
NEVER_CLUSTERS = {"discovery", "*"}


@one_node
def test_a_host_moves_to_another_zone_and_to_another_port(scene: Scene) -> None:
    a, b = scene.hosts(2)
    moved = scene.upstreams.host(a.ip)
    scene.writer.register("users", a, zone="us-east-1a", weight=3)
    scene.writer.register("users", b, zone="us-east-1a")
    envoy = scene.envoy()
    envoy.has(a, b)
    scene.writer.register("users", a, zone="us-east-1b")
    until("it is in the other zone", lambda: envoy.about("zone")[a.address] == "us-east-1b", scene.bound)
    assert envoy.about("weight")[a.address] == "3"
    scene.writer.register("users", moved, zone="us-east-1b")
    envoy.has(moved, b, within=scene.bound)
    envoy.settles(lambda tally: tally.keys() == {moved.address, b.address})


@one_node
@with_catalogue
@pytest.mark.settings(XDS_REFRESH_DELAY="3")
def test_hundreds_of_services_arrive_and_each_change_alone(scene: Scene) -> None:
    a, b = scene.hosts(2)
    # Each cluster that polls sends 77 KB every time.
    count = 100 if scene.polls else 500
    for number in range(count):
        scene.writer.register(f"svc-{number}", a)
    envoy = scene.envoy()

    def services_with_hosts() -> int:
        return sum(f"::{a.address}::weight::" in line for line in envoy.lines())

    until("all are there", lambda: services_with_hosts() == count)
    scene.writer.register("svc-50", b)
    envoy.has(a, b, cluster="svc-50", within=scene.bound + (6 if scene.polls else 0))
    changes = [envoy.stat(f"cluster.svc-{number}.membership_change") for number in (49, 50, 51)]
    assert changes == [1, 2, 1]


@one_node
def test_a_service_of_a_thousand_hosts_arrives_whole(scene: Scene) -> None:
    hosts = [Host(f"10.0.{number // 250}.{number % 250 + 1}", 8080) for number in range(1000)]
    for host in hosts:
        scene.writer.register("users", host)
    envoy = scene.envoy()
    envoy.has(*hosts)
    scene.writer.deregister("users", hosts[500])
    envoy.has(*hosts[:500], *hosts[501:], within=scene.bound)


@one_node
def test_a_cluster_can_have_another_name_than_its_service(scene: Scene) -> None:
    (host,) = scene.hosts(1)
    scene.writer.register("users", host)

    def alias(config: Config) -> None:
        add_cluster(config, "people")["eds_cluster_config"]["service_name"] = "users"

    envoy = scene.envoy(alias)
    envoy.has(host, cluster="people")
    assert envoy.get("people").body == host.address


@one_node
def test_a_registry_that_hangs_takes_nothing_away(scene: Scene) -> None:
    a, b = scene.hosts(2)
    scene.writer.register("users", a)
    envoy = scene.envoy()
    envoy.has(a)
    with envoy.traffic() as traffic, scene.reader.hanging():
        traffic.flows(1000)
        envoy.has(a)
    scene.writer.register("users", b)
    envoy.has(a, b)


@two_nodes
def test_a_store_that_hangs_takes_nothing_away_even_if_the_registry_restarts_meanwhile(scene: Scene) -> None:
    a, b = scene.hosts(2)
    assert isinstance(scene.store, OneTable)
    scene.writer.register("users", a)
    envoy = scene.envoy()
    envoy.has(a)
    with envoy.traffic() as traffic:
        with scene.store.hanging():
            traffic.flows()
            scene.reader.kill()
            scene.store.reader.start(wait_for="/healthcheck")
            traffic.flows(1000)
            envoy.has(a)
        scene.writer.register("users", b)
        envoy.has(a, b)


@two_nodes
@pytest.mark.parametrize("mode", sorted(modes.REST), indirect=True)
def test_polls_that_go_to_two_nodes_in_turn_see_one_version(scene: Scene) -> None:
    a, b = scene.hosts(2)
    scene.writer.register("users", a)

    def both(config: Config) -> None:
        hosts = modes.cluster(config, "discovery")["load_assignment"]["endpoints"][0]["lb_endpoints"]
        address = {"socket_address": {"address": "127.0.0.1", "port_value": scene.writer.port}}
        hosts.append({"endpoint": {"address": address}})

    envoy = scene.envoy(both)
    envoy.has(a)
    nodes = [scene.reader, scene.writer]
    told, polls = counted(nodes, "200"), counted(nodes, "304")
    until(
        "both are polled",
        lambda: all(now > before + 3 for now, before in zip(counted(nodes, "304"), polls, strict=True)),
    )
    assert counted(nodes, "200") == told
    scene.writer.register("users", b)
    envoy.has(a, b, within=scene.bound)


def counted(nodes: list[Registry], status: str) -> list[int]:
    """How many polls each node has answered so."""
    return [node.metric("discovery_xds_polls_total", kind="endpoints", status=status) for node in nodes]
