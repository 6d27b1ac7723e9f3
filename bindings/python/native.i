/* The extension module lemnos._native: objects.h for Python, nearly bare. The package's Python files make it pleasant.
 *
 * Classes are built-in types (swig -builtin): an object is its handle, and a call costs no dictionary. Arrays come as
 * buffers (PEP 3118), without numpy's C API; a buffer is borrowed for the whole call, while other threads have their turn.
 */
%module native

%{
#include "buffers.h"
#include "dlpack.h"
#include "failures.h"
%}

%define LEMNOS_HANDLE(Class)
%enddef
%define LEMNOS_VALUE(Class)
%enddef

/* SWIG's own way back (a destructor that takes the lock) would end the process where a daemon thread comes back after the
   interpreter has ended: Python then unwinds the thread, which no destructor may do. */
%{
#define LEMNOS_ENTER PyThreadState *const thread = PyEval_SaveThread();
#define LEMNOS_LEAVE PyEval_RestoreThread(thread);
#define LEMNOS_RAISE(failure) raise_failure((failure).code(), (failure).what(), (failure).step()); SWIG_fail
%}

/* ---- the catalogue ----------------------------------------------------------------------------------------------- */

%include "../common/buffers.i"

%typemap(in) (const void *DATA_IN, int64_t BYTES) (Buffer buffer) {
    if (!buffer.take($input, PyBUF_SIMPLE, nullptr)) SWIG_fail;
    $1 = buffer.view.buf;
    $2 = int64_t(buffer.view.len);
}
%typemap(in) (void *DATA_OUT, int64_t BYTES) (Buffer buffer) {
    if (!buffer.take($input, PyBUF_WRITABLE, nullptr)) SWIG_fail;
    $1 = buffer.view.buf;
    $2 = int64_t(buffer.view.len);
}
%typemap(in) (const float *FLOATS_IN, int64_t ELEMENTS) (Buffer buffer) {
    if (!buffer.take($input, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT, "f")) SWIG_fail;
    $1 = static_cast<float *>(buffer.view.buf);
    $2 = int64_t(buffer.view.len / 4);
}
%typemap(in) (float *FLOATS_OUT, int64_t ELEMENTS) (Buffer buffer) {
    if (!buffer.take($input, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE, "f")) SWIG_fail;
    $1 = static_cast<float *>(buffer.view.buf);
    $2 = int64_t(buffer.view.len / 4);
}
%typemap(in) (const int32_t *LABELS, int64_t LABEL_COUNT) (Buffer buffer) {
    if (!buffer.take($input, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT, "il")) SWIG_fail;
    $1 = static_cast<int32_t *>(buffer.view.buf);
    $2 = int64_t(buffer.view.len / 4);
}
%typemap(in) (const int64_t *SHAPE, int32_t RANK) (std::vector<int64_t> list) {
    if (!integers($input, list)) SWIG_fail;
    $1 = list.data();
    $2 = int32_t(list.size());
}
%typemap(in) (const int32_t *VALUES, int32_t VALUE_COUNT) (std::vector<int32_t> list) {
    if (!integers($input, list)) SWIG_fail;
    $1 = list.data();
    $2 = int32_t(list.size());
}
%typemap(in) (const double *NUMBERS, int32_t NUMBER_COUNT) (std::vector<double> list) {
    if (!numbers($input, list)) SWIG_fail;
    $1 = list.data();
    $2 = int32_t(list.size());
}
%typemap(out) lemnos::binding::Shape {
    $result = PyTuple_New($1.rank);
    for (int32_t i = 0; $result && i < $1.rank; ++i)
        PyTuple_SET_ITEM($result, i, PyLong_FromLongLong($1.extents[i]));
}
%typemap(out) lemnos::binding::Values {
    $result = PyList_New(Py_ssize_t($1.size()));
    for (size_t i = 0; $result && i < $1.size(); ++i)
        PyList_SET_ITEM($result, Py_ssize_t(i), PyLong_FromLong($1[i]));
}
LEMNOS_APPLY_BUFFERS

%include "../common/lemnos.i"

/* ---- Python's own ------------------------------------------------------------------------------------------------ */

/* With Python's lock held, and with their own exceptions. */
%exception register_failures;
%exception dlpack_export;
%exception dlpack_import;
PyObject *register_failures(PyObject *base, PyObject *classes);
PyObject *dlpack_export(PyObject *view, int code, int bits);
PyObject *dlpack_import(PyObject *capsule);
