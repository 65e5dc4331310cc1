"""Where requests go."""

from collections import Counter
from collections.abc import Callable
from math import sqrt

import pytest
from modes import add_cluster, canary_routes
from scene import Scene
from upstreams import Host
from waiting import until

REQUESTS = 1000


def follow(weights: dict[Host, int]) -> Callable[[Counter[str]], bool]:
    """Whether each host got its share of requests, give or take what happens once in 100,000 times."""

    def follows(tally: Counter[str]) -> bool:
        count, total = tally.total(), sum(weights.values())
        for host, weight in weights.items():
            share = weight / total
            slack = 4.4 * sqrt(count * share * (1 - share))
            if abs(tally[host.address] - count * share) > slack:
                return False
        return tally.keys() <= {host.address for host in weights}

    return follows


def test_requests_follow_weights(scene: Scene) -> None:
    a, b, c = scene.hosts(3)
    weights = {a: 10, b: 30, c: 60}
    for host, weight in weights.items():
        scene.writer.register("users", host, weight=weight)
    envoy = scene.envoy()
    envoy.has(a, b, c)
    envoy.settles(follow(weights), REQUESTS)


def test_a_weight_change_shifts_traffic(scene: Scene) -> None:
    a, b = scene.hosts(2)
    scene.writer.register("users", a, weight=50)
    scene.writer.register("users", b, weight=50)
    envoy = scene.envoy()
    envoy.has(a, b)
    envoy.settles(follow({a: 50, b: 50}), REQUESTS)
    scene.writer.weigh("users", a, 10)
    scene.writer.weigh("users", b, 90)
    wanted = {a.address: "10", b.address: "90"}
    until("the new weights are there", lambda: envoy.about("weight") == wanted, scene.bound)
    envoy.settles(follow({a: 10, b: 90}), REQUESTS)


def test_a_route_picks_the_canary_or_all_others(scene: Scene) -> None:
    a, b, canary = scene.hosts(3)
    scene.writer.register("users", a, weight=20)
    scene.writer.register("users", b, weight=80)
    scene.writer.register("users", canary, canary=True)
    envoy = scene.envoy(canary_routes)
    envoy.has(a, b, canary)
    envoy.settles(lambda tally: tally.keys() == {canary.address}, 200, x_canary="true")
    envoy.settles(follow({a: 20, b: 80}), REQUESTS)
    scene.writer.register("users", b, canary=True)
    until("there is another canary", lambda: envoy.about("canary")[b.address] == "true", scene.bound)
    envoy.settles(lambda tally: tally.keys() == {b.address, canary.address}, x_canary="true")
    envoy.settles(lambda tally: tally.keys() == {a.address})


def test_deregistering_under_load_fails_no_request(scene: Scene) -> None:
    hosts = scene.hosts(4)
    for host in hosts:
        scene.writer.register("users", host)
    envoy = scene.envoy()
    envoy.has(*hosts)
    with envoy.traffic() as traffic:
        for gone in range(1, len(hosts)):
            scene.writer.deregister("users", hosts[gone - 1])
            envoy.has(*hosts[gone:], within=scene.bound)
            traffic.flows()
        assert traffic.answers.keys() == {host.address for host in hosts}


@pytest.mark.parametrize("mode", ["rest-cds-eds", "ads-sotw", "ads-delta"], indirect=True)
def test_a_new_service_is_a_cluster_that_can_be_used(scene: Scene) -> None:
    old, new = scene.hosts(2)
    scene.writer.register("users", old)
    envoy = scene.envoy(lambda config: add_cluster(config, "static"))
    envoy.has(old)
    assert envoy.get("orders").status == 503
    scene.writer.register("orders", new)
    until("the new service answers", lambda: envoy.get("orders").status == 200, scene.bound)
    assert envoy.tally(10, "orders") == {new.address: 10}
    scene.writer.deregister("users", old)
    envoy.has(within=scene.bound)
    assert {"users", "orders", "static"} <= envoy.clusters(), "a cluster stays when its hosts have gone"
