"""Training: steps, loops, bars, checkpoints."""

import io
import os
import subprocess
import sys

import pytest

import lemnos
from lemnos.progress import Bar


def test_steps_to_the_end(trainer, model, quarters):
    assert trainer.progress().steps == 8
    assert [trainer.step() for _ in range(9)] == [True] * 8 + [False]
    end = trainer.progress(wait=True)
    assert (end.step, end.images, end.epoch) == (8, 128, 1)
    assert end.loss > 0 and end.rate < 0.01
    assert "step 8 of 8" in repr(trainer)
    assert model.evaluate(quarters).accuracy == model.evaluate(quarters).correct / 64


def test_a_loop_over_the_trainer(trainer):
    seen = [standing.step for standing in trainer]
    assert seen == list(range(1, 9))
    assert list(trainer) == []


def test_run(trainer):
    seen = []
    first = trainer.run(seen.append, steps=3)
    assert [standing.step for standing in first] == [1, 2, 3] and seen == first
    rest = trainer.run()
    assert [standing.step for standing in rest] == [4, 5, 6, 7, 8]
    assert rest[-1].images == 128


def test_a_function_may_stop_a_run(trainer):
    def stop(standing):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.run(stop)
    assert trainer.step()


def test_a_checkpoint_resumes_to_the_same_bits(device, quarters, tmp_path):
    from conftest import SMALL

    def make():
        model = lemnos.Model.build(device, "mobilenet_v2", **SMALL)
        model.prepare(quarters)
        optimizer = lemnos.Optimizer("radam", rate=0.01)
        return model, lemnos.Trainer(model, quarters, optimizer, "cosine", batch=16, epochs=2, average=0.9)

    model, trainer = make()
    trainer.run(steps=4)
    trainer.save(tmp_path / "checkpoint.safetensors")
    trainer.run()
    trainer.swap_average()
    averaged = model.read("classifier.1.bias", 4).tolist()
    trainer.swap_average()
    again, resumed = make()
    resumed.resume(tmp_path / "checkpoint.safetensors")
    resumed.run()
    assert again.read("classifier.1.bias", 4).tolist() == model.read("classifier.1.bias", 4).tolist() != averaged


def test_event_files(model, quarters, tmp_path):
    """What TensorBoard shows, read by the reader of the command's tests, which is not TensorBoard's own."""
    folder = tmp_path / "runs" / "first"
    trainer = lemnos.Trainer(model, quarters, "radam", batch=16, micro_batch=8, epochs=2, events=str(folder))
    history = trainer.run()
    trainer.log("test/accuracy", 0.75)
    trainer.close()
    [file] = folder.glob("events.out.tfevents.*")
    reader = os.path.join(os.environ["LEMNOS_SOURCE"], "tests", "cli", "read_events.py")
    done = subprocess.run([sys.executable, reader, str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for tag in ("loss", "accuracy", "rate", "batch"):
        assert [line.split()[1] for line in lines if line.startswith(f"train/{tag} ")] == [str(step) for step in range(1, 9)]
    assert "test/accuracy 8 0.75" in lines
    assert f"train/rate 8 {history[-1].rate:.6g}" in lines and "train/batch 8 16" in lines


def standing(step, steps=20):
    return lemnos.Progress(0, step, steps, step, 1.5, 0.25, 0.1, 1.0, 10.0, 8, 1, 1.0, 0.0, 1.0, 0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def without_tqdm(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tqdm.auto", None)


def test_a_bar_in_a_file(monkeypatch):
    without_tqdm(monkeypatch)
    file = io.StringIO()
    bar = Bar(file)
    for step in range(1, 21):
        bar._shown = float("-inf")
        bar.show(standing(step))
    bar.close()
    lines = file.getvalue().splitlines()
    assert 10 <= len(lines) <= 11
    assert lines[-1].startswith("epoch 1, step 20/20 [####################] loss 1.5000, accuracy 25.0%")


def test_a_bar_in_a_terminal(monkeypatch):
    without_tqdm(monkeypatch)
    file = Terminal()
    bar = Bar(file)
    bar.show(standing(1))
    bar.show(standing(2))  # too soon
    bar.show(standing(20))  # the last is always shown
    bar.close()
    assert file.getvalue().count("\r") == 2 and file.getvalue().endswith("\n")


def test_a_bar_of_tqdm(monkeypatch):
    import sys
    import types

    seen = []

    class Tqdm:
        n = 0

        def __init__(self, **options):
            self.total = None

        def set_postfix(self, **values):
            seen.append(values["loss"])

        def update(self, steps):
            self.n += steps

        def close(self):
            seen.append((self.n, self.total))

    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=Tqdm))
    bar = Bar()
    bar.show(standing(1))
    bar.show(standing(20))
    bar.close()
    assert seen == ["1.5000", "1.5000", (20, 20)]


def test_a_bar_in_a_notebook(monkeypatch):
    import sys
    import types

    without_tqdm(monkeypatch)
    texts = []

    class ZMQInteractiveShell:
        pass

    class Handle:
        def update(self, bundle, raw):
            texts.append(bundle["text/plain"])

    notebook = types.SimpleNamespace(get_ipython=ZMQInteractiveShell)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(
        sys.modules, "IPython.display", types.SimpleNamespace(display=lambda bundle, raw, display_id: Handle())
    )
    bar = Bar()
    bar.show(standing(20))
    bar.close()
    assert len(texts) == 1 and "step 20/20" in texts[0]


def test_run_with_a_bar(trainer, capsys, monkeypatch):
    without_tqdm(monkeypatch)
    trainer.run(progress=True)
    assert "step 8/8" in capsys.readouterr().err
