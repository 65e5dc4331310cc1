"""Where the hosts are: one node with its own file, or two nodes that share a table."""

import itertools
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import web
from processes import Process
from registry import BUILT, Registry

TABLE = "hosts"


class Store:
    """The node that Envoys read from, and the one that hosts and operators write to."""

    def __init__(self, folder: Path, settings: dict[str, str], stack: ExitStack) -> None:
        self._folder = folder
        self._settings = settings
        self._stack = stack
        self._count = itertools.count()
        self.reader, self.writer = self.nodes()

    def nodes(self) -> tuple[Registry, Registry]:
        raise NotImplementedError

    def moved(self) -> Registry:
        """The node to read from, which must not run, at another port."""
        moved = self.reader.moved()
        self._stack.callback(moved.end)
        moved.start()
        return moved

    def node(self, settings: dict[str, str]) -> Registry:
        node = Registry(self._folder / f"node-{next(self._count)}", settings | self._settings)
        self._stack.callback(node.end)
        return node


class OneFile(Store):
    """One node, with its hosts in a file."""

    def nodes(self) -> tuple[Registry, Registry]:
        node = self.node({"BACKEND_STORAGE": "InFile"})
        node.start()
        return node, node


class OneTable(Store):
    """Two nodes on one table of an emulated DynamoDB. The one that Envoys read from is started by the test."""

    def nodes(self) -> tuple[Registry, Registry]:
        self._emulator, address = emulator(self._folder / "emulator", self._stack)
        self._address = address
        settings = {
            "BACKEND_STORAGE": "DynamoDB",
            "DYNAMODB_TABLE_HOSTS": TABLE,
            "DYNAMODB_URL": f"http://{address}",
            "DYNAMODB_CREATE_TABLES_IN_APP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        writer = self.node(settings)
        writer.start()
        return self.node(settings), writer

    def hanging(self) -> AbstractContextManager[None]:
        """Has DynamoDB do nothing for a while."""
        return self._emulator.hanging()

    def put(self, item: dict[str, dict[str, str]]) -> None:
        """Puts an item into the table, whatever it is."""
        headers = {
            "X-Amz-Target": "DynamoDB_20120810.PutItem",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request,"
            " SignedHeaders=host, Signature=0",
            "X-Amz-Date": "20260101T000000Z",
            "Content-Type": "application/x-amz-json-1.0",
        }
        connection = web.Connection(self._address)
        answer = connection.ask("POST", "/", json.dumps({"TableName": TABLE, "Item": item}), headers)
        connection.close()
        assert answer.status == 200, answer


def emulator(log: Path, stack: ExitStack) -> tuple[Process, str]:
    """Starts an empty DynamoDB, and says where it listens."""
    process = Process([str(BUILT / "debug/examples/emulator")], log)
    stack.callback(process.kill)
    url = process.until("the emulator listens", lambda: process.said().strip())
    return process, url.removeprefix("http://")


STORES = {"InFile": OneFile, "DynamoDB": OneTable}


@contextmanager
def opened(name: str, folder: Path, settings: dict[str, str]) -> Iterator[Store]:
    """Opens a store whose nodes have these settings besides."""
    with ExitStack() as stack:
        yield STORES[name](folder, settings, stack)
