"""The ways in which an Envoy reads the registry, made from the bootstraps of the README."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from proxy import Config
from registry import REFRESH_DELAY

DOCS = Path(__file__).parents[2] / "docs/envoy"

REST = {"rest-eds", "rest-cds-eds"}
# Where the catalogue decides which clusters there are.
WITH_CLUSTERS = {"rest-cds-eds", "ads-sotw", "ads-delta"}
ALL = ["rest-eds", "rest-cds-eds", "ads-sotw", "ads-delta"]
# Which bootstrap of the README it is, but for the kind of its stream.
PRINTED = {"ads-sotw": "ads-delta"}


def printed(name: str) -> Config:
    """A bootstrap as the README has it."""
    config: Config = yaml.safe_load((DOCS / f"{name}.yaml").read_text())
    return config


def bootstrap(mode: str, registry_port: int) -> Config:
    """A bootstrap for a mode: free ports, and polls as often as a test wants them."""
    config = at_registry(printed(PRINTED.get(mode, mode)), registry_port)
    if mode == "ads-sotw":
        config["dynamic_resources"]["ads_config"]["api_type"] = "GRPC"
    return config


def at_registry(config: Config, port: int) -> Config:
    """The same bootstrap for a registry at another port, and itself on free ones."""
    for socket in each(config, "socket_address"):
        socket["port_value"] = 0
    for source in each(config, "api_config_source"):
        source["refresh_delay"] = f"{REFRESH_DELAY}s"
    for host in each(cluster(config, "discovery"), "socket_address"):
        host["port_value"] = port
    return config


def cluster(config: Config, name: str) -> Config:
    """A static cluster of a bootstrap."""
    clusters: list[Config] = config["static_resources"]["clusters"]
    return next(cluster for cluster in clusters if cluster["name"] == name)


def add_cluster(config: Config, name: str, source: Config | None = None) -> Config:
    """Adds a static cluster, and the route to it, whose hosts come from a source, by default in the way of the mode.
    Envoy would wait ten minutes for hosts that never come."""
    eds = {"initial_fetch_timeout": "600s", "resource_api_version": "V3"} | (source or source_of(config))
    added = {"name": name, "type": "EDS", "connect_timeout": "1s", "eds_cluster_config": {"eds_config": eds}}
    config["static_resources"]["clusters"].append(added)
    routes(config)[:] = [{"match": {"prefix": "/"}, "route": {"cluster_header": "x-service"}}]
    return added


def source_of(config: Config) -> Config:
    """Where a bootstrap's clusters find their hosts."""
    if "ads_config" in config.get("dynamic_resources", {}):
        return {"ads": {}}
    return {"api_config_source": next(each(config, "api_config_source"))}


def routes(config: Config) -> list[Config]:
    """The routes of the listener of a bootstrap."""
    route_config: Config = next(each(config, "route_config"))
    found: list[Config] = route_config["virtual_hosts"][0]["routes"]
    return found


def canary_routes(config: Config) -> None:
    """Gives a bootstrap the routes of the README's example, and its static clusters the subsets of the others."""
    routes(config)[:] = routes(printed("canary"))
    for added in config["static_resources"]["clusters"]:
        if added["type"] == "EDS":
            keys = {"fallback_policy": "ANY_ENDPOINT", "subset_selectors": [{"keys": ["canary"]}]}
            added.setdefault("lb_subset_config", keys)


def each(tree: Any, key: str) -> Iterator[Any]:
    """Every value of that key, however deep."""
    if isinstance(tree, list):
        for item in tree:
            yield from each(item, key)
    elif isinstance(tree, dict):
        for name, value in tree.items():
            if name == key:
                yield value
            yield from each(value, key)
