"""Fails where a contract differs from the newest released one by more than its version says.

usage: gate.py CURRENT FOLDER_OF_RELEASED

What breaks a client needs the next major version, what is added the next minor one, better prose none. Redocly's diff
judges what goes over the wire; what SDKs make names of is judged here.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

LEVELS = ["none", "minor", "major"]
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
# What people read: changing it changes no client.
PROSE = {"description", "summary", "example", "examples", "externalDocs"}
PROSE_TYPES = {"Info", "Contact", "License", "Tag"}
# What generators make a type of, where the rest of a schema is prose, a bound, or fields, which are judged one by one.
SHAPE = {"$ref", "type", "format", "title", "items", "additionalProperties", "allOf", "anyOf", "oneOf"}
SHAPE |= {"enum", "nullable", "readOnly", "writeOnly", "uniqueItems", "default"}


def diff(released: Path, current: Path) -> list[dict[str, Any]]:
    """Every change as Redocly sees it."""
    command = ["redocly", "diff", str(released), str(current), "--format=json", "--fail-on=none"]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        sys.exit(answer.stderr)
    changes: list[dict[str, Any]] = json.loads(answer.stdout)["changes"]
    return changes


def level(change: dict[str, Any]) -> str:
    """What a change asks of the version."""
    if change["impact"] != "patch":
        return str(change["impact"])
    is_prose = change.get("property") in PROSE or change["typeName"] in PROSE_TYPES
    return "none" if is_prose else "minor"


def described(change: dict[str, Any]) -> str:
    verdicts = "; ".join(verdict["message"] for verdict in change["verdicts"])
    what = f"{change.get('property', change['typeName'])} {change['kind']}"
    return f"{change['path']}: {verdicts or what}"


def operations(contract: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Every operation with its parameters, those of its path included."""
    for item in contract["paths"].values():
        for method in METHODS & item.keys():
            yield item[method], item.get("parameters", []) + item[method].get("parameters", [])


def names(contract: dict[str, Any]) -> Iterator[str]:
    """What generators make classes, methods, arguments and fields of."""
    for operation, parameters in operations(contract):
        name = f"operation {operation['operationId']}"
        yield name
        yield from (f"{name} in the group {tag}" for tag in operation["tags"])
        yield from (f"{name}, parameter {parameter['name']}" for parameter in parameters)
    for schema, content in contract["components"]["schemas"].items():
        yield f"schema {schema}"
        yield from (f"schema {schema}, field {field}" for field in content.get("properties", ()))


def orders(contract: dict[str, Any]) -> dict[str, list[str]]:
    """What generators make arguments and classes of, in whose order programs pass them."""
    found = {}
    for operation, parameters in operations(contract):
        found[f"the parameters of {operation['operationId']}"] = [parameter["name"] for parameter in parameters]
        found[f"the groups of {operation['operationId']}"] = operation["tags"]
    for schema, content in contract["components"]["schemas"].items():
        found[f"the fields of {schema}"] = list(content.get("properties", ()))
        found[f"the required fields of {schema}"] = content.get("required", [])
    return found


def reordered(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """What stands in another order than before, new names aside."""
    now = orders(after)
    for what, names_before in orders(before).items():
        kept = [name for name in names_before if name in now.get(what, ())]
        if kept != [name for name in now.get(what, ()) if name in kept]:
            yield f"{what} have another order"


def shape(schema: Any) -> Any:
    """What generators make a type of in a schema."""
    if isinstance(schema, list):
        return [shape(part) for part in schema]
    if isinstance(schema, dict):
        return {name: shape(schema[name]) for name in sorted(SHAPE & schema.keys())}
    return schema


def content(body: dict[str, Any]) -> list[Any]:
    """The media types of a body in their order, each with its type: generators take the first that they know."""
    return [[media_type, shape(about.get("schema"))] for media_type, about in body.get("content", {}).items()]


def promises(contract: dict[str, Any]) -> Iterator[str]:
    """What clients rely on beside names: what is always there, what is assumed, and what has which type."""
    yield f"the title {contract['info']['title']}"
    for operation, parameters in operations(contract):
        name = f"operation {operation['operationId']}"
        yield from (f"{name}{promise}" for promise in operation_promises(operation, parameters))
    for schema, about in contract["components"]["schemas"].items():
        yield f"schema {schema}: the type {shape(about)}"
        for field, type_ in about.get("properties", {}).items():
            yield f"schema {schema}, field {field}: the type {shape(type_)}"


def operation_promises(operation: dict[str, Any], parameters: list[dict[str, Any]]) -> Iterator[str]:
    """What clients rely on in an operation."""
    body = operation.get("requestBody", {})
    yield f": {operation['tags'][0]} as its first group"
    yield f": {content(body)} as a body that {'must' if body.get('required') else 'may'} be sent"
    yield f": {[status for status in operation['responses'] if status.startswith('2')]} as all its successes"
    yield from (f", parameter {about['name']}: the type {shape(about.get('schema'))}" for about in parameters)
    for status, answer in operation["responses"].items():
        yield f", answer {status}: the content {content(answer)}"
        headers = answer.get("headers", {}).items()
        yield from (f", answer {status}: the header {header}" for header, about in headers if about.get("required"))


def known_values(contract: dict[str, Any]) -> Iterator[str]:
    """The values that answers have so far, where they may have others later."""
    for schema, content in contract["components"]["schemas"].items():
        yield from (f"schema {schema}, value {value}" for value in content.get("x-extensible-enum", ()))


def changes(released: Path, current: Path) -> dict[str, list[str]]:
    """What has changed, by what it asks of the version."""
    before, after = (yaml.safe_load(path.read_text()) for path in (released, current))
    lost = sorted(set(names(before)) - set(names(after)))
    values = sorted(set(known_values(before)) ^ set(known_values(after)))
    by_level: dict[str, list[str]] = {name: [] for name in LEVELS}
    broken = sorted(set(promises(before)) - set(promises(after)))
    by_level["major"] = [f"{name} is gone or has another name" for name in lost]
    by_level["major"] += [*(f"{promise} is gone" for promise in broken), *reordered(before, after)]
    by_level["minor"] = [f"{value} is new or gone" for value in values]
    for change in diff(released, current):
        by_level[level(change)].append(described(change))
    return by_level


def version(contract: Path) -> list[int]:
    text: str = yaml.safe_load(contract.read_text())["info"]["version"]
    return [int(part) for part in text.split(".")]


def raised(released: Path, current: Path) -> str:
    """Which part of the version was raised."""
    before, after = version(released), version(current)
    if after < before:
        sys.exit(f"info.version {after} is before the released {before}")
    return "major" if after[0] > before[0] else "minor" if after[1] > before[1] else "none"


def compare(released: Path, current: Path) -> None:
    found = changes(released, current)
    needed = max((name for name in LEVELS if found[name]), key=LEVELS.index, default="none")
    for change in found["major"] + found["minor"]:
        print(f"  {change}")
    if LEVELS.index(raised(released, current)) < LEVELS.index(needed):
        sys.exit(f"since {released} there are {needed} changes: API_VERSION needs the next {needed} version")
    print(f"{current} may follow {released}")


def main(current: Path, folder: Path) -> None:
    released = sorted(folder.glob("*.yaml"), key=version)
    if released:
        compare(released[-1], current)
    else:
        print(f"{folder} holds no contract to compare with")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
