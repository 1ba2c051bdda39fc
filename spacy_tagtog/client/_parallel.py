"""Work in several threads, results in the order of the work."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

from spacy_tagtog.client._retry import stoppable
from spacy_tagtog.errors import ConfigurationError

_T = TypeVar("_T")
_R = TypeVar("_R")

_MAX_THREADS: Final = 64
_AHEAD: Final = 2
_PATIENCE: Final = 5.0
"""Seconds that calls under way get to end after an error.

The threads are daemons, so calls that still hang then don't keep the program alive.
"""


def check_threads(number: int) -> None:
    """Make sure that a number of threads can be used.

    Raises:
        ConfigurationError: It can't.
    """
    if not 1 <= number <= _MAX_THREADS:
        raise ConfigurationError(
            "the number of threads can't be used", value=number, legal=f"1 to {_MAX_THREADS}"
        )


class Workers(Generic[_T]):
    """Threads that work off a queue. :func:`workers` makes them and ends them."""

    def __init__(self, number: int) -> None:
        check_threads(number)
        self.number = number
        self._stop = threading.Event()
        self._queue: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)

    def submit(self, work: Callable[[], _R]) -> Future[_R]:
        """Have something done by one of the threads."""
        future: Future[_R] = Future()
        self._queue.put((future, work))
        if not self._idle.acquire(blocking=False) and len(self._threads) < self.number:
            thread = threading.Thread(target=self._run, name=f"tagtog-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def map(self, function: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[tuple[_T, _R]]:
        """Apply a function to items.

        A few items are worked on ahead.

        Yields:
            Each item with its result, in the order of the items.
        """
        ahead: deque[tuple[_T, Future[_R]]] = deque()
        for item in items:
            ahead.append((item, self.submit(lambda item=item: function(item))))  # type: ignore[misc]
            if len(ahead) > self.number * _AHEAD:
                first, future = ahead.popleft()
                yield first, future.result()
        while ahead:
            first, future = ahead.popleft()
            yield first, future.result()

    def _run(self) -> None:
        with stoppable(self._stop):
            while True:
                job = self._queue.get()
                if job is None:
                    return
                future, work = job
                if self._stop.is_set():
                    future.cancel()
                elif future.set_running_or_notify_cancel():
                    try:
                        result = work()
                    except BaseException as error:  # the thread that waits for the result gets it
                        future.set_exception(error)
                    else:
                        future.set_result(result)
                self._idle.release()

    def end(self, *, at_once: bool) -> None:
        """End the threads.

        Args:
            at_once: Drop what is still in the queue. Otherwise it is worked off first.
        """
        if at_once:
            self._stop.set()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(_PATIENCE if at_once else None)


@contextmanager
def workers(number: int) -> Iterator[Workers[Any]]:
    """Threads for the time of a block.

    If the block ends with an error, calls under way may end, and no other call begins.

    Raises:
        ConfigurationError: The number can't be used.
    """
    made: Workers[Any] = Workers(number)
    try:
        yield made
    except BaseException:
        made.end(at_once=True)
        raise
    made.end(at_once=False)
