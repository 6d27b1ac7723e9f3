"""Every result code is an exception with its message, code and step."""

import pytest

import lemnos
from lemnos import _native, errors

CODES = {name: value for name, value in vars(_native).items() if name.startswith("ERROR_")}


def test_every_code_has_a_class_of_its_own():
    assert len(CODES) >= 14
    assert set(errors.CLASSES) == set(CODES.values())
    assert len(set(errors.CLASSES.values())) == len(CODES)
    for kind in errors.CLASSES.values():
        assert issubclass(kind, lemnos.LemnosError)
        assert getattr(lemnos, kind.__name__) is kind


@pytest.mark.parametrize("name", CODES)
def test_names_are_those_of_the_header(name):
    error = errors.CLASSES[CODES[name]]("A sentence.")
    assert (error.code, error.name, error.message, str(error)) == (CODES[name], "LEM_" + name, "A sentence.", "A sentence.")
    assert error.step is None


@pytest.mark.parametrize("code", [*CODES.values(), -9999])
def test_a_native_failure_arrives_as_its_class(code):
    with pytest.raises(lemnos.LemnosError) as caught:
        _native.fail_for_tests(code, "Ein Satz über „Umlaute“.", 7)
    assert type(caught.value) is errors.CLASSES.get(code, lemnos.LemnosError)
    assert (caught.value.code, caught.value.message, caught.value.step) == (code, "Ein Satz über „Umlaute“.", 7)


def test_a_later_code_is_the_base_class():
    with pytest.raises(lemnos.LemnosError) as caught:
        _native.fail_for_tests(-12345, "Something new.", -1)
    assert type(caught.value) is lemnos.LemnosError
    assert (caught.value.code, caught.value.name, caught.value.step) == (-12345, "an unknown result", None)


def test_sentences_are_the_librarys():
    with pytest.raises(lemnos.NotFoundError, match='^There is no optimizer "adma". Did you mean "adam"\\?$'):
        lemnos.Optimizer("adma")
    with pytest.raises(lemnos.InvalidArgumentError, match='^Optimizer adam has no attribute "beta". Did you mean "beta1"\\?$'):
        lemnos.Optimizer("adam", beta=0.9)


def test_idioms():
    with pytest.raises(ValueError):
        lemnos.Optimizer("adam", beta=0.9)
    with pytest.raises(LookupError):
        lemnos.Schedule("cosin")
    with pytest.raises(lemnos.LemnosError):
        lemnos.Dataset.open("/nowhere/at/all")


def test_a_text_with_a_zero_is_refused():
    with pytest.raises(lemnos.InvalidArgumentError, match="zero character"):
        lemnos.Optimizer("adam\0x")


def test_a_diverged_training_names_its_step(device, quarters, model):
    trainer = lemnos.Trainer(model, quarters, "sgd", batch=16, micro_batch=16, epochs=50)
    trainer.step()
    trainer.progress(wait=True)
    model.write("classifier.1.bias", [float("nan")] * 4)
    with pytest.raises(lemnos.InvalidStateError, match="diverged|finite") as caught:
        trainer.run()
    assert caught.value.step >= 2


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda device, data, model: lemnos.Trainer(data, model), "A Model is needed .given: <lemnos.Dataset of 64 images"),
        (lambda device, data, model: lemnos.Trainer(model, "photos"), "A Dataset is needed .given: 'photos'"),
        (lambda device, data, model: lemnos.Trainer(model, data, 3), "An Optimizer is needed .given: 3"),
        (lambda device, data, model: lemnos.Trainer(model, data, "adam", 0.1), "A Schedule is needed .given: 0.1"),
        (lambda device, data, model: lemnos.Model.build("cpu", "mobilenet_v2"), "A Device is needed .given: 'cpu'"),
        (lambda device, data, model: lemnos.Tensor(None, [1]), "A Device is needed .given: None"),
        (lambda device, data, model: model.evaluate(None), "A Dataset is needed .given: None"),
        (lambda device, data, model: lemnos.Predictor(data), "A Model is needed"),
        (lambda device, data, model: lemnos.Graph().op("relu", 1), "A Value is needed .given: 1"),
        (lambda device, data, model: lemnos.Graph().input("x", [1]) + 1, "unsupported operand"),
    ],
)
def test_what_is_of_another_kind_is_said(device, quarters, model, call, words):
    with pytest.raises(TypeError, match=words):
        call(device, quarters, model)


def test_threads_have_sentences_of_their_own():
    import threading

    wrong = []

    def provoke(name):
        for _ in range(200):
            try:
                lemnos.Optimizer(name)
            except lemnos.NotFoundError as error:
                if f'"{name}"' not in error.message:
                    wrong.append(error.message)

    threads = [threading.Thread(target=provoke, args=(f"nothing{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
