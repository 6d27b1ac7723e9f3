#nullable enable
using System;
using System.Runtime.InteropServices;

namespace Lemnos
{
    /// <summary>Memory on a device: zeros at first. It takes and gives memory of the host by copying, whole and in
    /// order. Spans are pinned for the call and no longer.</summary>
    public sealed unsafe partial class Tensor
    {
        partial void Made() => Weigh(GetBytes());

        /// <summary>The type of the elements.</summary>
        public Dtype Dtype => GetDtype();

        /// <summary>The size in bytes.</summary>
        public long Bytes => GetBytes();

        /// <summary>The extents; empty for one number.</summary>
        public long[] Shape => GetShape();

        /// <summary>Copies the values of all elements, of a tensor of F32.</summary>
        public void Write(ReadOnlySpan<float> values) => Write(BytesOf(values, Dtype.F32));

        /// <summary>Copies the values of all elements, of a tensor of I32.</summary>
        public void Write(ReadOnlySpan<int> values) => Write(BytesOf(values, Dtype.I32));

        /// <summary>Fills the span with all elements, of a tensor of F32.</summary>
        public void Read(Span<float> values)
        {
            BytesOf<float>(values, Dtype.F32);
            Read(MemoryMarshal.AsBytes(values));
        }

        /// <summary>Fills the span with all elements, of a tensor of I32.</summary>
        public void Read(Span<int> values)
        {
            BytesOf<int>(values, Dtype.I32);
            Read(MemoryMarshal.AsBytes(values));
        }

#if NET8_0_OR_GREATER
        /// <summary>Copies the values of all elements, of a tensor of F16.</summary>
        public void Write(ReadOnlySpan<Half> values) => Write(BytesOf(values, Dtype.F16));

        /// <summary>Fills the span with all elements, of a tensor of F16.</summary>
        public void Read(Span<Half> values)
        {
            BytesOf<Half>(values, Dtype.F16);
            Read(MemoryMarshal.AsBytes(values));
        }
#endif

        /// <summary>A copy of the elements, of a tensor of F32.</summary>
        public float[] ToFloats()
        {
            var values = new float[GetBytes() / sizeof(float)];
            Read(values);
            return values;
        }

        /// <summary>A copy of the elements, of a tensor of I32.</summary>
        public int[] ToInts()
        {
            var values = new int[GetBytes() / sizeof(int)];
            Read(values);
            return values;
        }

        /// <summary>A copy of the memory, of a tensor of any type.</summary>
        public byte[] ToBytes()
        {
            var bytes = new byte[GetBytes()];
            Read(bytes);
            return bytes;
        }

        private ReadOnlySpan<byte> BytesOf<T>(ReadOnlySpan<T> values, Dtype dtype) where T : unmanaged
        {
            var ours = Dtype;
            if (ours != dtype)
                throw new ArgumentException($"The span holds {typeof(T).Name} (the tensor: {ours}).", nameof(values));
            return MemoryMarshal.AsBytes(values);
        }

        /// <inheritdoc/>
        public override string ToString() => IsDisposed ? "Tensor (disposed)" : $"Tensor {Dtype} [{string.Join(", ", Shape)}]";
    }
}
