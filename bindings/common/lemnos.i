/* Lemnos for SWIG: what all languages share. objects.h says it as C++ classes; this file shows them to SWIG.
 *
 * A language has one interface file, which does the following in this order and nothing else:
 *
 *   1. %module, and the typemaps of the language for bool, std::string (UTF-8, copied) and the integers of stdint.i.
 *   2. The two macros, which may be empty:
 *        LEMNOS_HANDLE(Class)   for every class with close(): Device, Tensor, Graph, Plan, Model, Dataset, Optimizer,
 *                               Schedule, Trainer, Predictor. Typemaps that shape such a class belong here.
 *        LEMNOS_VALUE(Class)    for every class that is a plain value: Progress, Metrics, ModelInput, ImageSize.
 *   3. Inside %{ %} the C++ macro LEMNOS_RAISE(failure): makes the pending exception of the language from failure.code() (a
 *      lem_result, or one that this version does not know, which then is the base class of all), failure.what() (the
 *      sentence) and failure.step() (of a training; -1 otherwise), and leaves the wrapper (Python: SWIG_fail; Java and C#:
 *      return 0). And LEMNOS_ENTER and LEMNOS_LEAVE, which surround the call itself: Python gives other threads their turn.
 *   4. The catalogue of buffers.i, whole.
 *   5. %include "lemnos.i".
 *
 * What it gets: no opaque pointer (SWIGTYPE_p_…), no call of free() on a handle, ownership by counted handles (a class
 * holds one reference and may be closed and collected in any order), close() that is safe while another thread is in a
 * call, an exception from every failed call, and dtypes and results as enumerations without their sentinels. Codes of
 * results arrive as integers, so that no unknown one can fail to convert.
 */

%include <stdint.i>
%include <std_string.i>

%{
#include "objects.h"
#include <optional>
using namespace lemnos::binding;
%}

/* ---- failures --------------------------------------------------------------------------------------------------- */

%exception {
    std::optional<Failure> failure;
    LEMNOS_ENTER
    try {
        $action
    } catch (...) {
        failure = current_failure();
    }
    LEMNOS_LEAVE
    if (failure) { LEMNOS_RAISE(*failure); }
}
%ignore lemnos::binding::Failure;

/* ---- from lemnos.h: enumerations and structures ------------------------------------------------------------------ */

/* The functions and the handles are reached through objects.h. */
%rename("$ignore", regextarget=1, %$isfunction) "^lem_";
%rename("$ignore", regextarget=1) "_FORCE_32$";
%rename("$ignore", regextarget=1) "^LEM_.*_INIT$|^LEM_VERSION_|^LEM_API$|^LEMNOS_LEMNOS_H$";
%ignore lem_device;
%ignore lem_tensor;
%ignore lem_graph;
%ignore lem_plan;
%ignore lem_model;
%ignore lem_dataset;
%ignore lem_optimizer;
%ignore lem_schedule;
%ignore lem_trainer;
%ignore lem_predictor;
%ignore lem_text;
%ignore lem_host;
%ignore lem_device_desc;

%rename(Dtype) lem_dtype;
%rename(Result) lem_result;
%rename("%(strip:[LEM_DTYPE_])s", regextarget=1, %$isenumitem) "^LEM_DTYPE_[A-Z]+[0-9]+$";
%rename("%(strip:[LEM_])s", regextarget=1, %$isenumitem) "^LEM_(OK|NOT_READY|FINISHED|ERROR_.*)$";

/* Structures are what a call returned: readable, and made by nobody else. */
%define LEMNOS_STRUCTURE(c_name, Class)
%rename(Class) c_name;
%immutable c_name;
%nodefaultctor c_name;
%ignore c_name::struct_size;
%ignore c_name::reserved;
LEMNOS_VALUE(c_name)
%enddef
%immutable;
LEMNOS_STRUCTURE(lem_progress, Progress)
LEMNOS_STRUCTURE(lem_metrics, Metrics)

#define LEM_API
%include <lemnos/lemnos.h>

%nodefaultctor lemnos::binding::ModelInput;
LEMNOS_VALUE(lemnos::binding::ModelInput)
%nodefaultctor lemnos::binding::ImageSize;
LEMNOS_VALUE(lemnos::binding::ImageSize)

/* ---- the classes ------------------------------------------------------------------------------------------------- */

/* The base class is a template that SWIG need not know. */
#pragma SWIG nowarn=401

%define LEMNOS_CLASS(Class)
LEMNOS_HANDLE(lemnos::binding::Class)
%extend lemnos::binding::Class {
    bool closed() const { return $self->closed(); }
}
%enddef
%define LEMNOS_CLOSEABLE(Class)
LEMNOS_CLASS(Class)
%extend lemnos::binding::Class {
    void close() { $self->close(); }
}
%enddef

LEMNOS_CLASS(Device) /* it has a close() of its own, which is lem_device_close */
LEMNOS_CLOSEABLE(Tensor)
LEMNOS_CLOSEABLE(Graph)
LEMNOS_CLOSEABLE(Plan)
LEMNOS_CLOSEABLE(Dataset)
LEMNOS_CLOSEABLE(Model)
LEMNOS_CLOSEABLE(Optimizer)
LEMNOS_CLOSEABLE(Schedule)
LEMNOS_CLOSEABLE(Trainer)
LEMNOS_CLOSEABLE(Predictor)

/* Made by functions that say how; their own constructors take handles. */
%nodefaultctor lemnos::binding::Dataset;
%nodefaultctor lemnos::binding::Model;
%newobject lemnos::binding::Dataset::open;
%newobject lemnos::binding::Dataset::create;
%newobject lemnos::binding::Model::build;
%newobject lemnos::binding::Model::load;

%ignore lemnos::binding::Shape; /* arrays of the language: buffers.i */
%include "objects.h"
%mutable;
