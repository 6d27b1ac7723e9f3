"""Graphs, plans, data sets, models and predictors, as one uses them."""

import json

import pytest

import lemnos
from conftest import SMALL, make_quarters
from lemnos import operators


def test_the_library():
    assert lemnos.__version__ == ".".join(map(str, lemnos.version()))
    assert lemnos.build_info().startswith(f"Lemnos {lemnos.__version__}")
    assert {operator["name"] for operator in lemnos.operators_info()} >= {"conv2d", "linear"}
    assert lemnos.options("trainer")[0]["name"] == "trainer"
    assert lemnos.summary("mobilenet_v2", width=1.0, resolution=224)["parameters"] == 3504872
    assert lemnos.is_available() in (True, False)


def test_is_available_never_raises():
    import os
    import subprocess
    import sys

    program = "import lemnos; print(lemnos.is_available())"
    environment = dict(os.environ, VK_DRIVER_FILES="/nowhere.json", VK_ICD_FILENAMES="/nowhere.json")
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


def test_a_device_says_what_it_is(device):
    assert device.info()["name"] in repr(device)
    assert device.info()["index"] == lemnos.devices()[0]["index"]
    assert device.counters()["memory_bytes"] >= 0
    with pytest.raises(lemnos.NoDeviceError, match="no such device"):
        lemnos.Device("no such device")
    with lemnos.Device(0, memory_limit=2**20) as small, pytest.raises(lemnos.OutOfDeviceMemoryError) as caught:
        lemnos.Tensor(small, (2**20,))
    assert isinstance(caught.value, MemoryError)


def test_a_device_keeps_its_log():
    import os
    import subprocess
    import sys

    program = (
        "import lemnos; d = lemnos.Device(keep_log=True); t = lemnos.Tensor(d, [5]); d.close(); "
        "lines = d.take_log(); print(len(lines) > 0, len(d.take_log())); del d; del t"
    )
    environment = dict(os.environ, LEMNOS_VERBOSE="device,memory,plan,run,pipeline,error")
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True 0\n"


def test_a_graph_with_its_gradient(device):
    graph = lemnos.Graph()
    x, target = graph.input("x", [3]), graph.input("target", [3])
    loss = operators.mean_squared_error(x, target)
    [gradient] = graph.gradients(loss, [x])
    assert (x.shape, loss.shape, gradient.shape) == ((3,), (), (3,))
    tensors = {value: lemnos.Tensor(device, value.shape) for value in (x, target, loss, gradient)}
    plan = lemnos.Plan(device, graph, tensors)
    graph.close()
    tensors[x].write([1, 2, 3])
    tensors[target].write([1, 1, 1])
    plan.run()
    assert tensors[loss].item() == pytest.approx(5 / 3)
    assert tensors[gradient].tolist() == pytest.approx([0, 2 / 3, 4 / 3])
    tensors[x].write([1, 1, 1])
    assert device.wait(plan.run_async(), timeout=60)
    assert tensors[loss].item() == 0
    assert plan.workspace >= 0 and "bytes" in repr(plan)
    with pytest.raises(lemnos.InvalidArgumentError):
        device.wait(10**9)


def test_operators(device):
    graph = lemnos.Graph()
    a, b = graph.input("a", [1, 4, 4, 3]), graph.input("b", [3])
    filters = graph.input("filters", [3, 3, 3, 8])
    y = operators.conv2d(a + b, filters, stride=[2, 2], padding=[1, 1, 1, 1], activation="relu")
    assert y.shape == (1, 2, 2, 8)
    assert operators.concat([a, a, a]).shape == (1, 4, 4, 9)
    assert operators.constant(graph, shape=[2, 2], value=3).shape == (2, 2)
    moments = operators.normalisation(a, b, b)
    assert moments.y.shape == a.shape and moments.mean.shape == moments.variance.shape == (3,)
    assert (a * a - a).shape == a.shape
    assert graph.json()["nodes"][0]["name"] == "a"
    assert "nodes" in repr(graph) and repr(a) == "<lemnos.Value 0 [1, 4, 4, 3]>"
    with pytest.raises(lemnos.NotFoundError, match="conv2d"):
        graph.op("conv2", a, filters)
    with pytest.raises(lemnos.InvalidArgumentError, match="stride"):
        operators.conv2d(a, filters, stride=[0, 0])
    other = lemnos.Graph()
    with pytest.raises(ValueError, match="graph that made it"):
        other.op("relu", a)


def test_every_operator_has_a_helper_with_help():
    import inspect
    import keyword

    for operator in lemnos.operators_info():
        name = operator["name"] + ("_" if keyword.iskeyword(operator["name"]) else "")
        helper = getattr(operators, name)
        parameters = inspect.signature(helper).parameters
        assert set(parameters) >= {entry["name"] for entry in operator["inputs"] + operator["attributes"]}
        words = " ".join(helper.__doc__.split())
        assert " ".join(operator["summary"].split()) in words


def test_a_data_set(quarters):
    assert len(quarters) == 64
    assert quarters.info()["classes"] == 4 and quarters.class_names == ["0", "1", "2", "3"]
    pixels, labels = make_quarters()
    assert quarters[5].label == labels[5]
    assert quarters[-1].pixels.tolist() == [
        [[pixels[63, y, x, 0]] for x in range(8)] for y in range(8)
    ]
    assert [image.label for image in quarters] == list(labels)
    assert "64 images, 8 x 8 x 1, in 4 classes" in repr(quarters)
    with pytest.raises(IndexError):
        quarters[64]
    with pytest.raises(lemnos.NotFoundError):
        lemnos.Dataset.open("/nowhere", "train")


def test_images(tmp_path):
    path = tmp_path / "a picture.png"
    lemnos.image_write_png(path, memoryview(bytes(range(48))).cast("B", (4, 4, 3)))
    assert lemnos.image_read(path, 4, 4).tolist()[0][0] == [0, 1, 2]
    with pytest.raises(lemnos.LemnosError):
        lemnos.image_read(tmp_path / "none.png", 4, 4)


def test_a_model(device, model, quarters, tmp_path):
    assert model.input == (8, 8, 1, 4) and model.input.classes == 4
    assert model.class_names == ["0", "1", "2", "3"]
    assert "mobilenet_v2" in repr(model)
    model.set_pixels([0.5], [0.25])
    assert model.summary()["mean"] == [0.5]
    with pytest.raises(lemnos.InvalidArgumentError, match="one number a channel"):
        model.set_pixels([0.5, 0.5], [0.25])
    model.set_alpha(0.25)
    assert {layer["alpha"] for layer in model.alpha()["layers"]} == {0.25}
    model.set_alpha(0)
    path = tmp_path / "modèle.safetensors"
    model.save(path)
    again = lemnos.Model.load(device, path)
    assert again.summary() == model.summary()
    assert again.evaluate(quarters)[:3] == model.evaluate(quarters)[:3]
    assert again.evaluate(quarters).images == 64
    report = lemnos.Model.build(device, "mobilenet_v2", seed=2, **SMALL).load_matching(path)
    assert report["loaded"] > 0 and report["differ"] == []
    again.load_weights(path)
    path.write_bytes(b"no model")
    with pytest.raises(lemnos.FileMalformedError):
        lemnos.Model.load(device, path)


def test_options_of_any_kind(device):
    numpy = pytest.importorskip("numpy")
    lemnos.Schedule("grow_batch", milestones=numpy.array([0.5]), factor=numpy.int64(2))
    optimizer = lemnos.Optimizer("radam", rate=numpy.float32(0.5), weight_decay=None)
    assert repr(optimizer).startswith("<lemnos.Optimizer radam, rate=")
    with pytest.raises(TypeError, match="cannot be a complex"):
        lemnos.Optimizer("radam", rate=1j)


def test_a_schedule():
    schedule = lemnos.Schedule("constant", warmup=4)
    assert schedule.factor(0, 10, 5) == pytest.approx(0.2)
    plan = lemnos.Schedule("grow_batch", largest_batch=5120).plan(
        lemnos.Optimizer("sgd", rate=0.1, momentum=0.9), examples=50000, epochs=200, points=4
    )
    assert plan["steps"] == 29040 and json.dumps(plan)


def test_a_predictor(model, quarters):
    predictor = lemnos.Predictor(model, batch=4)
    pixels, _ = make_quarters(6)
    rows = predictor.run(pixels)
    assert rows.shape == (6, 4)
    for row in rows.tolist():
        assert sum(row) == pytest.approx(1)
    assert predictor.run(quarters[0].pixels).tolist()[0] == pytest.approx(rows.tolist()[0])
    guesses = predictor.classify(pixels, top=2)
    assert len(guesses) == 6 and guesses[0][0].probability == max(rows.tolist()[0])
    assert guesses[0][0].name in model.class_names
    assert "8 x 8 x 1, 4 classes" in repr(predictor)
    with pytest.raises(ValueError, match="needs a model that can detect"):
        predictor.detect(pixels)
    with pytest.raises(ValueError, match="no whole number of images"):
        predictor.run(bytearray(65))
    grey = memoryview(bytes(128))
    for shape, count in (((8, 8), 1), ((8, 8, 1), 1), ((2, 8, 8), 2), ((2, 8, 8, 1), 2)):
        assert predictor.run(grey[: 64 * count].cast("B", shape)).shape == (count, 4)
    for shape in ((4, 16, 1), (4, 16), (8, 4, 2)):  # as many bytes, but another image
        with pytest.raises(ValueError, match=r"\(needed: \(8, 8, 1\)"):
            predictor.run(grey[:64].cast("B", shape))
