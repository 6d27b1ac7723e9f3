"""Pictures are drawn of what they are given."""

import pytest

import lemnos

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plot = pytest.importorskip("lemnos.plot")


def test_curves(trainer, tmp_path):
    history = trainer.run()
    axes = plot.curves(history)
    lines = {line.get_label(): line for each in axes.figure.axes for line in each.get_lines()}
    history = [standing for standing in history if standing.images]
    assert list(lines["loss"].get_xdata()) == [standing.step for standing in history] and len(history) > 1
    assert list(lines["loss"].get_ydata()) == [standing.loss for standing in history]
    assert list(lines["accuracy"].get_ydata()) == [100 * standing.accuracy for standing in history]
    axes.figure.savefig(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 5000
    grown = [history[-1]._replace(step=step, batch=8 * (1 + step // 4)) for step in range(1, 9)]
    axes = plot.curves(grown)
    assert [text.get_text() for text in axes.texts] == ["batch 16", "batch 24"]


def test_confusion(model, trainer, quarters):
    trainer.run()
    counts = plot.confusion(model, quarters, batch=10)
    assert [sum(row) for row in counts] == [16, 16, 16, 16]
    assert sum(counts[i][i] for i in range(4)) == model.evaluate(quarters).correct
    axes = plot.confusion_matrix(counts, quarters.class_names)
    assert {text.get_text() for text in axes.texts} == {str(count) for row in counts for count in row if count}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1", "2", "3"]


def test_boxes(quarters):
    axes = plot.boxes(quarters[0].pixels, [(1, 0.5, 1, 2, 5, 7), (0, 0, 0, 8, 8)], ["cat", "dog"])
    [first, second] = axes.patches
    assert (first.get_xy(), first.get_width(), first.get_height()) == ((2, 1), 5, 4)
    assert (second.get_xy(), second.get_width(), second.get_height()) == ((0, 0), 8, 8)
    assert [text.get_text() for text in axes.texts] == ["dog 50%", "cat"]
    assert len(axes.images) == 1
    lemnos.plot.boxes(memoryview(bytes(48)).cast("B", (4, 4, 3)), [(0, 0.9, 0, 0, 1, 1)])


def test_boxes_of_a_detector():
    found = [lemnos.Box("dog", 0.5, 0.25, 0.25, 0.75, 1.0), lemnos.Box("cat", 1, 0, 0, 1, 1), lemnos.Box("dog", 1, 0, 0, 1, 1)]
    axes = plot.boxes(memoryview(bytes(4 * 8 * 3)).cast("B", (4, 8, 3)), found)
    first, second, third = axes.patches
    assert (first.get_xy(), first.get_width(), first.get_height()) == ((2, 1), 6, 2)
    assert (second.get_width(), second.get_height()) == (8, 4)
    assert first.get_edgecolor() == third.get_edgecolor() != second.get_edgecolor()
    assert [text.get_text() for text in axes.texts] == ["dog 50%", "cat", "dog"]
