namespace Lemnos.Tests;

/// Memory in and out: what is taken as it lies, and what is refused.
public sealed class BuffersTests : IDisposable
{
    readonly Device device = Shared.OpenDevice();

    public void Dispose() => device.Dispose();

    [Theory]
    [InlineData(new long[0])]
    [InlineData(new long[] { 1 })]
    [InlineData(new long[] { 7 })]
    [InlineData(new long[] { 2, 1, 3, 2 })]
    public void There_and_back(long[] shape)
    {
        int count = (int)shape.Aggregate(1L, (product, extent) => product * extent);
        var floats = Enumerable.Range(0, count).Select(i => i + 0.5f).ToArray();
        using var tensor = new Tensor(device, Dtype.F32, shape);
        Assert.Equal((Dtype.F32, 4L * count), (tensor.Dtype, tensor.Bytes));
        Assert.Equal(shape, tensor.Shape);
        Assert.All(tensor.ToFloats(), value => Assert.Equal(0, value));
        tensor.Write(floats);
        Assert.Equal(floats, tensor.ToFloats());
        Assert.Equal(floats.SelectMany(BitConverter.GetBytes), tensor.ToBytes());
        tensor.Write(tensor.ToBytes());
        Assert.Equal(floats, tensor.ToFloats());
    }

    [Fact]
    public void Every_type()
    {
        using var integers = device.Tensor([1, -2, 3]);
        Assert.Equal([1, -2, 3], integers.ToInts());
        integers.Write([int.MaxValue, 0, int.MinValue]);
        Assert.Equal([int.MaxValue, 0, int.MinValue], integers.ToInts());
        using var bytes = device.Tensor(new byte[] { 1, 2, 3, 255 }, 2, 2);
        Assert.Equal((Dtype.U8, "Tensor U8 [2, 2]"), (bytes.Dtype, bytes.ToString()));
        Assert.Equal([1, 2, 3, 255], bytes.ToBytes());
        using var halves = new Tensor(device, Dtype.F16, [2]);
        halves.Write([(Half)1.5, (Half)(-2)]);
        var read = new Half[2];
        halves.Read(read);
        Assert.Equal([(Half)1.5, (Half)(-2)], read);
    }

    [Fact]
    public void Slices_stacks_and_native_memory_are_spans()
    {
        using var tensor = new Tensor(device, Dtype.F32, [2]);
        float[] many = [1, 2, 3, 4];
        tensor.Write(many.AsSpan(1, 2));
        Span<float> stack = stackalloc float[2];
        tensor.Read(stack);
        Assert.Equal([2, 3], stack);
        tensor.Read(many.AsSpan(2));
        Assert.Equal([1, 2, 2, 3], many);
        unsafe
        {
            float* native = (float*)System.Runtime.InteropServices.NativeMemory.Alloc(8);
            tensor.Read(new Span<float>(native, 2));
            Assert.Equal((2f, 3f), (native[0], native[1]));
            System.Runtime.InteropServices.NativeMemory.Free(native);
        }
    }

    [Fact]
    public void What_does_not_fit_is_not_written()
    {
        using var tensor = device.Tensor([7f, 7, 7, 7, 7, 7], 2, 3);
        Assert.Matches(@"bytes \(20\).*\(24\)", Assert.Throws<InvalidArgumentException>(() => tensor.Write(new float[5])).Message);
        Assert.Throws<InvalidArgumentException>(() => tensor.Write(new byte[25]));
        Assert.Throws<InvalidArgumentException>(() => tensor.Write(ReadOnlySpan<byte>.Empty));
        Assert.Contains("Int32 (the tensor: F32)", Assert.Throws<ArgumentException>(() => tensor.Write(new int[6])).Message);
        Assert.Throws<ArgumentException>(() => tensor.Write(new Half[12]));
        Assert.All(tensor.ToFloats(), value => Assert.Equal(7, value));
        var into = new float[5];
        Assert.Throws<InvalidArgumentException>(() => tensor.Read(into));
        Assert.Throws<ArgumentException>(() => tensor.Read(new int[6]));
        Assert.Throws<ArgumentException>(() => tensor.ToInts());
        Assert.Throws<InvalidArgumentException>(() => device.Tensor([1f, 2], 3));
    }

    [Fact]
    public void Parameters_labels_and_pixels()
    {
        using var quarters = Shared.Quarters();
        using var model = Shared.SmallModel(device, quarters);
        model.Write("classifier.1.bias", [0, 1, 2, 3]);
        Assert.Equal([0, 1, 2, 3], model.Read("classifier.1.bias", 4));
        Assert.Contains("elements", Assert.Throws<InvalidArgumentException>(() => model.Read("classifier.1.bias", 5)).Message);
        var (pixels, labels) = Shared.MakeQuarters();
        Assert.Throws<InvalidArgumentException>(() => Dataset.Create(pixels, labels.AsSpan(1), 8, 8, 1, 4));
        Assert.Equal((64, 2), (quarters.Count, quarters[2].Label));
        Assert.Equal(pixels[128..192], quarters[2].Pixels);
        Assert.Equal(4, quarters.ClassNames.Length);
        model.SetPixels([0.5], [0.25]);
        Assert.Contains("one number a channel", Assert.Throws<InvalidArgumentException>(() => model.SetPixels([0.5, 0.5], [1])).Message);
    }

    [Fact]
    public void Images()
    {
        string path = Path.Combine(Path.GetTempPath(), $"lemnos-ü-{Environment.ProcessId}.png");
        try
        {
            byte[] pixels = [.. Enumerable.Range(0, 4 * 4 * 3).Select(i => (byte)(5 * i))];
            Library.ImageWritePng(path, pixels, 4, 4, 3);
            var read = new byte[pixels.Length];
            Library.ImageRead(path, 4, 4, 3, read);
            Assert.Equal(pixels, read);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Memory_may_move_between_calls_and_not_during_one()
    {
        using var tensor = new Tensor(device, Dtype.F32, [1 << 16]);
        bool done = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref done)) GC.Collect(2, GCCollectionMode.Forced, true, true);
        });
        collector.Start();
        for (int i = 0; i < 100; ++i)
        {
            var values = new float[1 << 16];
            Array.Fill(values, i);
            tensor.Write(values);
            Assert.Equal(values, tensor.ToFloats());
        }
        Volatile.Write(ref done, true);
        collector.Join();
    }
}
