"""The example runs as its first lines say, and the program of the README as it stands there."""

import importlib.util
import os
import random
import re

import pytest

import lemnos


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with photos of two kinds, where the test then is."""
    if not lemnos.is_available():
        pytest.skip("There is no Vulkan device.")
    numbers = random.Random(1)
    for split, count in (("train", 8), ("test", 2)):
        for kind, channel in (("red", 0), ("green", 1)):
            photos = tmp_path / "photos" / split / kind
            photos.mkdir(parents=True)
            for index in range(count):
                pixels = bytearray(numbers.randrange(60) for _ in range(40 * 40 * 3))
                pixels[channel::3] = bytes(numbers.randrange(180, 255) for _ in range(40 * 40))
                lemnos.image_write_png(photos / f"{index}.png", memoryview(pixels).cast("B", (40, 40, 3)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_finetune(folder, capsys):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    path = os.path.join(os.environ["LEMNOS_SOURCE"], "examples", "python", "finetune.py")
    spec = importlib.util.spec_from_file_location("finetune", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.main(folder / "photos", resolution=32, epochs=2, batch=4)
    assert "of the test photos are recognised." in capsys.readouterr().out
    assert (folder / "photos.png").stat().st_size > 10000

    # Once more from what was learnt.
    example.main(folder / "photos", folder / "photos.safetensors", resolution=32, epochs=2, batch=4)
    assert "taken from the file:" in capsys.readouterr().out
    assert lemnos.Model.load(lemnos.Device(), "photos.safetensors").class_names == ["green", "red"]


def test_the_program_of_the_readme(folder, capsys):
    with open(os.path.join(os.environ["LEMNOS_SOURCE"], "README.md"), encoding="utf-8") as file:
        program = re.search(r"```python\n(.*?)```", file.read(), re.S)[1]
    (folder / "cat.jpg").write_bytes((folder / "photos" / "train" / "red" / "0.png").read_bytes())
    exec(compile(program, "README.md", "exec"), {})
    assert re.search(r"\[Guess\(name='(red|green)', probability=[01]\.[\d.e-]+\), Guess\(", capsys.readouterr().out)
    assert (folder / "photos.safetensors").stat().st_size > 8_000_000
