"""Workers on a Ray cluster, and how tasks are given to them, whatever becomes of either.

Ray places workers and says what has died. A task is a number of files or tracks: many while there
are many, few towards the end, so that no worker is left with a long one. The tasks of a worker that
died are given to others; of the one that it was at, each file becomes a task of its own, and one
that ends two workers is not tried a third time. A worker that is lost with its node accuses nobody.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

from earshot.on_ray.errors import ClusterError
from earshot.on_ray.worker import RayWorker, WorkOrder
from encoders.errors import AudioError, FileUnavailable, WeightsError
from recsys.threads import n_cores

MOST_ITEMS = 64  # of one task
_QUEUED = 2  # tasks of a worker: the one that it is at, and the next one
_MOST_CRASHES, _MOST_LOSSES = 2, 5  # of workers by one file
_MOST_FAILED_STARTS = 3  # in a row
_LOOK = 2.0  # s between two looks at the cluster's size
_PATIENCE = 30.0  # s without any worker after which this is said
_WAKE = 0.5  # s
_CONNECT = 10.0  # s
_OBJECTS = 200 << 20  # bytes of objects of a cluster on this machine alone: weights and answers

Item = TypeVar("Item")


class Task(NamedTuple, Generic[Item]):
    """Items that a worker is given together.

    Of one item alone: how many workers it has crashed, and how many were lost with it.
    """

    items: tuple[Item, ...]
    crashes: int = 0
    losses: int = 0


class TaskAnswer(NamedTuple, Generic[Item]):
    """What a worker returned for items, or the error of one alone that was given up."""

    items: tuple[Item, ...]
    value: Any


@dataclass(eq=False)
class _Hired:
    """A worker: its actor, what becomes ready once it has started, its node, its tasks in order."""

    actor: Any
    starting: Any
    node: str | None = None
    tasks: dict[Any, Task[Any]] = field(default_factory=dict)


class Cluster:
    """Workers on the Ray cluster at an address, `local` for one on this machine alone."""

    def __init__(
        self,
        address: str,
        order: WorkOrder,
        weights: Mapping[str, bytes],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`weights` are files by name, which the workers load their taggers from."""
        self._address = address
        self._order = order
        self._weights = weights
        self._say = say
        self._workers: list[_Hired] = []
        self._stack = ExitStack()
        self._failed_starts = 0
        self._next_look = 0.0
        self._idle_since: float | None = None

    def __enter__(self) -> Self:
        """Connect. Raises ClusterError.

        Until the block's end, standard output is closed to what Ray prints of its nodes' logs.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Under `uv run` Ray would make a new environment for each worker; theirs are there already.
        os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
        import ray  # noqa: PLC0415 - of the extra `ray`

        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._address == "local":
            options |= {"num_cpus": n_cores(), "object_store_memory": _OBJECTS}
            options |= {"include_dashboard": False}
            os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's own is 15
        handler = signal.getsignal(signal.SIGTERM)  # Ray sets one that ends the process at once
        try:
            _reach(self._address)
            ray.init(self._address, **options)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise ClusterError(
                f"There is no Ray cluster at {self._address} ({error}). Start one with `ray start "
                "--head`, or give --ray local to use this machine alone."
            ) from error
        finally:
            signal.signal(signal.SIGTERM, handler)
        nowhere = self._stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        self._stack.enter_context(redirect_stdout(nowhere))
        self._ray: Any = ray
        self._actor: Any = ray.remote(RayWorker)
        self._weights_ref = ray.put(dict(self._weights))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            self._end(worker)
        self._workers.clear()
        self._ray.shutdown()
        self._stack.close()

    @property
    def n_workers(self) -> int:
        """The number of workers that have started."""
        return sum(worker.node is not None for worker in self._workers)

    def run(self, method: str, items: Sequence[Item]) -> Generator[TaskAnswer[Item], None, None]:
        """Let workers do something with items, and give the answers as they come, in any order.

        Each item is in one answer. Raises ClusterError, and what the workers raise.
        """
        fresh, again = deque(items), deque[Task[Item]]()
        try:
            while fresh or again or any(worker.tasks for worker in self._workers):
                self._hire(len(fresh) + len(again))
                self._hand_out(method, fresh, again)
                yield from self._answers(again)
        finally:  # nobody waits for what is left of a run that is stopped
            for worker in [worker for worker in self._workers if worker.tasks]:
                self._dismiss(worker)

    def _hire(self, n_waiting: int) -> None:
        """Start workers where the cluster has room, and one more for a node that may come."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK
        total = self._ray.cluster_resources()
        needs = self._needs(total)
        room = min(int(total.get(name, 0) / share) for name, share in needs.items())
        n_busy = sum(bool(worker.tasks) for worker in self._workers)
        for _ in range(min(room + 1, n_waiting + n_busy) - len(self._workers)):
            resources = {f"num_{name.lower()}s": share for name, share in needs.items()}
            actor = self._actor.options(**resources, max_restarts=0, max_task_retries=0).remote(
                self._order, self._weights_ref
            )
            self._workers.append(_Hired(actor, actor.node.remote()))
        self._complain(now, needs)

    def _needs(self, total: Mapping[str, float]) -> dict[str, float]:
        """Return what a worker needs: its cores, and their share of the GPUs where any are."""
        needs: dict[str, float] = {"CPU": self._order.cores}
        if total.get("GPU"):
            nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            shares = [node["GPU"] / node.get("CPU", 1) for node in nodes if node.get("GPU")]
            needs["GPU"] = min(1.0, round(min(shares) * self._order.cores, 4))
        return needs

    def _complain(self, now: float, needs: Mapping[str, float]) -> None:
        """Say once that no node has room for a worker."""
        if self.n_workers:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        elif now - self._idle_since > _PATIENCE:
            self._idle_since = float("inf")
            wanted = " and ".join(f"{share:g} {name}" for name, share in needs.items())
            self._say(f"No node of the Ray cluster has {wanted} free for a worker: waiting.")

    def _hand_out(self, method: str, fresh: deque[Item], again: deque[Task[Item]]) -> None:
        """Give tasks to the workers that have started."""
        for worker in self._workers:
            while worker.node is not None and len(worker.tasks) < _QUEUED and (fresh or again):
                if again:
                    task = again.popleft()
                else:
                    share = len(fresh) // (2 * _QUEUED * len(self._workers))
                    n = max(1, min(MOST_ITEMS, share))
                    task = Task(tuple(fresh.popleft() for _ in range(min(n, len(fresh)))))
                answer = getattr(worker.actor, method).remote(task.items)
                worker.tasks[answer] = task

    def _answers(self, again: deque[Task[Item]]) -> Generator[TaskAnswer[Item], None, None]:
        """Wait a little, and give what has been answered."""
        of = {answer: worker for worker in self._workers for answer in worker.tasks}
        of |= {worker.starting: worker for worker in self._workers if worker.node is None}
        if not of:  # all were lost, and others are not wanted yet
            time.sleep(_WAKE)
            return
        done, _ = self._ray.wait(list(of), num_returns=1, timeout=_WAKE)
        for answer in done:
            worker = of[answer]
            try:
                value = self._ray.get(answer)
            except self._ray.exceptions.RayError as error:
                if worker.node is None:
                    self._failed_to_start(worker, error)
                elif isinstance(error, self._ray.exceptions.RayTaskError):  # raised in the worker
                    raise error.cause or error from None
                else:
                    yield from self._lost(worker, error, again)
                continue
            if worker.node is None:
                worker.node, self._failed_starts = value, 0
            else:
                yield TaskAnswer(worker.tasks.pop(answer).items, value)

    def _failed_to_start(self, worker: _Hired, error: Exception) -> None:
        """Count a worker that ended as it began. Raises ClusterError after several in a row."""
        self._dismiss(worker)
        self._failed_starts += 1
        if self._failed_starts >= _MOST_FAILED_STARTS and not self.n_workers:
            cause: Any = error
            while getattr(cause, "cause", None):  # what the worker raised, in Ray's wrappings
                cause = cause.cause
            if isinstance(cause, ClusterError | WeightsError):
                raise cause from None
            raise ClusterError(f"No worker can start on the Ray cluster: {cause}") from error

    def _lost(
        self, worker: _Hired, error: Exception, again: deque[Task[Item]]
    ) -> Generator[TaskAnswer[Item], None, None]:
        """Give the tasks of a worker that is gone to others, and give up files that end workers."""
        died = self._ray.exceptions.ActorDiedError, self._ray.exceptions.OutOfMemoryError
        crashed = isinstance(error, died) and self._is_alive(worker.node)
        how = "ended" if crashed else "was lost with its node"
        self._say(f"A worker on the Ray cluster {how}: what it was at is given to others.")
        current, *untouched = worker.tasks.values()
        self._dismiss(worker)
        again.extendleft(reversed(untouched))
        if len(current.items) > 1:
            again.extend(Task((item,)) for item in current.items)
            return
        task = current._replace(crashes=current.crashes + crashed, losses=current.losses + 1)
        (item,) = task.items
        name = getattr(item, "path", item)
        if task.crashes >= _MOST_CRASHES:
            yield TaskAnswer(
                task.items,
                AudioError(f"{name} ended its worker, and another one: it is not analysed."),
            )
        elif task.losses >= _MOST_LOSSES:
            why = f"{task.losses} workers were lost while they read it"
            yield TaskAnswer(task.items, FileUnavailable(f"{name} cannot be analysed: {why}."))
        else:
            again.append(task)

    def _is_alive(self, node: str | None) -> bool:
        return any(one["Alive"] for one in self._ray.nodes() if one["NodeID"] == node)

    def _dismiss(self, worker: _Hired) -> None:
        worker.tasks.clear()
        self._workers.remove(worker)
        self._end(worker)

    def _end(self, worker: _Hired) -> None:
        with suppress(Exception):  # it is gone already
            self._ray.kill(worker.actor)


def _reach(address: str) -> None:
    """Raise OSError where nothing answers at HOST:PORT: Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal() and host:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT).close()
