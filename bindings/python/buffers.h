// Python's buffers and lists as arrays of C.
#pragma once

#include <Python.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

// A buffer that is borrowed until this object goes.
struct Buffer {
    Py_buffer view{};

    // formats: the letters of the struct module that will do, all of 4 bytes; NULL: any.
    bool take(PyObject* object, int flags, const char* formats) {
        if (PyObject_GetBuffer(object, &view, flags) != 0) return false;
        if (!formats) return true;
        const char* format = view.format ? view.format : "B";
        const char* letter = format;
#if PY_LITTLE_ENDIAN
        if (std::strchr("@=<", *letter)) ++letter;
#else
        if (std::strchr("@=>!", *letter)) ++letter;
#endif
        if (*letter && !letter[1] && std::strchr(formats, *letter) && view.itemsize == 4) return true;
        PyErr_Format(PyExc_TypeError, "The buffer holds items of format '%s' (needed: '%c', %s).", format,
                     *formats, *formats == 'f' ? "32-bit floating point" : "32-bit integers");
        return false;
    }
    Buffer() = default;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() {
        if (view.obj) PyBuffer_Release(&view);
    }
};

// Calls take(item) for every item of a list, a tuple or anything else that can be walked.
template <typename Take>
bool for_each_item(PyObject* object, Take&& take) {
    PyObject* const list = PySequence_Fast(object, "A list of numbers is needed.");
    if (!list) return false;
    bool good = true;
    for (Py_ssize_t i = 0; good && i < PySequence_Fast_GET_SIZE(list); ++i)
        good = take(PySequence_Fast_GET_ITEM(list, i));
    Py_DECREF(list);
    return good;
}

// Whatever Python takes for an index, numpy's integers included.
template <typename Integer>
bool integers(PyObject* object, std::vector<Integer>& result) {
    return for_each_item(object, [&](PyObject* item) {
        PyObject* const index = PyNumber_Index(item);
        if (!index) return false;
        const long long value = PyLong_AsLongLong(index);
        Py_DECREF(index);
        if (value == -1 && PyErr_Occurred()) return false;
        if (value < std::numeric_limits<Integer>::min() || value > std::numeric_limits<Integer>::max()) {
            PyErr_Format(PyExc_OverflowError, "The number %lld does not fit into %d bits.", value,
                         int(8 * sizeof(Integer)));
            return false;
        }
        result.push_back(Integer(value));
        return true;
    });
}

inline bool numbers(PyObject* object, std::vector<double>& result) {
    return for_each_item(object, [&](PyObject* item) {
        result.push_back(PyFloat_AsDouble(item));
        return result.back() != -1 || !PyErr_Occurred();
    });
}
