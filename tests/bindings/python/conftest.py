"""What the tests share: a device of each module's own, and images that a small network learns."""

import array

import pytest

import lemnos

SMALL = dict(preset="small28", width=0.1, resolution=8, channels=1, classes=4, head=16, dropout=0)


@pytest.fixture(scope="module")
def device():
    try:
        opened = lemnos.Device()
    except lemnos.NoDeviceError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def make_quarters(count=64):
    """Grey images of 8 x 8 in four classes: one bright quarter each, with noise."""
    pixels, state = bytearray(), 12345
    for image in range(count):
        for y in range(8):
            for x in range(8):
                state = (state * 1664525 + 1013904223) % 2**32
                pixels.append((180 if y // 4 * 2 + x // 4 == image % 4 else 20) + (state >> 24) % 40)
    return memoryview(pixels).cast("B", (count, 8, 8, 1)), array.array("i", [image % 4 for image in range(count)])


@pytest.fixture(scope="module")
def quarters():
    return lemnos.Dataset.create(*make_quarters(), classes=4)


@pytest.fixture
def model(device, quarters):
    built = lemnos.Model.build(device, "mobilenet_v2", **SMALL)
    built.prepare(quarters)
    return built


@pytest.fixture
def trainer(model, quarters):
    return lemnos.Trainer(
        model, quarters, lemnos.Optimizer("radam", rate=0.01), "cosine", batch=16, micro_batch=8, epochs=2, seed=5
    )
