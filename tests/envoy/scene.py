"""A store with its nodes, hosts to register, and Envoys that read it in one of the ways there are."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import modes
from proxy import Config, Envoy
from registry import Registry
from stores import OneTable, Store
from upstreams import Host, Upstreams

# Within how many seconds a change has reached an Envoy that reads from the same node, and one that reads from another.
HERE = 5.0
ELSEWHERE = 3.0


class Scene:
    """What a scenario is played with."""

    def __init__(self, mode: str, store: Store, upstreams: Upstreams, folder: Path, stack: ExitStack) -> None:
        self.mode = mode
        self.store = store
        self.upstreams = upstreams
        self.hosts = upstreams.hosts
        self._folder = folder
        self._stack = stack
        self._count = itertools.count()

    @property
    def polls(self) -> bool:
        """Whether Envoy polls, rather than being told."""
        return self.mode in modes.REST

    @property
    def has_catalogue(self) -> bool:
        """Whether the registry tells Envoy which clusters there are."""
        return self.mode in modes.WITH_CLUSTERS

    @property
    def writer(self) -> Registry:
        """The node that hosts and operators write to."""
        return self.store.writer

    @property
    def reader(self) -> Registry:
        """The node that Envoys read from; it starts when it is first wanted."""
        if not self.store.reader.is_running:
            self.store.reader.start()
        return self.store.reader

    @property
    def bound(self) -> float:
        """Within how many seconds a change reaches an Envoy."""
        return ELSEWHERE if isinstance(self.store, OneTable) else HERE

    def bootstrap(self) -> Config:
        """The bootstrap of the mode, for the node to read from."""
        return modes.bootstrap(self.mode, self.store.reader.port)

    def envoy(self, change: Callable[[Config], object] = lambda config: None) -> Envoy:
        """Starts an Envoy with the mode's bootstrap, changed where the scenario says so."""
        assert self.reader.is_running
        config = self.bootstrap()
        change(config)
        return self.start(config).ready()

    @contextmanager
    def beating(self, service: str, host: Host) -> Iterator[None]:
        """Has a host check in, and again every second."""
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(1):
                self.writer.register(service, host)

        self.writer.register(service, host)
        heart = threading.Thread(target=beat)
        heart.start()
        try:
            yield
        finally:
            stop.set()
            heart.join()

    def start(self, config: Config | Path) -> Envoy:
        """Starts an Envoy that ends with the test."""
        envoy = Envoy(config, self._folder / f"envoy-{next(self._count)}")
        self._stack.callback(envoy.end)
        return envoy
