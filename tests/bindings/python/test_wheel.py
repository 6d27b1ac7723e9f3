"""The wheel, installed into an empty virtual environment without an index, works there on its own."""

import glob
import os
import subprocess
import sys
import zipfile

import pytest

BUILD = os.environ["LEMNOS_BUILD"]

PROGRAM = """
import lemnos, sys
assert lemnos.__file__.startswith(sys.prefix), lemnos.__file__
with open("/proc/self/maps") as maps:
    libraries = {line.split()[-1] for line in maps if "liblemnos" in line}
assert len(libraries) == 1 and libraries.pop().startswith(sys.prefix)
try:
    lemnos.Optimizer("adma")
except lemnos.NotFoundError as error:
    print(error)
if lemnos.is_available():
    with lemnos.Device() as device:
        assert device.tensor([1, 2, 3]).tolist() == [1, 2, 3]
print(lemnos.operators.conv2d.__name__, lemnos.__version__)
"""


@pytest.fixture(scope="module")
def wheel():
    [found] = glob.glob(os.path.join(BUILD, "bindings", "python", "dist", "*.whl"))
    return found


def test_it_stands_alone(wheel, tmp_path):
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "LD_LIBRARY_PATH")}

    def run(*command):
        done = subprocess.run(command, env=clean, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        pytest.skip(f"{sys.executable} has no pip")
    run(sys.executable, "-m", "venv", "--without-pip", "empty")
    python = str(tmp_path / "empty" / "bin" / "python")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--quiet", wheel)
    printed = run(python, "-I", "-c", PROGRAM)
    assert printed.splitlines() == [
        'There is no optimizer "adma". Did you mean "adam"?',
        "conv2d " + os.path.basename(wheel).split("-")[1],
    ]
    assert "lemnos" in run(sys.executable, "-m", "pip", "--python", python, "show", "-f", "lemnos")


def test_it_names_nothing_of_the_machine_that_built_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert len([name for name in names if ".so" in name]) == 2
        assert {"lemnos/py.typed", "lemnos/operators.pyi", "lemnos/plot.py"} <= set(names)
        for name in names:
            assert BUILD.encode() not in archive.read(name), name


def test_its_sums_are_right(wheel):
    import base64
    import hashlib

    with zipfile.ZipFile(wheel) as archive:
        [record] = [name for name in archive.namelist() if name.endswith("/RECORD")]
        rows = [line.split(",") for line in archive.read(record).decode().splitlines()]
        assert {row[0] for row in rows} == set(archive.namelist())
        for name, digest, size in rows:
            if name != record:
                content = archive.read(name)
                ours = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                assert (digest, size) == ("sha256=" + ours, str(len(content)))
