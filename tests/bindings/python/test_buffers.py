"""Memory in and out: what is taken as it lies, and what is refused."""

import array
import gc
import struct

import pytest

import lemnos

numpy = pytest.importorskip("numpy")

DTYPES = {"f32": numpy.float32, "f16": numpy.float16, "i32": numpy.int32, "u8": numpy.uint8}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (2, 1, 3, 2)])
def test_there_and_back(device, dtype, shape):
    data = numpy.arange(numpy.prod(shape, dtype=int)).astype(DTYPES[dtype]).reshape(shape)
    tensor = device.tensor(data)
    assert (tensor.shape, tensor.dtype.name.lower(), tensor.nbytes) == (shape, dtype, data.nbytes)
    assert tensor.numpy().dtype == data.dtype
    assert (tensor.numpy() == data).all()
    assert tensor.tolist() == data.tolist()
    into = numpy.zeros_like(data)
    tensor.read(into)
    assert (into == data).all()
    assert numpy.asarray(tensor.read()).tobytes() == data.tobytes()


def test_without_numpy(device):
    tensor = device.tensor([[1, 2], [3, 4]])
    assert tensor.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    tensor.write(array.array("f", [5, 6, 7, 8]))
    assert tensor.tolist() == [[5.0, 6.0], [7.0, 8.0]]
    tensor.write(struct.pack("=4f", 1, 2, 3, 4))
    assert tensor.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert device.tensor(3).item() == 3.0
    assert device.tensor([1.5, -2], dtype="f16").tolist() == [1.5, -2.0]
    with pytest.raises(ValueError, match="same length"):
        device.tensor([[1, 2], [3]])
    with pytest.raises(ValueError, match="2 elements"):
        device.tensor([1, 2]).item()


@pytest.mark.parametrize(
    "data, error, words",
    [
        (numpy.zeros((2, 3)), TypeError, r"format 'd' \(float64\); convert them first \(needed: f32\)"),
        (numpy.zeros((2, 3), numpy.int32), TypeError, "i32 .needed: f32"),
        (numpy.zeros((2, 3), ">f4"), TypeError, "'>f'"),
        (numpy.zeros((3, 2), numpy.float32).T, BufferError, "C-contiguous"),
        (numpy.zeros((2, 6), numpy.float32)[:, ::2], BufferError, "C-contiguous"),
        (numpy.zeros((3, 2), numpy.float32), ValueError, "shape"),
        (numpy.zeros(5, numpy.float32), lemnos.InvalidArgumentError, r"bytes \(20\).*\(24\)"),
        (b"123", lemnos.InvalidArgumentError, r"bytes \(3\)"),
        ("text", TypeError, "str holds no numbers"),
        (None, TypeError, "NoneType"),
    ],
)
def test_what_does_not_fit_is_not_written(device, data, error, words):
    tensor = device.tensor(numpy.full((2, 3), 7, numpy.float32))
    with pytest.raises(error, match=words):
        tensor.write(data)
    assert (tensor.numpy() == 7).all()


def test_a_callers_array_is_never_replaced_by_a_copy(device):
    tensor = device.tensor(numpy.full((2, 3), 7, numpy.float32))
    whole = numpy.zeros((2, 6), numpy.float32)
    for into, error in [
        (whole[:, ::2], BufferError),
        (numpy.zeros((3, 2), numpy.float32).T, BufferError),
        (numpy.zeros((2, 3), numpy.float64), TypeError),
        (numpy.zeros((3, 2), numpy.float32), ValueError),
        (b"0" * 24, TypeError),
    ]:
        with pytest.raises(error):
            tensor.read(into)
    read_only = numpy.zeros((2, 3), numpy.float32)
    read_only.flags.writeable = False
    with pytest.raises(BufferError, match="can only be read"):
        tensor.read(read_only)
    with pytest.raises(TypeError, match="A list is no memory"):
        tensor.read([0] * 6)
    assert not whole.any() and not read_only.any()


def test_a_borrowed_buffer_is_given_back(device):
    tensor = lemnos.Tensor(device, (4,), "u8")
    memory = bytearray(4)
    tensor.write(memory)
    memory.append(0)  # a BufferError while the buffer is lent
    with pytest.raises(lemnos.InvalidArgumentError):
        tensor.write(memory)
    memory.append(0)


def test_floats_and_labels_are_checked(model):
    bias = numpy.zeros(4, numpy.float32)
    model.read("classifier.1.bias", bias)
    model.write("classifier.1.bias", numpy.arange(4, dtype=numpy.float32))
    assert model.read("classifier.1.bias", 4).tolist() == [0, 1, 2, 3]
    with pytest.raises(TypeError, match="'d'"):
        model.read("classifier.1.bias", numpy.zeros(4))
    for other in (numpy.int32, numpy.float16, ">f4"):
        with pytest.raises(TypeError, match="32-bit floating point"):
            model.read("classifier.1.bias", numpy.zeros(4, other))
        with pytest.raises(TypeError):
            model.write("classifier.1.bias", numpy.zeros(4, other))
    with pytest.raises(lemnos.InvalidArgumentError, match="elements"):
        model.read("classifier.1.bias", 5)
    with pytest.raises(TypeError, match="format 'l'"):
        lemnos.Dataset.create(numpy.zeros((2, 8, 8, 1), numpy.uint8), numpy.zeros(2, numpy.int64))
    with pytest.raises(ValueError, match="labels"):
        lemnos.Dataset.create(numpy.zeros((2, 8, 8, 1), numpy.uint8), numpy.zeros(3, numpy.int32))


def test_shapes_take_whatever_is_an_index(device):
    assert lemnos.Tensor(device, numpy.array([2, 3])).shape == (2, 3)
    assert lemnos.Tensor(device, iter([numpy.int32(4)])).shape == (4,)
    for shape in ([2.5], ["2"], 3, [2**70]):
        with pytest.raises((TypeError, OverflowError)):
            lemnos.Tensor(device, shape)
    with pytest.raises(lemnos.InvalidArgumentError):
        lemnos.Tensor(device, [0])


def test_dlpack(device):
    data = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
    tensor = device.tensor(data)
    assert tensor.__dlpack_device__() == (1, 0)
    taken = numpy.from_dlpack(tensor)
    del tensor
    gc.collect()
    assert (taken == data).all()

    class OnlyDlpack:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self):
            return self.array.__dlpack__()

    assert lemnos.Tensor.from_dlpack(device, OnlyDlpack(data)).tolist() == data.tolist()
    tensor = lemnos.Tensor(device, (2, 3))
    tensor.write(OnlyDlpack(data))
    assert tensor.tolist() == data.tolist()
    with pytest.raises(BufferError, match="C-contiguous"):
        tensor.write(OnlyDlpack(data.T))
    with pytest.raises(TypeError, match="64 bits"):
        tensor.write(OnlyDlpack(data.astype(float)))
    with pytest.raises(BufferError, match="copied"):
        tensor.__dlpack__(copy=False)
    with pytest.raises(TypeError, match="consumed"):
        capsule = data.__dlpack__()
        lemnos._native.dlpack_import(capsule)
        lemnos._native.dlpack_import(capsule)


def test_dlpack_frees_what_it_held(device):
    import sys

    data = numpy.zeros(1000, numpy.float32)
    before = sys.getrefcount(data)
    for _ in range(10):
        capsule = lemnos._native.dlpack_export(data, 2, 32)
        assert sys.getrefcount(data) > before
        del capsule
        assert sys.getrefcount(data) == before
        view, *_, owner = lemnos._native.dlpack_import(lemnos._native.dlpack_export(data, 2, 32))
        assert sys.getrefcount(data) > before
        del view, owner
        assert sys.getrefcount(data) == before


def test_asarray(device):
    tensor = device.tensor([1, 2, 3])
    assert numpy.asarray(tensor).tolist() == [1, 2, 3]
    assert numpy.asarray(tensor, dtype=numpy.float64).dtype == numpy.float64
