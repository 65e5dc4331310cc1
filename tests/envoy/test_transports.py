"""Other ways to ask than those of the bootstraps: a stream for each kind of resource, and polls over HTTP/2."""

from collections.abc import Callable

import modes
import pytest
from modes import add_cluster
from proxy import Config
from scene import Scene
from waiting import until

pytestmark = [
    pytest.mark.parametrize("store", ["InFile"], indirect=True),
    pytest.mark.parametrize("mode", ["ads-delta"], indirect=True),
]

HTTP2: Config = {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
}


def own_stream(api_type: str) -> Config:
    """The source of resources that come on a stream for their kind."""
    grpc = {"api_type": api_type, "grpc_services": [{"envoy_grpc": {"cluster_name": "discovery"}}]}
    return {"api_config_source": grpc | {"transport_api_version": "V3"}, "resource_api_version": "V3"}


@pytest.mark.parametrize("api_type", ["GRPC", "DELTA_GRPC"])
@pytest.mark.parametrize("kinds", ["endpoints", "clusters and endpoints"])
def test_each_kind_can_have_a_stream_of_its_own(scene: Scene, api_type: str, kinds: str) -> None:
    def own_streams(config: Config) -> None:
        if kinds == "endpoints":
            del config["dynamic_resources"]
            add_cluster(config, "users", own_stream(api_type))
        else:
            config["dynamic_resources"] = {"cds_config": own_stream(api_type)}

    come_and_go(scene, own_streams)


def test_polls_can_go_over_http_2(scene: Scene) -> None:
    def polls_over_http_2(config: Config) -> None:
        config.clear()
        config.update(modes.bootstrap("rest-cds-eds", scene.reader.port))
        modes.cluster(config, "discovery")["typed_extension_protocol_options"] = HTTP2

    come_and_go(scene, polls_over_http_2)


def come_and_go(scene: Scene, change: Callable[[Config], None]) -> None:
    a, b = scene.hosts(2)
    scene.writer.register("users", a, weight=3, canary=True)
    envoy = scene.envoy(change)
    envoy.has(a)
    assert (envoy.about("weight"), envoy.about("canary")) == ({a.address: "3"}, {a.address: "true"})
    scene.writer.register("users", b)
    envoy.has(a, b, within=scene.bound)
    scene.reader.stop()
    scene.store.reader.start()
    scene.writer.deregister("users", a)
    envoy.has(b)
    until("it is called", lambda: envoy.get().body == b.address)
    scene.writer.deregister("users", b)
    envoy.has(within=scene.bound)
