"""Processes that end with the test that started them."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from waiting import PATIENCE, Answer, until


class Process:
    """A running program that writes what it has to say into a file."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("a") as written:
            self._process = subprocess.Popen(
                command, env=environment or os.environ, stdout=written, stderr=written, stdin=subprocess.DEVNULL
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def until(self, what: str, answer: Callable[[], Answer], patience: float = PATIENCE) -> Answer:
        """Waits until the answer is a true one; fails when the program has ended instead."""

        def answer_of_the_living() -> Answer:
            code = self._process.poll()
            assert code is None, f"{self._process.args!r} ended with {code}:\n{self.said()[-4000:]}"
            return answer()

        return until(what, answer_of_the_living, patience)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Does nothing for a while."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def stop(self) -> int:
        """Tells it to end, and waits until it has."""
        self._process.terminate()
        return self._process.wait(PATIENCE)
