#!/usr/bin/env python3
"""Runs what the README tells a newcomer to run: start the registry, register a host, read it back."""
import json
import pathlib
import re
import signal
import subprocess
import sys
import time

README = pathlib.Path(__file__).parent.parent.joinpath("README.md").read_text()


def command(name):
    """The commands in the block behind a marker."""
    block = re.search(rf"<!-- {name} -->\n```sh\n(.*?)```", README, re.S)
    if not block:
        sys.exit(f"the README has no block marked {name!r}")
    return block.group(1)


def output(name):
    return subprocess.run(["bash", "-c", command(name)], capture_output=True, text=True)


node = subprocess.Popen(["bash", "-c", "exec " + command("run")])
try:
    deadline = time.monotonic() + 1800  # the first build is the slow part
    while (registered := output("register")).returncode != 0:
        if node.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"the registry does not serve: {registered.stderr}")
        time.sleep(1)
    if registered.stdout != "{}\n":
        sys.exit(f"the host is not registered: {registered.stdout}")
    hosts = json.loads(output("read").stdout)["hosts"]
    if [host["ip_address"] for host in hosts] != ["10.0.0.1"]:
        sys.exit(f"the host is not listed: {hosts}")
finally:
    node.send_signal(signal.SIGTERM)
    code = node.wait(timeout=60)
if code != 0:
    sys.exit(f"the registry ended with {code}")
print("the README's commands work")
