// Below the classes: handles, memory that is lent and given, failures. See native.h.
#nullable enable
using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

namespace Lemnos
{
    /// <summary>An object of the library. Disposing it frees it at once, or as soon as the calls on it that other threads are in
    /// have ended; what is not disposed is freed with the collector's help. Disposing twice is no error; using it afterwards is
    /// an <see cref="ObjectDisposedException"/>.</summary>
    public abstract class LemnosObject : IDisposable
    {
        private readonly Handle handle;

        private protected LemnosObject(Handle handle) => this.handle = handle;

        /// <summary>Whether the object was disposed.</summary>
        public bool IsDisposed => handle.IsClosed;

        /// <summary>Frees the object.</summary>
        public virtual void Dispose() => handle.Dispose();

        // The name is the one that SWIG's code uses. The runtime counts the handle around each call.
        internal SafeHandle swigCPtr => handle.IsClosed ? throw new ObjectDisposedException(GetType().Name) : handle;

        internal static SafeHandle HandleOf(LemnosObject? thing, string parameter) =>
            thing is null ? throw new ArgumentNullException(parameter) : thing.swigCPtr;

        // Tells the collector how much hangs on an object that looks small.
        private protected void Weigh(long bytes) => handle.Weigh(bytes);
    }

    internal abstract class Handle : SafeHandle
    {
        private static int alive;
        private long weight;

        protected Handle(IntPtr pointer) : base(IntPtr.Zero, true)
        {
            SetHandle(pointer);
            if (pointer != IntPtr.Zero) Interlocked.Increment(ref alive);
        }

        internal static int Alive => Volatile.Read(ref alive); // for tests

        public override bool IsInvalid => handle == IntPtr.Zero;

        private protected abstract void Release(IntPtr pointer);

        internal void Weigh(long bytes)
        {
            if (bytes <= 0 || Interlocked.Exchange(ref weight, bytes) != 0) return;
            GC.AddMemoryPressure(bytes);
        }

        protected override bool ReleaseHandle()
        {
            Release(handle);
            Interlocked.Decrement(ref alive);
            if (weight > 0) GC.RemoveMemoryPressure(weight);
            return true;
        }
    }

    // Memory that is pinned for a call.
    [StructLayout(LayoutKind.Sequential)]
    internal readonly unsafe struct Memory
    {
        private readonly void* data;
        private readonly long count;

        internal Memory(void* data, long count)
        {
            this.data = data;
            this.count = count;
        }
    }

    // A count and as many elements.
    internal static unsafe class Block
    {
        [DllImport("lemnos_csharp")]
        private static extern void lemnos_csharp_release(IntPtr block);

        internal static byte[] Of(string text, string parameter)
        {
            if (text is null) throw new ArgumentNullException(parameter);
            int count = Encoding.UTF8.GetByteCount(text);
            var block = new byte[sizeof(long) + count];
            BitConverter.TryWriteBytes(block, (long)count);
            Encoding.UTF8.GetBytes(text, 0, text.Length, block, sizeof(long));
            return block;
        }

        internal static string Text(IntPtr block)
        {
            try
            {
                return Encoding.UTF8.GetString((byte*)block + sizeof(long), checked((int)*(long*)block));
            }
            finally
            {
                lemnos_csharp_release(block);
            }
        }

        internal static long[] Longs(IntPtr block) => Array<long>(block);

        internal static int[] Ints(IntPtr block) => Array<int>(block);

        private static T[] Array<T>(IntPtr block) where T : unmanaged
        {
            try
            {
                return new ReadOnlySpan<T>((byte*)block + sizeof(long), checked((int)*(long*)block)).ToArray();
            }
            finally
            {
                lemnos_csharp_release(block);
            }
        }
    }

    internal static class Failure
    {
#if NET8_0_OR_GREATER
        [SuppressGCTransition]
#endif
        [DllImport("lemnos_csharp")]
        private static extern int lemnos_csharp_failed();

        [DllImport("lemnos_csharp")]
        private static extern IntPtr lemnos_csharp_take(out long step);

        // After every call: throws what it left.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal static void Check()
        {
            int code = lemnos_csharp_failed();
            if (code != 0) Throw(code);
        }

        private static void Throw(int code)
        {
            string sentence = Block.Text(lemnos_csharp_take(out long step));
            throw LemnosException.Of(code, sentence, step);
        }
    }
}
