"""The example runs as its first lines say."""

import importlib.util
import os
import random

import pytest

import lemnos


def test_finetune(tmp_path, monkeypatch, capsys):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    if not lemnos.is_available():
        pytest.skip("There is no Vulkan device.")
    numbers = random.Random(1)
    for split, count in (("train", 8), ("test", 2)):
        for kind, channel in (("red", 0), ("green", 1)):
            folder = tmp_path / "photos" / split / kind
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = bytearray(numbers.randrange(60) for _ in range(40 * 40 * 3))
                pixels[channel::3] = bytes(numbers.randrange(180, 255) for _ in range(40 * 40))
                lemnos.image_write_png(folder / f"{index}.png", memoryview(pixels).cast("B", (40, 40, 3)))
    path = os.path.join(os.environ["LEMNOS_SOURCE"], "examples", "python", "finetune.py")
    spec = importlib.util.spec_from_file_location("finetune", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    monkeypatch.chdir(tmp_path)
    example.main(tmp_path / "photos", resolution=32, epochs=2, batch=4)
    assert "of the test photos are recognised." in capsys.readouterr().out
    assert (tmp_path / "photos.png").stat().st_size > 10000

    # Once more from what was learnt.
    example.main(tmp_path / "photos", tmp_path / "photos.safetensors", resolution=32, epochs=2, batch=4)
    assert "taken from the file:" in capsys.readouterr().out
    assert lemnos.Model.load(lemnos.Device(), "photos.safetensors").class_names == ["green", "red"]
