// Failures as Python's exceptions. Their classes are made in Python (lemnos/errors.py) and registered here
// once.
#pragma once

#include <Python.h>

#include <cstdint>
#include <cstring>

inline PyObject* failure_base = nullptr;    // LemnosError
inline PyObject* failure_classes = nullptr; // a dict from codes to classes

inline PyObject* register_failures(PyObject* base, PyObject* classes) {
    Py_INCREF(base);
    Py_INCREF(classes);
    Py_XSETREF(failure_base, base);
    Py_XSETREF(failure_classes, classes);
    Py_RETURN_NONE;
}

// A code without a class of its own is one of a later version.
inline void raise_failure(int32_t code, const char* sentence, int64_t step) {
    if (!failure_base) {
        PyErr_SetString(PyExc_RuntimeError, sentence);
        return;
    }
    PyObject* const number = PyLong_FromLong(code);
    PyObject* const text = PyUnicode_DecodeUTF8(sentence, Py_ssize_t(std::strlen(sentence)), "replace");
    PyObject* kind = number ? PyDict_GetItemWithError(failure_classes, number) : nullptr;
    if (!kind) kind = failure_base;
    PyObject* const error = number && text ? PyObject_CallFunctionObjArgs(kind, text, nullptr) : nullptr;
    PyObject* const at = step < 0 ? nullptr : PyLong_FromLongLong(step); // None is the class's own
    if (error && PyObject_SetAttrString(error, "code", number) == 0 &&
        (!at || PyObject_SetAttrString(error, "step", at) == 0))
        PyErr_SetObject(kind, error);
    Py_XDECREF(at);
    Py_XDECREF(error);
    Py_XDECREF(text);
    Py_XDECREF(number);
}
