#nullable enable
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Lemnos
{
    /// <summary>A Vulkan device. Disposing it waits for its work and frees everything on it. Devices that are open when the process
    /// ends are closed by a handler of <see cref="AppDomain.ProcessExit"/>.</summary>
    public sealed unsafe partial class Device
    {
        [DllImport("lemnos_csharp")]
        private static extern void lemnos_csharp_end();

        private static readonly EventHandler end = (_, _) => lemnos_csharp_end();

        partial void Made()
        {
            lock (end)
            {
                AppDomain.CurrentDomain.ProcessExit -= end; // as late as can be
                AppDomain.CurrentDomain.ProcessExit += end;
            }
        }

        private void TryClose()
        {
            try
            {
                if (!IsDisposed) Close();
            }
            catch (Exception error) when (error is LemnosException || error is ObjectDisposedException)
            {
            }
        }

        /// <summary>Waits for all work, then frees every object on the device; failures are not reported, as they are by
        /// <see cref="Close"/>.</summary>
        public override void Dispose()
        {
            TryClose();
            base.Dispose();
        }

        /// <summary>The device's name.</summary>
        public string Name => (string)Json.Read(InfoJson())["name"]!;

        /// <summary>Waits until the work of a ticket (of <see cref="Plan.RunAsync"/>) is done; false when the time was up
        /// before.</summary>
        public bool Wait(long ticket, TimeSpan? timeout = null) =>
            WaitNanoseconds(ticket, timeout is null ? -1 : Math.Max(0, checked(timeout.Value.Ticks * 100)));

        /// <summary>The lines of the log since it was last taken, of a device that keeps it.</summary>
        public string[] TakeLog() => TakeLogText().Split(new[] { '\n' }, StringSplitOptions.RemoveEmptyEntries);

        /// <summary>A tensor with a copy of the values.</summary>
        public Tensor Tensor(ReadOnlySpan<float> values, params long[] shape) =>
            Filled(Dtype.F32, MemoryMarshal.AsBytes(values), values.Length, shape);

        /// <summary>A tensor with a copy of the values.</summary>
        public Tensor Tensor(ReadOnlySpan<int> values, params long[] shape) =>
            Filled(Dtype.I32, MemoryMarshal.AsBytes(values), values.Length, shape);

        /// <summary>A tensor with a copy of the values.</summary>
        public Tensor Tensor(ReadOnlySpan<byte> values, params long[] shape) => Filled(Dtype.U8, values, values.Length, shape);

        private Tensor Filled(Dtype dtype, ReadOnlySpan<byte> bytes, int count, long[] shape)
        {
            var tensor = new Tensor(this, dtype, shape.Length > 0 ? shape : new long[] { count });
            try
            {
                tensor.Write(bytes);
                return tensor;
            }
            catch
            {
                tensor.Dispose();
                throw;
            }
        }

        /// <inheritdoc/>
        public override string ToString() => IsDisposed ? "Device (disposed)" : $"Device {Name}";
    }

    public static unsafe partial class Library
    {
        /// <summary>Whether there is a Vulkan device; never throws.</summary>
        public static bool IsAvailable
        {
            get
            {
                try
                {
                    return ((List<object?>)Json.ReadAny(DevicesJson())!).Count > 0;
                }
                catch (Exception error) when (error is LemnosException || error is DllNotFoundException ||
                                              error is EntryPointNotFoundException || error is BadImageFormatException)
                {
                    return false;
                }
            }
        }
    }
}
