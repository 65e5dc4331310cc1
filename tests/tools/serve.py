"""Runs a command beside a server of its own, whose address the command finds in DISCOVERY_URL.

usage: serve.py STORAGE COMMAND...

STORAGE is InMemory, InFile or DynamoDB (emulated); the server is target/debug/discovery, or what DISCOVERY_BINARY names.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

BUILT = Path(__file__).parents[2] / "target/debug"
PATIENCE = 20


@contextmanager
def running(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    """A process that is told to stop at the end, and must."""
    process = subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def address(server: subprocess.Popen[str], log: Path) -> str:
    """Waits for the log line that says where the server listens."""
    deadline = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        # The last line may be half written.
        for line in log.read_text().split("\n")[:-1]:
            event = json.loads(line)
            if event.get("message") == "listening":
                return f"http://{event['address']}"
        time.sleep(0.02)
    sys.exit(f"the server does not listen:\n{log.read_text()}")


def settled(url: str) -> None:
    """Waits until the server has seen all of its store once; before that it says nothing of clusters."""
    asked = urllib.request.Request(f"{url}/v3/discovery:clusters", b"{}", {"Content-Type": "application/json"})
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(asked, timeout=PATIENCE).close()
            return
        except urllib.error.HTTPError as refused:
            if refused.code != 503 or time.monotonic() > deadline:
                sys.exit(f"the server does not name its services: {refused}")
        time.sleep(0.1)


def settings(storage: str, folder: str, stack: ExitStack) -> dict[str, str]:
    """The environment of a server that keeps its hosts in `storage` and its files in `folder`."""
    chosen = {
        "BACKEND_STORAGE": storage,
        "APPLICATION_DIR": folder,
        "BIND_ADDRESS": "127.0.0.1",
        "PORT": "0",
        "DEBUG": "false",
    }
    if storage == "DynamoDB":
        emulator = stack.enter_context(
            running([str(BUILT / "examples/emulator")], stdout=subprocess.PIPE)
        )
        assert emulator.stdout is not None
        chosen |= {
            "DYNAMODB_URL": emulator.stdout.readline().strip(),
            "DYNAMODB_TABLE_HOSTS": "hosts",
            "DYNAMODB_CREATE_TABLES_IN_APP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
    return chosen


def main(storage: str, *command: str) -> int:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        log = Path(folder, "log")
        environment = os.environ | settings(storage, folder, stack)
        binary = os.environ.get("DISCOVERY_BINARY", str(BUILT / "discovery"))
        written = stack.enter_context(log.open("w"))
        server = stack.enter_context(running([binary], env=environment, stderr=written))
        url = address(server, log)
        settled(url)
        code = subprocess.call(command, env=os.environ | {"DISCOVERY_URL": url})
        if server.poll() is not None:
            sys.exit(f"the server ended by itself:\n{log.read_text()}")
        return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
