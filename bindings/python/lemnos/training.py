"""Training: optimizers, schedules, and the trainer that follows them."""

import json
import os
from typing import Any, Callable, Iterator, List, Optional, Union

from . import _native
from ._object import Json, Path, _Object, _of, _options
from ._values import Progress, progress_of
from .data import Dataset
from .model import Model
from .progress import Bar


class _Rule(_Object):
    __slots__ = ("name", "options")
    name: str
    options: Json

    def _about(self) -> str:
        return ", ".join([self.name, *(f"{name}={value!r}" for name, value in self.options.items())])


class Optimizer(_Rule):
    """How parameters are updated: the name of a rule and its options, which lemnos.options("optimizer") lists."""

    __slots__ = ()

    def __init__(self, name: str, **options: Any) -> None:
        self._native = _native.Optimizer(name, _options(options))
        self.name, self.options = name, options


class Schedule(_Rule):
    """The learning rate and the batch over time: a name and its options, which lemnos.options("schedule") lists."""

    __slots__ = ()

    def __init__(self, name: str, **options: Any) -> None:
        self._native = _native.Schedule(name, _options(options))
        self.name, self.options = name, options

    def factor(self, step: int, steps: int, steps_per_epoch: int) -> float:
        return self._native.factor(step, steps, steps_per_epoch)

    def plan(self, optimizer: Optimizer, **options: Any) -> Json:
        return json.loads(self._native.plan_json(_of(optimizer, Optimizer), _options(options)))


class Trainer(_Object):
    """Trains a model on a data set. step() makes one update; a loop over the trainer makes all of them; so does run()."""

    __slots__ = ()

    def __init__(
        self,
        model: Model,
        dataset: Dataset,
        optimizer: Union[Optimizer, str] = "radam",
        schedule: Union[Schedule, str] = "constant",
        **options: Any,
    ) -> None:
        rule = Optimizer(optimizer) if isinstance(optimizer, str) else optimizer
        plan = Schedule(schedule) if isinstance(schedule, str) else schedule
        self._native = _native.Trainer(
            _of(model, Model), _of(dataset, Dataset), _of(rule, Optimizer), _of(plan, Schedule), _options(options)
        )

    def step(self) -> bool:
        """Makes one parameter update, a few steps ahead of the device; False when all epochs were done already."""
        return self._native.step()

    def progress(self, wait: bool = False) -> Progress:
        return progress_of(self._native.progress(wait))

    def save(self, path: Path) -> None:
        self._native.save(os.fspath(path))

    def resume(self, path: Path) -> None:
        self._native.resume(os.fspath(path))

    def log(self, tag: str, value: float) -> None:
        self._native.log(tag, value)

    def swap_average(self) -> None:
        self._native.swap_average()

    def __iter__(self) -> Iterator[Progress]:
        """Makes a step, and says where the training stands; the last is of all steps."""
        standing = self.progress()
        while self.step():
            standing = self.progress(wait=standing.step + 1 >= standing.steps)
            yield standing

    def run(
        self, progress: Union[bool, Callable[[Progress], Any]] = False, *, steps: Optional[int] = None
    ) -> List[Progress]:
        """Trains to the end, or `steps` steps. progress: True for a bar, or a function that is told of every step. Returns
        where the training stood after each step, which lemnos.plot.curves draws."""
        history: List[Progress] = []
        bar = Bar() if progress is True else None
        try:
            for standing in self:
                history.append(standing)
                if bar:
                    bar.show(standing)
                elif callable(progress):
                    progress(standing)
                if steps is not None and len(history) >= steps:
                    break
        finally:
            if bar:
                bar.close()
        return history

    def _about(self) -> str:
        standing = self.progress()
        return f"at step {standing.step} of {standing.steps}, loss {standing.loss:.4f}"
