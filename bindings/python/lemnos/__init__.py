"""Lemnos: train and run convolutional networks on any Vulkan device.

    import lemnos

    device = lemnos.Device()
    data = lemnos.Dataset.open("photos", "train", height=96, width=96)
    model = lemnos.Model.build(device, "mobilenet_v2", classes=5, resolution=96)
    model.prepare(data)
    lemnos.Trainer(model, data, lemnos.Optimizer("radam", rate=1e-3), "one_cycle", epochs=5).run(progress=True)
    model.save("photos.safetensors")
"""

from . import _help, _native, operators  # noqa: F401
from ._memory import Dtype
from ._values import ImageSize, Metrics, ModelInput, Progress
from .data import Box, Dataset, Guess, Image
from .device import Device, Tensor
from .errors import *  # noqa: F403
from .errors import LemnosError
from .graph import Graph, Plan, Value
from .library import (
    build_info,
    devices,
    image_read,
    image_size,
    image_write_png,
    is_available,
    operators_info,
    options,
    summary,
    version,
)
from .model import Model
from .prediction import Predictor
from .training import Optimizer, Schedule, Trainer

# What `from lemnos import *` brings: no module but the operators, so that `device` and `data` stay the caller's to name.
__all__ = ["operators"] + [  # pyright: ignore[reportUnsupportedDunderAll]
    name for name, thing in globals().items() if name[0] != "_" and (getattr(thing, "__module__", None) or "").startswith(__name__)
]
__version__ = ".".join(str(part) for part in version())
_help.document(globals())
