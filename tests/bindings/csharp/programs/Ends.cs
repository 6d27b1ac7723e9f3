// Ends of a process with everything open.
using Lemnos;

static class Ends
{
    static readonly List<object> kept = [];

    public static void Run(string end)
    {
        var device = new Device();
        var dataset = Dataset.Create(new byte[64 * 64], new int[64], 8, 8, 1, 4);
        var model = Model.Build(
            device, "mobilenet_v2", new { preset = "small28", width = 0.1, resolution = 8, channels = 1, classes = 4, head = 16 });
        var trainer = new Trainer(
            model, dataset, new Optimizer("radam"), new Schedule("constant"), new { batch = 16, epochs = 100000 });
        trainer.Step();
        switch (end)
        {
            case "return": break;
            case "kept": kept.AddRange([device, dataset, model, trainer]); break;
            case "exit": Environment.Exit(0); break;
            case "closed": device.Close(); break;
            case "disposed": device.Dispose(); break;
            case "collected":
                device = null;
                trainer = null;
                GC.Collect();
                break;
            case "training":
                Background(() => trainer.Step());
                break;
            case "evaluating":
                for (int thread = 0; thread < 3; ++thread) Background(() => model.Evaluate(dataset));
                break;
            case "exit while evaluating":
                for (int thread = 0; thread < 3; ++thread) Background(() => model.Evaluate(dataset));
                Environment.Exit(0);
                break;
            case "handler":
                AppDomain.CurrentDomain.ProcessExit += (_, _) => trainer.Dispose();
                break;
            case "pool":
                _ = Task.Run(async () =>
                {
                    await foreach (var _ in trainer.RunAsync()) { }
                });
                Thread.Sleep(300);
                break;
            default: throw new ArgumentException(end);
        }
        GC.KeepAlive(model);
    }

    // A thread that ends with the process, in the middle of a call; it catches nothing.
    static void Background(Action call)
    {
        new Thread(() =>
        {
            while (true) call();
        }) { IsBackground = true }.Start();
        Thread.Sleep(200);
    }
}
