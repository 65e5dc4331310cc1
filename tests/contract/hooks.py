"""What schemathesis is told about the registry beyond its contract and schemathesis.toml."""

from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response
from schemathesis.core.failures import AcceptedNegativeData, Failure

REGISTER = "POST /v1/registration/{service}"
# A discovery request asks for one kind of resource, the one of its path, and for endpoints by name.
WRONG_DISCOVERY = ("type_url must be ", "resource_names must ")
SERVICE = {"service": "$request.path.service"}
HOST = {**SERVICE, "ip_address": "$request.body#/ip"}
# What makes sense after a registration, so that the stateful phase walks through the life of a host.
AFTER_REGISTRATION = {
    "listHosts": SERVICE,
    "setServiceWeight": SERVICE,
    "setHostWeight": HOST,
    "listHostHistory": HOST,
    "releaseGuard": SERVICE,
    "deregisterHost": HOST,
}
AFTER_DEREGISTRATION = {"listHosts": SERVICE, "setHostWeight": {**SERVICE, "ip_address": "$request.path.ip_address"}}


def links(operations: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {name: {"operationId": name, "parameters": parameters} for name, parameters in operations.items()}


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    paths = raw_schema["paths"]
    register = paths["/v1/registration/{service}"]["post"]
    deregister = paths["/v1/registration/{service}/{ip_address}"]["delete"]
    register["responses"]["200"]["links"] = links(AFTER_REGISTRATION)
    deregister["responses"]["200"]["links"] = links(AFTER_DEREGISTRATION)


@schemathesis.check
def valid_requests_are_refused_for_a_reason(ctx: CheckContext, response: Response, case: Case) -> None:
    """A request that follows the contract is 400 only for what a schema that generators understand can't say.

    Links of the stateful phase bring names that do not follow it: those of requests that were refused.
    """
    if response.status_code == 400 and case.meta is not None and case.meta.generation.mode.is_positive:
        answer = response.json()
        is_reason = (
            " bytes" in answer["error"]
            or "control characters" in answer["error"]
            or (case.operation.method == "delete" and answer["error"] == "host not found")
            or (case.operation.label == REGISTER and "ip" not in case.body and list(answer["fields"]) == ["ip"])
            or (case.operation.path.startswith("/v3/") and answer["error"].startswith(WRONG_DISCOVERY))
        )
        assert is_reason, f"refused: {answer}"


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Passes over what is right although the contract can't say so."""
    return not (is_repo_deregistered(failure, case, response) or is_null_left_out(failure, case))


def is_repo_deregistered(failure: Failure, case: Case, response: Response) -> bool:
    """A host of a service called "repo" can be deregistered, which the contract shows under another path."""
    is_repo = case.operation.path == "/v1/registration/repo/{service_repo_name}"
    is_delete = response.request.method == "DELETE" or getattr(failure, "undocumented_methods", None) == ["DELETE"]
    return is_repo and is_delete


def is_null_left_out(failure: Failure, case: Case) -> bool:
    """In the JSON of protocol buffers, a field that is null is one that is left out; many clients register hosts so."""
    is_accepted = isinstance(failure, AcceptedNegativeData)
    takes_null = case.operation.label == REGISTER or case.operation.path.startswith("/v3/")
    return is_accepted and takes_null and holds_null(case.body)


def holds_null(value: object) -> bool:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return value is None or any(holds_null(member) for member in members)
