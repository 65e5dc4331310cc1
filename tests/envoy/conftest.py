"""Scenarios are played in every way to read the registry, and with every store."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import modes
import pytest
import stores
from scene import Scene
from upstreams import Upstreams


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows what the processes of a test that failed had to say."""
    report = yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and folder:
        logs = [log for log in folder.rglob("*log") if log.is_file()]
        report.sections += [(str(log), log.read_text(errors="replace")[-4000:]) for log in logs]
    return report


@pytest.fixture
def upstreams() -> Iterator[Upstreams]:
    with Upstreams() as running:
        yield running


@pytest.fixture(params=stores.STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[stores.Store]:
    marker = request.node.get_closest_marker("settings")
    settings = marker.kwargs if marker else {}
    with stores.opened(request.param, tmp_path, settings) as opened:
        yield opened


@pytest.fixture(params=modes.ALL)
def mode(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def scene(mode: str, store: stores.Store, upstreams: Upstreams, tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(mode, store, upstreams, tmp_path, stack)
