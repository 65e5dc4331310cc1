"""Every operation that a client team uses, through the client that openapi-generator makes for Python."""

import os
from typing import Callable

from discovery_client import (
    ApiClient,
    ApiException,
    Configuration,
    DiscoveryError,
    HistoryApi,
    HostEvent,
    HostRegistration,
    LoadBalancingApi,
    RegistrationApi,
    RegistrationTags,
    Weight,
)

client = ApiClient(Configuration(host=os.environ["DISCOVERY_URL"]))
registration = RegistrationApi(client)
balancing = LoadBalancingApi(client)
history = HistoryApi(client)

SERVICE, REPO, ADDRESS = "sdk-python", "sdk-python-repo", "10.0.0.1"
TAGS = RegistrationTags(
    az="us-east-1a", region="us-east-1", instance_id="i-1", additional_properties={"rack": "r7"}
)


def host(ip: str | None = ADDRESS) -> HostRegistration:
    return HostRegistration(ip=ip, port=8080, revision="4f1c2d9", service_repo_name=REPO, tags=TAGS)


def refused(call: Callable[[], object]) -> tuple[int, DiscoveryError]:
    try:
        call()
    except ApiException as error:
        assert isinstance(error.data, DiscoveryError), error.data
        assert isinstance(error.status, int)
        return error.status, error.data
    raise AssertionError("the call was not refused")


def weight() -> int | None:
    return registration.list_hosts(SERVICE).hosts[0].tags.load_balancing_weight


registration.register_host(SERVICE, host())
registration.register_host(SERVICE, host())
listed = registration.list_hosts(SERVICE)
assert [(h.ip_address, h.port, h.tags.az) for h in listed.hosts] == [(ADDRESS, 8080, "us-east-1a")], listed
assert listed.hosts[0].tags.additional_properties == {"rack": "r7"}, listed
by_repo = registration.list_hosts_by_repo(REPO)
assert [h.service for h in by_repo.hosts] == [SERVICE], by_repo

balancing.set_host_weight(SERVICE, ADDRESS, Weight(load_balancing_weight=20))
assert weight() == 20
balancing.set_service_weight(SERVICE, Weight(load_balancing_weight=30))
assert weight() == 30

status, error = refused(lambda: registration.register_host(SERVICE, host(ip=None)))
assert status == 400 and error.fields is not None and "ip" in error.fields, error
status, error = refused(
    lambda: balancing.set_host_weight(SERVICE, "10.0.0.9", Weight(load_balancing_weight=20))
)
assert status == 404 and error.error == "host not found", error

# This generator raises on a 304, as on every status that is not 2xx.
answer = registration.list_hosts_with_http_info(SERVICE)
assert answer.headers is not None
try:
    registration.list_hosts(SERVICE, if_none_match=answer.headers["etag"])
    raise AssertionError("the list was sent again")
except ApiException as unchanged:
    assert unchanged.status == 304, unchanged

later = HostEvent.from_json('{"at": "2026-11-22T12:56:52.129669Z", "ip_address": "10.0.0.1", "event": "later", "added": 1}')
assert later is not None and later.event == "later", later

registration.deregister_host(SERVICE, ADDRESS)
assert registration.list_hosts(SERVICE).hosts == []
status, error = refused(lambda: registration.deregister_host(SERVICE, ADDRESS))
assert status == 400 and error.error == "host not found" and error.fields is None, error

(event,) = history.list_host_history(SERVICE, ADDRESS, limit=1).events
assert event.event == "deregistered" and event.at.tzinfo is not None, event
