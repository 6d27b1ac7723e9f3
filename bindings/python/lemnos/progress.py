"""A bar that shows how a training goes: tqdm's where it is installed, else a plain one, in a terminal, a notebook or a file."""

import sys
import time
from typing import Any, Optional, TextIO


class Bar:
    """Of one training. Shown at most ten times a second; in a file, every tenth part is a line."""

    def __init__(self, file: Optional[TextIO] = None) -> None:
        self._file = file if file is not None else sys.stderr
        self._shown = float("-inf")
        self._tenth = -1
        self._width = 0
        self._tqdm: Any = None
        self._notebook: Any = None
        try:
            from tqdm.auto import tqdm
        except ImportError:
            self._notebook = _notebook() if file is None else None
        else:
            self._tqdm = tqdm(file=file, unit="step", dynamic_ncols=True)

    def show(self, standing: Any) -> None:
        last = standing.step >= standing.steps
        now = time.monotonic()
        if not last and now - self._shown < 0.1:
            return
        self._shown = now
        if self._tqdm is not None:
            self._tqdm.total = standing.steps
            self._tqdm.set_postfix(loss=f"{standing.loss:.4f}", accuracy=f"{standing.accuracy:.1%}", refresh=False)
            self._tqdm.update(standing.step - self._tqdm.n)
            return
        part = standing.step / max(standing.steps, 1)
        text = (
            f"epoch {standing.epoch + 1}, step {standing.step}/{standing.steps} [{'#' * int(20 * part):<20}] "
            f"loss {standing.loss:.4f}, accuracy {standing.accuracy:.1%}, {standing.images_per_second:.0f} images/s"
        )
        if self._notebook is not None:
            self._notebook.update({"text/plain": text}, raw=True)
        elif self._file.isatty():
            self._file.write("\r" + text.ljust(self._width))
            self._file.flush()
            self._width = len(text)
        elif int(10 * part) > self._tenth:
            self._tenth = int(10 * part)
            self._file.write(text + "\n")

    def close(self) -> None:
        if self._tqdm is not None:
            self._tqdm.close()
        elif self._width:
            self._file.write("\n")


def _notebook() -> Any:
    """A place in the notebook's output that can be written again; None elsewhere."""
    shell = sys.modules.get("IPython")
    if shell is None or type(shell.get_ipython()).__name__ != "ZMQInteractiveShell":
        return None
    from IPython.display import display

    return display({"text/plain": ""}, raw=True, display_id=True)
