using System.Runtime.CompilerServices;

namespace Lemnos.Tests;

/// Disposing, collecting and ending in every order: an exception or nothing, never a crash; and nothing leaks.
public class LifetimeTests(ITestOutputHelper output)
{
    // One of each kind, by name.
    static Dictionary<string, LemnosObject> Everything(Device device, int epochs = 2)
    {
        var quarters = Shared.Quarters();
        var model = Shared.SmallModel(device, quarters);
        var graph = new Graph();
        var x = graph.Input("x", 4);
        var y = x.Relu();
        var tensors = new[] { x, y }.ToDictionary(value => value, _ => new Tensor(device, Dtype.F32, [4]));
        var optimizer = new Optimizer("radam");
        var schedule = new Schedule("cosine");
        return new()
        {
            ["tensor"] = tensors[y],
            ["graph"] = graph,
            ["plan"] = new Plan(device, graph, tensors),
            ["dataset"] = quarters,
            ["model"] = model,
            ["optimizer"] = optimizer,
            ["schedule"] = schedule,
            ["trainer"] = new Trainer(model, quarters, optimizer, schedule, new { batch = 16, epochs }),
            ["predictor"] = new Predictor(model, 2),
        };
    }

    static void Use(LemnosObject thing)
    {
        switch (thing)
        {
            case Tensor tensor: tensor.ToFloats(); break;
            case Graph graph: graph.Json(); break;
            case Plan plan: plan.Run(); break;
            case Dataset dataset: dataset.InfoJson(); break;
            case Model model: model.SummaryJson(); break;
            case Optimizer optimizer:
                using (var schedule = new Schedule("cosine")) schedule.PlanJson(optimizer, new { examples = 1000 });
                break;
            case Schedule schedule: schedule.Factor(0, 1, 1); break;
            case Trainer trainer: trainer.Step(); break;
            case Predictor predictor: predictor.Run(new byte[64], 1, new float[4]); break;
        }
    }

    [Fact]
    public void Use_after_dispose_and_double_dispose()
    {
        using var device = Shared.OpenDevice();
        var objects = Everything(device);
        foreach (var thing in objects.Values) Use(thing);
        foreach (var thing in objects.Values)
        {
            Assert.False(thing.IsDisposed);
            thing.Dispose();
            thing.Dispose();
            Assert.True(thing.IsDisposed);
            var error = Assert.Throws<ObjectDisposedException>(() => Use(thing));
            Assert.Equal(thing.GetType().Name, error.ObjectName);
        }
        Assert.Throws<ObjectDisposedException>(() => new Predictor((Model)objects["model"], 1));
        Assert.Equal("Tensor (disposed)", objects["tensor"].ToString());
    }

    [Fact]
    public void Objects_keep_what_they_need()
    {
        using var device = Shared.OpenDevice();
        var objects = Everything(device);
        foreach (var kind in new[] { "model", "dataset", "optimizer", "schedule", "tensor", "graph" }) objects[kind].Dispose();
        Shared.Collect();
        Use(objects["trainer"]);
        Assert.Equal(1, ((Trainer)objects["trainer"]).Progress(wait: true).Step);
        Use(objects["predictor"]);
        Use(objects["plan"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_closed_device(bool dispose)
    {
        var device = Shared.OpenDevice();
        var objects = Everything(device);
        var close = dispose ? (Action)device.Dispose : device.Close;
        close();
        close();
        foreach (var kind in new[] { "tensor", "plan", "trainer", "predictor" })
            Assert.Throws<DeviceClosedException>(() => Use(objects[kind]));
        Assert.Throws<DeviceClosedException>(() => ((Model)objects["model"]).Evaluate((Dataset)objects["dataset"]));
        if (dispose) Assert.Throws<ObjectDisposedException>(() => new Tensor(device, Dtype.F32, [1]));
        else Assert.Throws<DeviceClosedException>(() => new Tensor(device, Dtype.F32, [1]));
        Assert.Equal([4], ((Tensor)objects["tensor"]).Shape);
        objects.Clear();
        Shared.Collect();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static WeakReference Drop(string first)
    {
        var device = Shared.OpenDevice();
        var objects = Everything(device);
        if (first == "device") device = null;
        else objects.Remove(first);
        Shared.Collect();
        return new WeakReference(objects["plan"]);
    }

    [Theory]
    [InlineData("device")]
    [InlineData("model")]
    [InlineData("trainer")]
    [InlineData("tensor")]
    public void Collection_in_any_order(string first)
    {
        var dropped = Drop(first);
        Shared.Collect();
        Assert.False(dropped.IsAlive);
    }

    const int patience = 300000; // milliseconds: under validation, beside other tests, a step may take its time

    [Theory]
    [InlineData("trainer", false)]
    [InlineData("model", false)]
    [InlineData("tensor", false)]
    [InlineData("device", true)]
    [InlineData("device", false)]
    public void Dispose_while_other_threads_are_in_a_call(string what, bool closeOnly)
    {
        for (int round = 0; round < 10; ++round)
        {
            var device = Shared.OpenDevice();
            var objects = Everything(device, epochs: 10000);
            var errors = new List<Exception>();
            using var started = new CountdownEvent(2);
            var threads = Enumerable.Range(0, 2).Select(_ => new Thread(() =>
            {
                bool first = true;
                try
                {
                    while (true)
                    {
                        ((Trainer)objects["trainer"]).Step();
                        ((Tensor)objects["tensor"]).Write([1f, 2, 3, 4]);
                        ((Model)objects["model"]).Evaluate((Dataset)objects["dataset"]);
                        if (first) started.Signal();
                        first = false;
                    }
                }
                catch (Exception error)
                {
                    lock (errors) errors.Add(error);
                }
            })).ToArray();
            foreach (var thread in threads) thread.Start();
            Assert.True(started.Wait(patience));
            if (what != "device") objects[what].Dispose();
            else if (closeOnly) device.Close();
            else device.Dispose();
            foreach (var thread in threads) Assert.True(thread.Join(patience));
            Assert.Equal(2, errors.Count);
            Assert.All(errors, error => Assert.IsType(what == "device" ? typeof(DeviceClosedException) : typeof(ObjectDisposedException), error));
            device.Dispose();
        }
    }

    [Fact]
    public void Dispose_races_with_calls_that_are_short()
    {
        using var device = Shared.OpenDevice();
        for (int round = 0; round < 2000; ++round)
        {
            var tensor = new Tensor(device, Dtype.F32, [1]);
            Parallel.Invoke(
                () =>
                {
                    try
                    {
                        while (true) _ = tensor.Bytes;
                    }
                    catch (ObjectDisposedException)
                    {
                    }
                },
                tensor.Dispose);
        }
    }

    [Fact]
    public void One_thread_at_a_time_is_seen_to()
    {
        using var device = Shared.OpenDevice();
        var trainer = (Trainer)Everything(device)["trainer"];
        int steps = 0;
        Parallel.For(0, 2, _ =>
        {
            while (trainer.Step()) Interlocked.Increment(ref steps);
        });
        Assert.Equal((8, 8L), (steps, trainer.Progress(wait: true).Step));
    }

    [Theory]
    [InlineData("return")]
    [InlineData("kept")]
    [InlineData("exit")]
    [InlineData("closed")]
    [InlineData("disposed")]
    [InlineData("collected")]
    [InlineData("training")]
    [InlineData("evaluating")]
    [InlineData("exit while evaluating")]
    [InlineData("handler")]
    [InlineData("pool")]
    public void The_end_of_the_process_with_everything_open(string end)
    {
        using (Shared.OpenDevice()) { }
        for (int round = 0; round < 3; ++round)
        {
            var (code, _, errors) = Shared.Start(
                Environment.GetEnvironmentVariable("LEMNOS_DOTNET")!, [Environment.GetEnvironmentVariable("LEMNOS_PROGRAMS")!, "end", end]);
            Assert.Equal((0, ""), (code, errors));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Cycle(Device device, float[] data, float[] into, bool dispose)
    {
        var tensor = device.Tensor(data);
        tensor.Read(into);
        var graph = new Graph();
        var x = graph.Input("x", tensor.Shape);
        graph.Gradients(x.Sum(), [x]);
        graph.Json();
        var optimizer = new Optimizer("radam", new { rate = 0.1 });
        var schedule = new Schedule("cosine");
        schedule.Factor(1, 10, 5);
        Assert.Throws<NotFoundException>(() => new Optimizer("adma"));
        Assert.Throws<InvalidArgumentException>(() => tensor.Write(new float[5]));
        if (!dispose) return;
        tensor.Dispose();
        graph.Dispose();
        optimizer.Dispose();
        schedule.Dispose();
    }

    /// 10,000 times everything that is cheap, each used and dropped, failures among them.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Nothing_leaks(bool dispose)
    {
        using var device = Shared.OpenDevice();
        var data = Enumerable.Range(0, 256).Select(i => (float)i).ToArray();
        var into = new float[256];
        void Cycles(int count)
        {
            for (int i = 0; i < count; ++i)
            {
                Cycle(device, data, into, dispose);
                if (i % 500 == 499) Shared.Collect();
            }
            Shared.Collect();
        }
        Cycles(3000);
        var before = (Shared.Counter(device, "memory_bytes"), Shared.Counter(device, "buffers"));
        long resident = Shared.Resident();
        Cycles(10000);
        Assert.Equal(before, (Shared.Counter(device, "memory_bytes"), Shared.Counter(device, "buffers")));
        double growth = (double)Shared.Resident() / resident - 1;
        output.WriteLine($"RSS grew by {growth:P3} of {resident} bytes; {Library.LiveForTests()} handles alive");
        Assert.Equal((1, 1L), (Handle.Alive, Library.LiveForTests())); // the device's
        Assert.True(growth < 0.02, $"RSS grew by {growth:P3}");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void DearCycle()
    {
        using var device = Shared.OpenDevice();
        foreach (var thing in Everything(device).Values) Use(thing);
    }

    /// The dear ones, fewer; the driver and the allocator take their time until they need no more.
    [Fact]
    public void Devices_and_models_do_not_leak()
    {
        void Cycles(int count)
        {
            for (int i = 0; i < count; ++i)
            {
                DearCycle();
                Shared.Collect();
            }
        }
        Cycles(40);
        double growth = 1;
        for (int series = 0; series < 4 && growth >= 0.02; ++series) // what leaks grows in every series, a heap now and then
        {
            long resident = Shared.Resident();
            Cycles(20);
            growth = (double)Shared.Resident() / resident - 1;
            output.WriteLine($"RSS grew by {growth:P3} of {resident} bytes; {Library.LiveForTests()} handles alive");
        }
        Assert.Equal((0, 0L), (Handle.Alive, Library.LiveForTests()));
        Assert.True(growth < 0.02, $"RSS grew by {growth:P3}");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void DropTensors(Device device, int count)
    {
        for (int i = 0; i < count; ++i) _ = new Tensor(device, Dtype.U8, [1 << 20]);
    }

    /// What is dropped is collected without being asked, since the collector knows how much hangs on it.
    [Fact]
    public void The_collector_is_told_of_memory()
    {
        using var device = Shared.OpenDevice();
        int before = GC.CollectionCount(0);
        DropTensors(device, 1000);
        Assert.True(GC.CollectionCount(0) > before);
        GC.WaitForPendingFinalizers();
        long alive = Shared.Counter(device, "memory_bytes");
        Assert.True(alive < 900L << 20, $"{alive} bytes alive");
        Shared.Collect();
        Assert.Equal(1, Handle.Alive);
    }
}
