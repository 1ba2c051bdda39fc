"""How many threads numerical libraries use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS and OpenMP use one thread; also a decorator.

    The matrices of our models are small. With a thread per core, training them takes twice the processor time
    and no less by the clock, and on a busy machine the threads wait for one another. Cores are better used
    by processes, for what is independent.
    """
    import sklearn  # noqa: F401 — libraries that are loaded later would not be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
