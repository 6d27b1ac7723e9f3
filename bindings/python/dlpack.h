// DLPack for memory of the host: https://dmlc.github.io/dlpack, the layout of version 0 that every consumer
// takes.
#pragma once

#include "buffers.h"

#include <memory>

namespace dlpack {

struct Tensor {
    void* data;
    int32_t device_type, device_id;
    int32_t rank;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape, *strides;
    uint64_t byte_offset;
};
struct Managed {
    Tensor tensor;
    void* context;
    void (*deleter)(Managed*);
};
constexpr int32_t cpu = 1;

// What an exported tensor holds: the buffer, borrowed as long as the consumer wants it.
struct Export {
    Managed managed{};
    Buffer buffer;
    std::vector<int64_t> shape;
};

// Consumers may let go from any thread.
inline void let_go(Managed* managed) {
    if (!Py_IsInitialized()) return;
    const PyGILState_STATE state = PyGILState_Ensure();
    delete static_cast<Export*>(managed->context);
    PyGILState_Release(state);
}

// A capsule whose name is still the first has not been consumed.
inline void drop_capsule(PyObject* capsule) {
    if (!PyCapsule_IsValid(capsule, "dltensor")) return;
    Managed* const managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, "dltensor"));
    if (managed->deleter) managed->deleter(managed);
}

inline void drop_imported(PyObject* capsule) {
    Managed* const managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, "lemnos_imported"));
    if (managed && managed->deleter) managed->deleter(managed);
}

inline PyObject* refuse(PyObject* kind, const char* sentence) {
    PyErr_SetString(kind, sentence);
    return nullptr;
}

} // namespace dlpack

// A capsule "dltensor" over a C-contiguous, writable buffer.
inline PyObject* dlpack_export(PyObject* view, int code, int bits) {
    auto made = std::make_unique<dlpack::Export>();
    if (!made->buffer.take(view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE, nullptr)) return nullptr;
    const Py_buffer& buffer = made->buffer.view;
    made->shape.assign(buffer.shape, buffer.shape + buffer.ndim);
    dlpack::Tensor& tensor = made->managed.tensor;
    tensor.data = buffer.buf;
    tensor.device_type = dlpack::cpu;
    tensor.rank = buffer.ndim;
    tensor.code = uint8_t(code);
    tensor.bits = uint8_t(bits);
    tensor.lanes = 1;
    tensor.shape = made->shape.data();
    made->managed.context = made.get();
    made->managed.deleter = dlpack::let_go;
    PyObject* const capsule = PyCapsule_New(&made->managed, "dltensor", dlpack::drop_capsule);
    if (capsule) made.release();
    return capsule;
}

// (bytes, code, bits, shape, owner) of a capsule "dltensor", which is consumed. bytes is a memoryview that is
// good as long as the owner lives.
inline PyObject* dlpack_import(PyObject* capsule) {
    using namespace dlpack;
    if (!PyCapsule_IsValid(capsule, "dltensor"))
        return refuse(PyExc_TypeError, "This is no DLPack capsule, or one that was consumed before.");
    Managed* const managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, "dltensor"));
    const Tensor& tensor = managed->tensor;
    if (tensor.device_type != cpu)
        return refuse(PyExc_BufferError, "Only memory of the host can be taken over DLPack.");
    if (tensor.lanes != 1)
        return refuse(PyExc_BufferError, "Vectors as elements cannot be taken over DLPack.");
    int64_t elements = 1;
    for (int32_t i = tensor.rank; i-- > 0;) {
        if (tensor.strides && tensor.shape[i] != 1 && tensor.strides[i] != elements)
            return refuse(PyExc_BufferError,
                          "The array is not C-contiguous; make a contiguous copy of it first.");
        elements *= tensor.shape[i];
    }
    PyObject* const shape = PyTuple_New(tensor.rank);
    for (int32_t i = 0; shape && i < tensor.rank; ++i)
        PyTuple_SET_ITEM(shape, i, PyLong_FromLongLong(tensor.shape[i]));
    char* const data = static_cast<char*>(tensor.data) + tensor.byte_offset;
    PyObject* const bytes =
        PyMemoryView_FromMemory(data, Py_ssize_t(elements * (tensor.bits / 8)), PyBUF_READ);
    PyObject* const owner =
        shape && bytes ? PyCapsule_New(managed, "lemnos_imported", drop_imported) : nullptr;
    if (!owner) {
        Py_XDECREF(bytes);
        Py_XDECREF(shape);
        return nullptr;
    }
    PyCapsule_SetName(capsule, "used_dltensor"); // ours now
    return Py_BuildValue("(NiiNN)", bytes, int(tensor.code), int(tensor.bits), shape, owner);
}
