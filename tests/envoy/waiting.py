"""Waiting for what takes an unknown time, with a generous end."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

# What anything may take that is only a matter of the machine being busy.
PATIENCE = 60.0
PAUSE = 0.01


def until(what: str, answer: Callable[[], Answer], patience: float = PATIENCE) -> Answer:
    """Asks again until the answer is a true one."""
    deadline = time.monotonic() + patience
    while not (found := answer()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience:.0f} s until {what}; at last it was {found!r}")
        time.sleep(PAUSE)
    return found
