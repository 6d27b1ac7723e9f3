/* The C++ of objects.h for C#, as the classes that users see: public and sealed, with SafeHandle for handles, spans for memory and
 * properties, conveniences and iteration in the partial classes beside this file. A new function of objects.h is public here at
 * once, with the comment of lemnos.h as its documentation (help.i, which bindings/generate writes).
 *
 * Failures wait in a variable of the thread; C# looks there after every call (Failure.Check). SWIG's own helpers, which call
 * back into C#, are left out (CMakeLists.txt).
 */
%module Library
#pragma SWIG nowarn=844 /* the check is in every typemap */

%include <stdint.i>
%include <std_string.i>

%{
#include "native.h"
#define LEMNOS_ENTER
#define LEMNOS_LEAVE

extern "C" {
SWIGEXPORT int32_t SWIGSTDCALL lemnos_csharp_failed() { return lemnos::binding::waiting_code; }
SWIGEXPORT void *SWIGSTDCALL lemnos_csharp_take(int64_t *step) {
    const std::optional<lemnos::binding::Failure> failure = std::move(lemnos::binding::waiting);
    lemnos::binding::waiting.reset();
    lemnos::binding::waiting_code = 0;
    *step = failure ? failure->step() : -1;
    const char *const sentence = failure ? failure->what() : "";
    return lemnos::binding::block(sentence, int64_t(std::strlen(sentence)), 1);
}
SWIGEXPORT void SWIGSTDCALL lemnos_csharp_release(void *block) { ::operator delete(block); }
SWIGEXPORT void SWIGSTDCALL lemnos_csharp_end() { lemnos::binding::OpenDevices::close(); }
}
%}
/* A macro of SWIG's, not of C++'s: only SWIG knows what a wrapper returns. */
%define LEMNOS_RAISE(failure)
    wait_to_be_raised(failure);
    return $null
%enddef

%pragma(csharp) imclassclassmodifiers="internal static unsafe class"
%pragma(csharp) moduleclassmodifiers="/// <summary>What belongs to no object: the library's version, its devices, operators and options, and images.</summary>
public static unsafe partial class"
%pragma(csharp) imclassimports="#nullable enable"
%pragma(csharp) moduleimports="#nullable enable"

/* ---- plain types --------------------------------------------------------------------------------------------------- */

%define LEMNOS_OUT(TYPE)
%typemap(csout) TYPE {
    var returned = $imcall;
    Failure.Check();
    return returned;
  }
%enddef
LEMNOS_OUT(bool)
LEMNOS_OUT(int)
LEMNOS_OUT(long long)
LEMNOS_OUT(double)
%typemap(csout) void {
    $imcall;
    Failure.Check();
  }
%typemap(csout) enum SWIGTYPE {
    var returned = ($csclassname)$imcall;
    Failure.Check();
    return returned;
  }

/* Texts: UTF-8, copied, in blocks of native.h. */
%typemap(ctype, out="void *") std::string, const std::string & "const void *"
%typemap(imtype, out="global::System.IntPtr") std::string, const std::string & "byte[]"
%typemap(cstype) std::string, const std::string & "string"
%typemap(csin) std::string, const std::string & "Block.Of($csinput, nameof($csinput))"
%typemap(in) const std::string & (std::string text) {
    text = text_in($input);
    $1 = &text;
}
%typemap(out) std::string { $result = block($1.data(), int64_t($1.size()), 1); }
%typemap(csout) std::string {
    var returned = $imcall;
    Failure.Check();
    return Block.Text(returned);
  }

/* Options are a JSON text, a dictionary or the properties of an object; none are all defaults. */
%typemap(cstype) const std::string &options, const std::string &attributes
    "[global::System.Runtime.InteropServices.Optional, global::System.Runtime.InteropServices.DefaultParameterValue(null)] object?"
%typemap(csin) const std::string &options, const std::string &attributes "Block.Of(Options.Text($csinput), nameof($csinput))"

/* What has a default in C#. */
%define LEMNOS_DEFAULT(PARAMETER, TYPE, VALUE)
%typemap(cstype, out="TYPE") PARAMETER "[global::System.Runtime.InteropServices.Optional, global::System.Runtime.InteropServices.DefaultParameterValue(VALUE)] TYPE"
%enddef
%typemap(cstype) const std::string &wanted
    "[global::System.Runtime.InteropServices.Optional, global::System.Runtime.InteropServices.DefaultParameterValue(\"\")] string"
LEMNOS_DEFAULT(int64_t memory_limit, long, 0L)
LEMNOS_DEFAULT(bool disk_cache, bool, true)
LEMNOS_DEFAULT(bool keep_log, bool, false)
LEMNOS_DEFAULT(bool wait, bool, false)

/* ---- handles ------------------------------------------------------------------------------------------------------- */

%typemap(ctype) SWIGTYPE *, SWIGTYPE & "void *"
%typemap(imtype, out="global::System.IntPtr") SWIGTYPE *, SWIGTYPE & "global::System.Runtime.InteropServices.SafeHandle"
%typemap(cstype) SWIGTYPE *, SWIGTYPE & "$csclassname"
%typemap(csin) SWIGTYPE *, SWIGTYPE & "LemnosObject.HandleOf($csinput, nameof($csinput))"
%typemap(in) SWIGTYPE *, SWIGTYPE & %{ $1 = static_cast<$1_ltype>($input); %}
%typemap(csout) SWIGTYPE * {
    var returned = $imcall;
    Failure.Check();
    return new $csclassname(returned, true);
  }
%typemap(csclassmodifiers) SWIGTYPE "public sealed unsafe partial class"
%typemap(csimports) SWIGTYPE "#nullable enable"
%typemap(csbase) SWIGTYPE "LemnosObject"
%typemap(csinterfaces) SWIGTYPE ""
%typemap(csbody) SWIGTYPE %{
  private sealed class Reference : Handle {
    internal Reference(global::System.IntPtr pointer) : base(pointer) { }
    [global::System.Runtime.InteropServices.DllImport("$dllimport", EntryPoint = "CSharp_Lemnos_delete_$csclassname")]
    private static extern void Delete(global::System.IntPtr pointer);
    private protected override void Release(global::System.IntPtr pointer) => Delete(pointer);
  }

  internal $csclassname(global::System.IntPtr pointer, bool owned) : base(new Reference(pointer)) {
    if (pointer != global::System.IntPtr.Zero) Made();
  }
  partial void Made();
%}
%typemap(csconstruct) SWIGTYPE %{: this($imcall, true) {
    Failure.Check();
  }
%}
%typemap(csdispose) SWIGTYPE ""
%typemap(csdisposing, methodname="Dispose", methodmodifiers="private", parameters="") SWIGTYPE ""

/* Dispose() closes; so the objects' own close() is not shown, but for a device's, which waits and frees what is on it. */
%define LEMNOS_HANDLE(Class)
%enddef
%feature("ref") lemnos::binding::Device "OpenDevices::add($this);"
%feature("unref") lemnos::binding::Device "OpenDevices::remove($this); delete $this;"
%define LEMNOS_VALUE(Class)
%ignore Class;
%enddef

/* Structures are returned by value; Values.cs has them member by member, made from lemnos.h. */
%define LEMNOS_CSHARP_VALUE(Class, Name)
%typemap(ctype) Class "Class"
%typemap(imtype) Class "Name"
%typemap(cstype) Class "Name"
%typemap(out, null="Class()") Class "$result = $1;"
LEMNOS_OUT(Class)
%enddef

/* ---- the catalogue ------------------------------------------------------------------------------------------------- */

%include "../common/buffers.i"

%define LEMNOS_MEMORY(PATTERN, POINTER, TYPE, ELEMENT)
%typemap(ctype) PATTERN "lemnos_memory"
%typemap(imtype) PATTERN "Memory"
%typemap(cstype) PATTERN "global::System.TYPE<ELEMENT>"
%typemap(csin, pre="    fixed (ELEMENT* $csinput_pinned = $csinput) {", terminator="    }") PATTERN
    "new Memory($csinput_pinned, $csinput.Length)"
%typemap(in) PATTERN %{
    $1 = static_cast<POINTER>($input.data);
    $2 = static_cast<$2_ltype>($input.count);
%}
%enddef
LEMNOS_MEMORY((const void *DATA_IN, int64_t BYTES), void *, ReadOnlySpan, byte)
LEMNOS_MEMORY((void *DATA_OUT, int64_t BYTES), void *, Span, byte)
LEMNOS_MEMORY((const float *FLOATS_IN, int64_t ELEMENTS), float *, ReadOnlySpan, float)
LEMNOS_MEMORY((float *FLOATS_OUT, int64_t ELEMENTS), float *, Span, float)
LEMNOS_MEMORY((const int32_t *LABELS, int64_t LABEL_COUNT), int32_t *, ReadOnlySpan, int)
LEMNOS_MEMORY((const int64_t *SHAPE, int32_t RANK), int64_t *, ReadOnlySpan, long)
LEMNOS_MEMORY((const int32_t *VALUES, int32_t VALUE_COUNT), int32_t *, ReadOnlySpan, int)
LEMNOS_MEMORY((const double *NUMBERS, int32_t NUMBER_COUNT), double *, ReadOnlySpan, double)

%define LEMNOS_ARRAY_OUT(TYPE, ELEMENT, READ, DATA, COUNT)
%typemap(ctype) TYPE "void *"
%typemap(imtype) TYPE "global::System.IntPtr"
%typemap(cstype) TYPE "ELEMENT[]"
%typemap(out, null="0") TYPE { $result = block(DATA, int64_t(COUNT), sizeof *DATA); }
%typemap(csout) TYPE {
    var returned = $imcall;
    Failure.Check();
    return Block.READ(returned);
  }
%enddef
LEMNOS_ARRAY_OUT(lemnos::binding::Shape, long, Longs, $1.extents, $1.rank)
LEMNOS_ARRAY_OUT(lemnos::binding::Values, int, Ints, $1.data(), $1.size())
LEMNOS_APPLY_BUFFERS

/* ---- names and documentation --------------------------------------------------------------------------------------- */

%rename("%(camelcase)s", %$isfunction) "";
%rename("$ignore", %$isextendmember) close;
%rename("$ignore", %$isextendmember) closed;
%include "help.i"

/* What the partial classes dress: raw numbers of a graph's values, and properties. */
%define LEMNOS_RAW(METHOD, NAME)
%csmethodmodifiers METHOD "internal";
%rename(NAME) METHOD;
%enddef
LEMNOS_RAW(lemnos::binding::fail_for_tests, FailForTests)
LEMNOS_RAW(lemnos::binding::live_for_tests, LiveForTests)
LEMNOS_RAW(lemnos::binding::Tensor::dtype, GetDtype)
LEMNOS_RAW(lemnos::binding::Tensor::bytes, GetBytes)
LEMNOS_RAW(lemnos::binding::Tensor::shape, GetShape)
LEMNOS_RAW(lemnos::binding::Device::wait, WaitNanoseconds)
LEMNOS_RAW(lemnos::binding::Device::take_log, TakeLogText)
LEMNOS_RAW(lemnos::binding::Graph::input, AddInput)
LEMNOS_RAW(lemnos::binding::Graph::op, AddOp)
LEMNOS_RAW(lemnos::binding::Graph::result, GetResult)
LEMNOS_RAW(lemnos::binding::Graph::shape, GetShape)
LEMNOS_RAW(lemnos::binding::Graph::gradients, AddGradients)
LEMNOS_RAW(lemnos::binding::Plan::workspace, GetWorkspace)
LEMNOS_RAW(lemnos::binding::Model::input, GetInput)
LEMNOS_RAW(lemnos::binding::Model::set_class_names, SetClassNames)
%csmethodmodifiers lemnos::binding::Plan::Plan "internal";
%typemap(csclassmodifiers) lemnos::binding::Bindings "internal sealed unsafe partial class"
%typemap(csclassmodifiers) lem_result "internal enum"
%typemap(csclassmodifiers) lem_dtype "/// <summary>The type of a tensor's elements.</summary>
public enum"

%include "lemnos.i"
