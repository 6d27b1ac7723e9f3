"""Pictures of trainings and predictions, drawn by matplotlib (which is needed for this module alone).

Each function draws into axes that are given, or into a figure of its own, and returns the axes.
"""

from typing import Any, Dict, Iterable, List, Optional, Sequence

from .data import Box, Dataset
from .model import Model
from .prediction import Predictor

__all__ = ["boxes", "confusion", "confusion_matrix", "curves"]


def _axes(axes: Any) -> Any:
    if axes is not None:
        return axes
    from matplotlib import pyplot

    return pyplot.subplots(layout="constrained")[1]


def curves(history: Iterable[Any], axes: Any = None, *, accuracy: bool = True, batch: bool = True) -> Any:
    """Loss, accuracy and, where it changes, the batch over the steps of a training, from what Trainer.run returned."""
    history = [standing for standing in history if standing.images]  # the first steps, before the device has done one
    axes = _axes(axes)
    steps = [standing.step for standing in history]
    axes.plot(steps, [standing.loss for standing in history], color="C0", label="loss")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.set_ylim(bottom=0)
    if accuracy:
        right = axes.twinx()
        right.plot(steps, [100 * standing.accuracy for standing in history], color="C1", label="accuracy")
        right.set_ylabel("accuracy (%)")
        right.set_ylim(0, 100)
    sizes = [standing.batch for standing in history]
    if batch:
        for before, after, step in zip(sizes, sizes[1:], steps[1:]):
            if before != after:
                axes.axvline(step, color="0.8", zorder=0)
                axes.annotate(f"batch {after}", (step, 1), xycoords=("data", "axes fraction"), fontsize="small",
                              rotation=90, ha="right", va="top")  # fmt: skip
    lines = [line for each in axes.figure.axes for line in each.get_lines() if not line.get_label().startswith("_")]
    axes.legend(handles=lines, loc="best")
    return axes


def confusion(model: Model, dataset: Dataset, batch: int = 32) -> List[List[int]]:
    """How often images of each class (row) were taken for each class (column)."""
    classes = model.input.classes
    counts = [[0] * classes for _ in range(classes)]
    with Predictor(model, batch) as predictor:
        for first in range(0, len(dataset), batch):
            images = [dataset[index] for index in range(first, min(first + batch, len(dataset)))]
            rows = predictor.run(b"".join(image.pixels for image in images)).tolist()
            for image, row in zip(images, rows):
                counts[image.label][row.index(max(row))] += 1
    return counts


def confusion_matrix(counts: Sequence[Sequence[int]], names: Optional[Sequence[str]] = None, axes: Any = None) -> Any:
    """What confusion() counted, as a table whose cells are darker the more of their row they hold."""
    axes = _axes(axes)
    names = [str(number) for number in range(len(counts))] if names is None else names
    shares = [[count / max(sum(row), 1) for count in row] for row in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            if count:
                axes.text(x, y, count, ha="center", va="center", color="white" if shares[y][x] > 0.5 else "black")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    return axes


def boxes(image: Any, rows: Iterable[Any], names: Optional[Sequence[str]] = None, axes: Any = None) -> Any:
    """An image (u8 [height, width, channels]) of any size with boxes: what Predictor.detect found in it, or what
    Dataset.boxes says; also rows of class, top, left, bottom, right in pixels, or with a score after the class."""
    from matplotlib.patches import Rectangle

    axes = _axes(axes)
    import numpy

    pixels = numpy.asarray(image)
    height, width = pixels.shape[:2]
    axes.imshow(pixels if pixels.shape[-1] == 3 else pixels.reshape(pixels.shape[:2]), cmap="gray")
    axes.set_axis_off()
    colors: Dict[Any, str] = {}
    for row in rows:
        top, left, bottom, right = row[-4:]
        if isinstance(row, Box):
            kind, text, score = row.name, row.name, None if row.score == 1 else row.score
            top, left, bottom, right = height * top, width * left, height * bottom, width * right
            color = colors.setdefault(kind, f"C{len(colors) % 10}")
        else:
            kind, score = int(row[0]), row[1] if len(row) == 6 else None
            text = names[kind] if names is not None else str(kind)
            color = f"C{kind % 10}"
        axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=color, linewidth=2))
        text += f" {score:.0%}" if score is not None else ""
        axes.text(left, top, text, color="white", fontsize="small", va="bottom",
                  bbox=dict(facecolor=color, edgecolor=color, pad=1))  # fmt: skip
    return axes
