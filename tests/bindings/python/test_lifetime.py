"""Closing, collecting and ending in every order: an exception or nothing, never a crash; and nothing leaks."""

import gc
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import lemnos
from conftest import SMALL, make_quarters


def open_device():
    try:
        return lemnos.Device()
    except lemnos.NoDeviceError as error:
        pytest.skip(str(error))


def everything(device):
    """One of each kind, by name."""
    quarters = lemnos.Dataset.create(*make_quarters(), classes=4)
    model = lemnos.Model.build(device, "mobilenet_v2", **SMALL)
    model.prepare(quarters)
    graph = lemnos.Graph()
    value = graph.op("relu", graph.input("x", [4]))
    tensors = {lemnos.Value(graph, 0): lemnos.Tensor(device, (4,)), value: lemnos.Tensor(device, (4,))}
    optimizer, schedule = lemnos.Optimizer("radam"), lemnos.Schedule("cosine")
    return {
        "tensor": tensors[value],
        "graph": graph,
        "plan": lemnos.Plan(device, graph, tensors),
        "data set": quarters,
        "model": model,
        "optimizer": optimizer,
        "schedule": schedule,
        "trainer": lemnos.Trainer(model, quarters, optimizer, schedule, batch=16, epochs=2),
        "predictor": lemnos.Predictor(model, 2),
    }


USES = {
    "tensor": lambda tensor: tensor.read(),
    "graph": lambda graph: graph.json(),
    "plan": lambda plan: plan.run(),
    "data set": lambda data: data.info(),
    "model": lambda model: model.summary(),
    "optimizer": lambda optimizer: lemnos.Schedule("cosine").plan(optimizer, examples=1000),
    "schedule": lambda schedule: schedule.factor(0, 1, 1),
    "trainer": lambda trainer: trainer.step(),
    "predictor": lambda predictor: predictor.run(bytes(64)),
}


def test_use_after_close_and_double_close():
    with open_device() as device:
        objects = everything(device)
        assert set(objects) == set(USES)
        for kind, thing in objects.items():
            USES[kind](thing)
        for kind, thing in objects.items():
            assert not thing.closed
            with thing:
                pass
            thing.close()
            assert thing.closed and repr(thing).endswith(", closed>")
            with pytest.raises(lemnos.InvalidStateError, match=f"^This {kind} was closed.$"):
                USES[kind](thing)


def test_what_is_made_of_something_closed():
    with open_device() as device:
        objects = everything(device)
        for thing in objects.values():
            thing.close()
        with pytest.raises(lemnos.InvalidStateError):
            lemnos.Predictor(objects["model"], 1)
        with pytest.raises(lemnos.InvalidStateError):
            lemnos.Trainer(objects["model"], objects["data set"])


def test_objects_keep_what_they_need():
    with open_device() as device:
        objects = everything(device)
        for kind in ("model", "data set", "optimizer", "schedule", "tensor", "graph"):
            objects[kind].close()
        gc.collect()
        assert objects["trainer"].step() and objects["trainer"].progress(wait=True).step == 1
        assert objects["predictor"].run(bytes(64)).shape == (1, 4)
        objects["plan"].run()


def test_a_closed_device():
    device = open_device()
    objects = everything(device)
    device.close()
    device.close()
    for kind in ("tensor", "plan", "model", "trainer", "predictor"):
        if kind == "model":
            with pytest.raises(lemnos.DeviceClosedError):
                objects[kind].evaluate(objects["data set"])
            continue
        with pytest.raises(lemnos.DeviceClosedError):
            USES[kind](objects[kind])
    with pytest.raises(lemnos.DeviceClosedError):
        lemnos.Tensor(device, (1,))
    assert objects["tensor"].shape == (4,)
    assert all(isinstance(repr(thing), str) for thing in [device, *objects.values()])
    del device
    while objects:
        objects.popitem()
        gc.collect()


def test_collection_in_any_order():
    for first in ("device", "model", "trainer", "tensor"):
        device = open_device()
        objects = everything(device)
        if first == "device":
            del device
        else:
            del objects[first]
        gc.collect()
        objects.clear()
        gc.collect()


@pytest.mark.parametrize("what", ["trainer", "device", "model", "tensor"])
def test_close_while_another_thread_is_in_a_call(what):
    for _ in range(3):
        device = open_device()
        objects = everything(device)
        objects["trainer"] = lemnos.Trainer(objects["model"], objects["data set"], batch=16, epochs=10000)
        objects["device"] = device
        errors, started = [], threading.Event()

        def work():
            try:
                while True:
                    objects["trainer"].step()
                    objects["tensor"].write([1, 2, 3, 4])
                    objects["model"].evaluate(objects["data set"])
                    started.set()
            except lemnos.LemnosError as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        started.wait(60)
        objects[what].close()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert [type(error) for error in errors] == 2 * [
            lemnos.DeviceClosedError if what == "device" else lemnos.InvalidStateError
        ]
        device.close()


def in_threads(*works):
    """Runs all of them at once; what one raises is raised."""
    errors = []

    def run(work):
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_one_thread_at_a_time_is_seen_to():
    """Threads that step one trainer, ask one predictor and add to one graph come one after the other."""
    with open_device() as device:
        objects = everything(device)
        alone = objects["predictor"].run(bytes(range(64)) * 7).tolist()
        for _ in range(4):
            trainer = lemnos.Trainer(objects["model"], objects["data set"], batch=8, micro_batch=4, epochs=4)
            steps = []

            def train():
                while trainer.step():
                    steps.append(trainer.progress().step)

            in_threads(train, train, train)
            assert len(steps) == trainer.progress(wait=True).step == 32

        other = lemnos.Model.build(device, "mobilenet_v2", **SMALL)
        other.prepare(objects["data set"])
        predictor = lemnos.Predictor(other, 2)
        alone = predictor.run(bytes(range(64)) * 7).tolist()
        graph = lemnos.Graph()
        first = graph.input("first", [4])
        answers, values = [], []

        def ask():
            for _ in range(50):
                answers.append(predictor.run(bytes(range(64)) * 7).tolist() == alone)

        def add():
            for _ in range(2000):
                values.append(graph.op("relu", first).number)

        in_threads(ask, ask, ask, add, add, add)
        assert len(answers) == 150 and all(answers)
        assert sorted(values) == list(range(1, 6001))


def test_a_model_is_changed_alone(tmp_path):
    """A change of a model waits for those who use it, so what they see is the old model or the new one, never a mixture."""
    with open_device() as device:
        quarters = lemnos.Dataset.create(*make_quarters(), classes=4)
        paths, known = [], []
        for seed in (1, 2):
            model = lemnos.Model.build(device, "mobilenet_v2", seed=seed, **SMALL)
            model.prepare(quarters)
            model.write("classifier.1.bias", [seed, 0, 0, 0])
            paths.append(tmp_path / f"{seed}.safetensors")
            model.save(paths[-1])
            known.append(model.evaluate(quarters, batch=2).loss)
        assert known[0] != known[1]
        done, seen = threading.Event(), []

        def use():
            while not done.is_set():
                seen.append(model.evaluate(quarters, batch=2).loss)

        def change():
            try:
                for number in range(40):
                    model.load_weights(paths[number % 2])
                    time.sleep(0.002)
            finally:
                done.set()

        in_threads(use, use, use, change)
        assert len(seen) > 10 and set(seen) == set(known)


def test_other_threads_have_their_turn_during_a_call():
    """A blocking call holds no lock of the interpreter's."""
    with open_device() as device:
        objects = everything(device)
        trainer = lemnos.Trainer(objects["model"], objects["data set"], batch=64, micro_batch=64, epochs=40)
        seconds = [0.0]

        def work():
            start = time.perf_counter()
            while trainer.step():
                trainer.progress(wait=True)
            seconds[0] = time.perf_counter() - start

        thread = threading.Thread(target=work)
        longest, last = 0.0, time.perf_counter()
        thread.start()
        turns = 0
        while thread.is_alive():
            time.sleep(0)
            now = time.perf_counter()
            longest, last, turns = max(longest, now - last), now, turns + 1
        assert turns > 1000 * seconds[0], f"{turns} turns in {seconds[0]} s, the longest wait {longest} s"


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120, check=False
    )
    if "NoDeviceError" in done.stderr:
        pytest.skip(done.stderr)
    return done


SETTING = """
import sys, threading, time
sys.path.insert(0, {folder!r})
import lemnos
from conftest import SMALL, make_quarters
device = lemnos.Device()
quarters = lemnos.Dataset.create(*make_quarters(), classes=4)
model = lemnos.Model.build(device, "mobilenet_v2", **SMALL)
trainer = lemnos.Trainer(model, quarters, batch=16, epochs=100000)
trainer.step()
"""


@pytest.mark.parametrize(
    "end",
    [
        "pass",
        "sys.exit(0)",
        "device.close()",
        "cycle = [device, trainer]; cycle.append(cycle); del device, trainer",
        "sys.modules['kept'] = [device, model, trainer]",
        "import builtins; builtins.kept = trainer; del device",
        "threading.Thread(target=lambda: [None for _ in trainer], daemon=True).start(); time.sleep(0.5)",
        "[threading.Thread(target=lambda: [model.evaluate(quarters) for _ in range(10**9)], daemon=True).start() "
        "for _ in range(3)]; time.sleep(0.5)",
        "import os, atexit; atexit.register(lambda: trainer.close())",
    ],
)
def test_the_end_of_the_process_with_everything_open(end):
    import os

    for _ in range(2):
        done = run(SETTING.format(folder=os.path.dirname(os.path.abspath(__file__))) + end)
        assert done.returncode == 0, (done.returncode, done.stderr)
        assert "terminate" not in done.stderr and "Fatal" not in done.stderr


def test_devices_are_closed_before_the_driver_goes():
    done = run(
        """
        import atexit

        @atexit.register
        def last():  # registered first, so run last
            try:
                device.counters()
            except lemnos.DeviceClosedError:
                print("closed")

        import lemnos
        device = lemnos.Device()
        """
    )
    assert (done.returncode, done.stdout) == (0, "closed\n"), done.stderr


def test_importing_twice():
    done = run(
        """
        import importlib, os, sys
        import lemnos
        for name in [name for name in sys.modules if name.startswith("lemnos")]:
            del sys.modules[name]
        import lemnos as again
        try:
            again.Optimizer("adma")
        except again.NotFoundError:
            print("good")
        """
    )
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_nothing_leaks():
    """10,000 times everything that is cheap, each used and dropped, failures among them."""
    numpy = pytest.importorskip("numpy")
    gc.collect()
    others = lemnos._native.live_for_tests()
    device = open_device()
    data = numpy.arange(256, dtype=numpy.float32)
    into = numpy.zeros_like(data)

    def cycle():
        tensor = device.tensor(data)
        tensor.read(into)
        numpy.from_dlpack(tensor)
        graph = lemnos.Graph()
        x = graph.input("x", tensor.shape)
        graph.gradients(lemnos.operators.sum(x), [x])
        graph.json()
        lemnos.Optimizer("radam", rate=0.1)
        lemnos.Schedule("cosine").factor(1, 10, 5)
        for wrong in (lambda: lemnos.Optimizer("adma"), lambda: tensor.write(data[:5]), lambda: tensor.read(data.astype(int))):
            with pytest.raises((lemnos.LemnosError, TypeError)):
                wrong()

    for _ in range(2000):
        cycle()
    gc.collect()
    before, handles = resident(), device.counters()
    for _ in range(10000):
        cycle()
    gc.collect()
    after = device.counters()
    assert after["memory_bytes"] == handles["memory_bytes"] and after["buffers"] == handles["buffers"]
    growth = resident() / before - 1
    live = lemnos._native.live_for_tests() - others
    print(f"{live} handle alive (the device), RSS grew by {growth:.3%} of {before} bytes")
    assert live == 1
    assert growth < 0.02
    device.close()
    del device, cycle
    gc.collect()
    assert lemnos._native.live_for_tests() == others


def test_devices_and_models_do_not_leak():
    """The dear ones, fewer; the driver and the allocator take their time until they need no more, and threads that come
    and go leave some per cent more or less behind from one time to the next: the least of fifteen times is compared, up to
    four times with that of the fifteen before. What leaks grows in each."""

    def least_of(times):
        sizes = []
        for _ in range(times):
            with open_device() as device:
                objects = everything(device)
                objects["trainer"].step()
                objects["plan"].run()
                objects["predictor"].run(bytes(64))
            del objects
            gc.collect()
            sizes.append(resident())
        return min(sizes)

    least_of(25)
    before = least_of(15)
    for _ in range(4):
        least = least_of(15)
        growth = least / before - 1
        print(f"RSS grew by {growth:.3%} of {before} bytes")
        if growth < 0.02:
            return
        before = least
    assert growth < 0.02
