"""The gate lets through what a client survives, and nothing else."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import gate
import pytest
import yaml

CONTRACT = Path(__file__).parents[2] / "openapi/openapi.yaml"
Contract = dict[str, Any]


def at(contract: Contract, *path: str) -> Any:
    for name in path:
        contract = contract[name]
    return contract


def without(*path: str) -> Callable[[Contract], None]:
    def edit(contract: Contract) -> None:
        *parents, name = path
        parent = at(contract, *parents)
        del parent[name]
        if parents[-1] == "properties":
            required = at(contract, *parents[:-1]).get("required", [])
            required[:] = [field for field in required if field != name]

    return edit


def with_(value: object, *path: str) -> Callable[[Contract], None]:
    def edit(contract: Contract) -> None:
        *parents, name = path
        at(contract, *parents)[name] = deepcopy(value)

    return edit


def moved(to: str, *path: str) -> Callable[[Contract], None]:
    def edit(contract: Contract) -> None:
        *parents, name = path
        parent = at(contract, *parents)
        parent[to] = parent.pop(name)

    return edit


def required(field: str, *path: str) -> Callable[[Contract], None]:
    return lambda contract: at(contract, *path, "required").append(field)


def optional(field: str, *path: str) -> Callable[[Contract], None]:
    return lambda contract: at(contract, *path, "required").remove(field)


def turned(*path: str) -> Callable[[Contract], None]:
    def edit(contract: Contract) -> None:
        *parents, name = path
        what = at(contract, *path)
        turned_round = what[::-1] if isinstance(what, list) else dict(reversed(what.items()))
        at(contract, *parents)[name] = turned_round

    return edit


def another_default(contract: Contract) -> None:
    parameters = at(contract, *HISTORY, "parameters")
    next(parameter for parameter in parameters if parameter["name"] == "limit")["schema"]["default"] = 10


def schema_renamed(contract: Contract) -> None:
    renamed = yaml.safe_load(yaml.safe_dump(contract).replace("schemas/Host'", "schemas/Machine'"))
    contract.clear()
    contract.update(renamed)
    moved("Machine", "components", "schemas", "Host")(contract)


def path_parameter_renamed(contract: Contract) -> None:
    item = contract["paths"].pop(SERVICE[1])
    contract["paths"]["/v1/registration/{name}"] = item
    for operation in item.values():
        for parameter in operation["parameters"]:
            if parameter["name"] == "service":
                parameter["name"] = "name"


def inlined(*path: str) -> Callable[[Contract], None]:
    """What a reference points at, in its place."""

    def edit(contract: Contract) -> None:
        *parents, name = path
        schema = at(contract, *path)["$ref"].split("/")[-1]
        at(contract, *parents)[name] = deepcopy(at(contract, "components", "schemas", schema))

    return edit


def another_schema(contract: Contract) -> None:
    contract["components"]["schemas"]["Hosts"] = at(contract, "components", "schemas", "HostList")
    at(contract, *LISTED, "application/json")["schema"] = {"$ref": "#/components/schemas/Hosts"}


def first(name: str, value: object, *path: str) -> Callable[[Contract], None]:
    """A new member before the others."""

    def edit(contract: Contract) -> None:
        *parents, last = path
        at(contract, *parents)[last] = {name: deepcopy(value), **at(contract, *path)}

    return edit


SERVICE = ("paths", "/v1/registration/{service}")
LIST = (*SERVICE, "get")
REGISTER = (*SERVICE, "post")
HISTORY = ("paths", "/v1/history/{service}/{ip_address}", "get")
LISTED = (*LIST, "responses", "200", "content")
BODY = (*REGISTER, "requestBody")
WEIGHT = ("paths", "/v1/loadbalancing/{service}", "post", "responses")
HOST = ("components", "schemas", "Host")
REGISTRATION = ("components", "schemas", "HostRegistration")
TAGS = ("components", "schemas", "HostTags")
STORE = ("components", "schemas", "StoreStatus")
FIELD = {"type": "string"}
TEXT = {"schema": FIELD}
ANSWER = {"description": "no", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/DiscoveryError"}}}}

CASES = {
    "nothing": ("none", lambda contract: None),
    "better prose": ("none", with_("More of it", *LIST, "description")),
    "another example": ("none", with_(9090, *HOST, "properties", "port", "example")),
    "a new field in a request": ("minor", with_(FIELD, *REGISTRATION, "properties", "zone")),
    "a new field in an answer": ("minor", with_(FIELD, *HOST, "properties", "zone")),
    "a new refusal": ("minor", with_(ANSWER, *REGISTER, "responses", "409")),
    "a new operation": ("minor", with_({"get": {"operationId": "x", "tags": ["Home"], "responses": {"200": ANSWER}}}, "paths", "/x")),
    "a wider request": ("minor", with_(9000, *REGISTRATION, "properties", "revision", "maxLength")),
    "a new field that must be sent": ("major", required("service_repo_name", *REGISTRATION)),
    "a field that may no longer be sent": ("major", without(*REGISTRATION, "properties", "auto_ip")),
    "a narrower request": ("major", with_(100, *REGISTRATION, "properties", "revision", "maxLength")),
    "a wider answer": ("major", with_(100_000, *HOST, "properties", "port", "maximum")),
    "a new value in an answer": ("minor", with_(["ok", "failing", "new"], *STORE, "x-extensible-enum")),
    "a field gone from an answer": ("major", without(*HOST, "properties", "revision")),
    "a field that may be left out of an answer": ("major", optional("revision", *HOST)),
    "another type": ("major", with_(FIELD, *HOST, "properties", "port")),
    "fields of an error of another type": ("major", with_(FIELD, "components", "schemas", "DiscoveryError", "properties", "fields")),
    "no operation": ("major", without(*REGISTER)),
    "another success": ("major", moved("201", *REGISTER, "responses", "200")),
    "no 304": ("major", without(*LIST, "responses", "304")),
    "no ETag": ("major", without(*LIST, "responses", "200", "headers", "ETag")),
    "another media type": ("major", moved("text/plain", *LIST, "responses", "200", "content", "application/json")),
    "another name of an operation": ("major", with_("hosts", *LIST, "operationId")),
    "another group": ("major", with_(["Health"], *LIST, "tags")),
    "another name of a schema": ("major", schema_renamed),
    "another name of a parameter": ("major", path_parameter_renamed),
    "parameters in another order": ("major", turned(*HISTORY, "parameters")),
    "fields in another order": ("major", turned("components", "schemas", "RegistrationTags", "properties")),
    "required fields in another order": ("major", turned("components", "schemas", "RegistrationTags", "required")),
    "a header that may be left out": ("major", with_(False, *LIST, "responses", "200", "headers", "ETag", "required")),
    "another default": ("major", another_default),
    "another title": ("major", with_("Registry", "info", "title")),
    "another title of a schema": ("major", with_("Hosts", "components", "schemas", "HostList", "title")),
    "a schema in the place of a reference to it": ("major", inlined(*LISTED, "application/json", "schema")),
    "a reference to another schema of the same shape": ("major", another_schema),
    "a field in the place of a reference to it": ("major", inlined(*HOST, "properties", "tags")),
    "a new format": ("major", with_("date-time", *HOST, "properties", "last_check_in", "format")),
    "no format": ("major", without("components", "schemas", "HostEvent", "properties", "at", "format")),
    "another media type of an answer": ("major", with_(TEXT, *LISTED, "text/plain")),
    "another media type of an answer before the others": ("major", first("text/plain", TEXT, *LISTED)),
    "another media type of a request": ("major", with_(TEXT, *BODY, "content", "text/plain")),
    "another media type of a request before the others": ("major", first("text/plain", TEXT, *BODY, "content")),
    "another success beside the first": ("major", with_(ANSWER, *REGISTER, "responses", "202")),
    "a body where there was none": ("major", with_(ANSWER["content"], *WEIGHT, "204", "content")),
    "a group beside the first": ("minor", with_(["Registration", "Health"], *LIST, "tags")),
    "a group before the first": ("major", with_(["Health", "Registration"], *LIST, "tags")),
    "a request whose body may be left out": ("major", with_(False, *BODY, "required")),
    "a field that may not be sent": ("major", with_(True, *REGISTRATION, "properties", "revision", "readOnly")),
    "a field that is not answered": ("major", with_(True, *HOST, "properties", "revision", "writeOnly")),
    "no tags but those that are known in an answer": ("major", without(*TAGS, "additionalProperties")),
    "tags of one type in an answer": ("major", with_(FIELD, *TAGS, "additionalProperties")),
    "values that were open, and are all there are": ("major", with_(["ok", "failing"], *STORE, "enum")),
    "credentials that must be sent": ("major", with_([{"token": []}], "security")),
}


@pytest.mark.parametrize("name", CASES)
def test_a_change_asks_for_the_version_it_deserves(name: str, tmp_path: Path) -> None:
    wanted, edit = CASES[name]
    contract = yaml.safe_load(CONTRACT.read_text())
    contract["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    released, current = tmp_path / "released.yaml", tmp_path / "current.yaml"
    released.write_text(yaml.safe_dump(contract, sort_keys=False))
    edit(contract)
    current.write_text(yaml.safe_dump(contract, sort_keys=False))
    found = gate.changes(released, current)
    highest = [level for level in gate.LEVELS if found[level]][-1:] or ["none"]
    assert highest == [wanted], found


@pytest.mark.parametrize(
    ("version", "passes"), [("1.2.3", False), ("1.2.4", False), ("1.3.0", False), ("2.0.0", True), ("0.9.0", False)]
)
def test_a_break_passes_with_the_next_major_version_alone(version: str, passes: bool, tmp_path: Path) -> None:
    contract = yaml.safe_load(CONTRACT.read_text())
    contract["info"]["version"] = "1.2.3"
    released, current = tmp_path / "released.yaml", tmp_path / "current.yaml"
    released.write_text(yaml.safe_dump(contract, sort_keys=False))
    without(*REGISTER)(contract)
    contract["info"]["version"] = version
    current.write_text(yaml.safe_dump(contract, sort_keys=False))
    if passes:
        gate.compare(released, current)
    else:
        with pytest.raises(SystemExit):
            gate.compare(released, current)


def test_no_break_of_what_is_released_passes(tmp_path: Path) -> None:
    folder = CONTRACT.parent / "released"
    newest = max(folder.glob("*.yaml"), key=gate.version)
    gate.main(newest, folder)
    contract = yaml.safe_load(newest.read_text())
    without(*REGISTER)(contract)
    broken = tmp_path / "broken.yaml"
    broken.write_text(yaml.safe_dump(contract))
    with pytest.raises(SystemExit, match="needs the next major version"):
        gate.main(broken, folder)
