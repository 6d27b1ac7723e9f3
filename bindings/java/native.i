/* The package org.lemnos: objects.h as Java's public classes. SWIG writes them; what only Java has is added by idiom.i and by
 * bindings/generate (generated.i: help, overloads for options, records).
 *
 * An object's C++ part is deleted by a Cleaner once Java can no longer reach the object, and never before: close() gives back
 * the handle alone, so no call can meet a dead pointer. Every call hands its objects to the wrapper (never -nopgcpp), which
 * keeps them reachable until it returns.
 */
%module(jniclassname="Native") Lemnos

%{
#include "java.h"
#include "records.h"
%}

/* Included here first, so that what follows is the last word on texts. */
%include <stdint.i>
%include <std_string.i>

/* Texts cross as UTF-8 in byte arrays: JNI's own UTF-8 is another one beyond the basic plane. */
%typemap(jni) std::string, const std::string & "jbyteArray"
%typemap(jtype) std::string, const std::string & "byte[]"
%typemap(jstype) std::string, const std::string & "String"
%typemap(javain) const std::string & "Text.bytes($javainput, \"$1_name\")"
%typemap(javaout) std::string { return Text.of($jnicall); }
%typemap(in) const std::string & (std::string text) {
    if (!take_text(jenv, $input, text)) return $null;
    $1 = &text;
}
%typemap(out) std::string { $result = give_array<jbyte>(jenv, $1.data(), $1.size()); }

/* ---- classes ----------------------------------------------------------------------------------------------------- */

%pragma(java) jniclassclassmodifiers="final class"
%pragma(java) jniclasscode=%{
  static {
    Loader.load();
  }
%}
%pragma(java) moduleclassmodifiers="public final class"

%rename("%(lowercamelcase)s", %$isfunction) "";
%rename(isClosed) closed;
%rename(await) lemnos::binding::Device::wait; /* wait() belongs to java.lang.Object */

/* Of what SWIG writes for a class by itself, nothing is wanted: no delete() and no finalize(). */
%define LEMNOS_BODY(Class)
%typemap(javafinalize) Class ""
%typemap(javadestruct, methodname="delete", methodmodifiers="", parameters="") Class ""
%enddef

%define LEMNOS_HANDLE(Class)
LEMNOS_BODY(Class)
%typemap(javaclassmodifiers) Class "public final class"
%typemap(javainterfaces) Class "AutoCloseable"
%typemap(javabody) Class %{
  private final long swigCPtr;

  $javaclassname(long pointer, boolean owned) {
    swigCPtr = pointer;
    Reaper.watch(this, pointer, Native::delete_$javaclassname);
  }

  static long getCPtr($javaclassname object) {
    return java.util.Objects.requireNonNull(object, "A $javaclassname is needed (given: null).").swigCPtr;
  }
%}
%enddef

/* Values are records of Java's, made by bindings/generate from their members as 64 bits each; enumerations are its own, too. */
%define LEMNOS_VALUE(Class)
%ignore Class;
%ignore lem_dtype;
%ignore lem_result;
%typemap(jni) Class "jlongArray"
%typemap(jtype) Class "long[]"
%typemap(out) Class {
    const std::vector<int64_t> members = members_of($1);
    $result = give_array<jlong>(jenv, members.data(), members.size());
}
%enddef
%define LEMNOS_RECORD(Class, Record)
%typemap(jstype) Class #Record
%typemap(javaout) Class { return new Record($jnicall); }
%enddef

%typemap(jni) lem_dtype "jint"
%typemap(jtype) lem_dtype "int"
%typemap(jstype) lem_dtype "Dtype"
%typemap(javain) lem_dtype "java.util.Objects.requireNonNull($javainput, \"A Dtype is needed (given: null).\").code"
%typemap(in) lem_dtype { $1 = static_cast<lem_dtype>($input); }
%typemap(out) lem_dtype { $result = $1; }
%typemap(javaout) lem_dtype { return Dtype.of($jnicall); }

/* A macro of SWIG's, not of C++: only SWIG knows what a wrapper returns. */
#define LEMNOS_RAISE(failure) raise_failure(jenv, failure); return $null
%{
#define LEMNOS_ENTER
#define LEMNOS_LEAVE
%}

/* ---- the catalogue ----------------------------------------------------------------------------------------------- */

%include "../common/buffers.i"

%define LEMNOS_ARRAY(jni_type, java_type, pattern...)
%typemap(jni) pattern #jni_type
%typemap(jtype) pattern #java_type
%typemap(jstype) pattern #java_type
%typemap(javain) pattern "java.util.Objects.requireNonNull($javainput, \"$1_name\")"
%typemap(in) pattern (Copy<jni_type> copy) {
    if (!copy.take(jenv, $input)) return $null;
    $1 = copy.data();
    $2 = static_cast<$2_ltype>(copy.size());
}
%enddef
LEMNOS_ARRAY(jfloatArray, float[], (const float *FLOATS_IN, int64_t ELEMENTS))
LEMNOS_ARRAY(jintArray, int[], (const int32_t *LABELS, int64_t LABEL_COUNT))
LEMNOS_ARRAY(jdoubleArray, double[], (const double *NUMBERS, int32_t NUMBER_COUNT))
LEMNOS_ARRAY(jlongArray, long[], (const int64_t *SHAPE, int32_t RANK))
LEMNOS_ARRAY(jintArray, int[], (const int32_t *VALUES, int32_t VALUE_COUNT))
%typemap(jstype) (const int64_t *SHAPE, int32_t RANK) "long..."

LEMNOS_ARRAY(jfloatArray, float[], (float *FLOATS_OUT, int64_t ELEMENTS))
%typemap(in) (float *FLOATS_OUT, int64_t ELEMENTS) (Copy<jfloatArray> copy) {
    if (!copy.lend(jenv, $input)) return $null;
    $1 = copy.data();
    $2 = copy.size();
}
%typemap(argout) (float *FLOATS_OUT, int64_t ELEMENTS) { copy$argnum.give(jenv, $input); }

/* What Memory returns lies from the buffer's position to its limit, and lives as long as the wrapper's argument. */
%define LEMNOS_BUFFER(check, pattern...)
%typemap(jni) pattern "jobject"
%typemap(jtype) pattern "java.nio.ByteBuffer"
%typemap(jstype) pattern "java.nio.ByteBuffer"
%typemap(javain) pattern %{Memory.check($javainput)%}
%typemap(in) pattern {
    $1 = jenv->GetDirectBufferAddress($input);
    $2 = jenv->GetDirectBufferCapacity($input);
}
%enddef
LEMNOS_BUFFER(readable, (const void *DATA_IN, int64_t BYTES))
LEMNOS_BUFFER(writable, (void *DATA_OUT, int64_t BYTES))

%typemap(jni) lemnos::binding::Shape "jlongArray"
%typemap(jtype) lemnos::binding::Shape "long[]"
%typemap(jstype) lemnos::binding::Shape "long[]"
%typemap(javaout) lemnos::binding::Shape { return $jnicall; }
%typemap(out) lemnos::binding::Shape { $result = give_array<jlong>(jenv, $1.extents, size_t($1.rank)); }
%typemap(jni) lemnos::binding::Values "jintArray"
%typemap(jtype) lemnos::binding::Values "int[]"
%typemap(jstype) lemnos::binding::Values "int[]"
%typemap(javaout) lemnos::binding::Values { return $jnicall; }
%typemap(out) lemnos::binding::Values { $result = give_array<jint>(jenv, $1.data(), $1.size()); }
LEMNOS_APPLY_BUFFERS

/* ---- Java's own --------------------------------------------------------------------------------------------------- */

%include "idiom.i"
%include "generated.i"

%include "../common/lemnos.i"

/* Arrays for tensors of f32; all else comes as buffers. */
%extend lemnos::binding::Tensor {
    void write(const float *values, int64_t elements) const {
        need_floats(*$self);
        $self->write(values, elements * 4);
    }
    void read(float *out, int64_t elements) const {
        need_floats(*$self);
        $self->read(out, elements * 4);
    }
}
