"""Several plugins asked at once, each within a time limit: one that hangs or raises costs no other its answer."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from jackfield.plugins.patience import of_its_own

T = TypeVar("T")


class TooSlow(Exception):
    """No answer came in time; the thread that waits for it is left to itself."""


def side_by_side(questions: Sequence[Callable[[], T]], limit_s: float) -> list[T | Exception]:
    """Each question's answer, or what it raised, in their order; `TooSlow` where none came within ``limit_s``."""
    answers: queue.SimpleQueue[tuple[int, T | Exception]] = queue.SimpleQueue()
    for number, question in enumerate(questions):
        threading.Thread(
            target=_ask, args=(number, question, answers), name=f"jackfield asks {number}", daemon=True
        ).start()
    found: dict[int, T | Exception] = {}
    end = time.monotonic() + limit_s
    while len(found) < len(questions):
        try:
            number, answer = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        found[number] = answer
    late = TooSlow(f"no answer within {limit_s:g} s")
    return [found.get(number, late) for number in range(len(questions))]


def _ask(number: int, question: Callable[[], T], answers: queue.SimpleQueue[tuple[int, T | Exception]]) -> None:
    try:
        answers.put((number, question()))
    except BaseException as exc:
        answers.put((number, of_its_own(exc)))
