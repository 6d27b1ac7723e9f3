namespace Lemnos.Tests;

/// Training: steps, loops, progress, checkpoints.
public sealed class TrainingTests : IDisposable
{
    readonly Device device = Shared.OpenDevice();
    readonly Dataset quarters = Shared.Quarters();
    readonly Model model;
    readonly Trainer trainer;

    public TrainingTests()
    {
        model = Shared.SmallModel(device, quarters);
        trainer = Make(model);
    }

    public void Dispose() => device.Dispose();

    Trainer Make(Model model, double? average = null) => new(
        model, quarters, new Optimizer("radam", new { rate = 0.01 }), new Schedule("cosine"),
        new { batch = 16, micro_batch = 8, epochs = 2, seed = 5, average });

    [Fact]
    public void Steps_to_the_end()
    {
        Assert.Equal(8, trainer.Progress().Steps);
        for (int step = 0; step < 8; ++step) Assert.True(trainer.Step());
        Assert.False(trainer.Step());
        var end = trainer.Progress(wait: true);
        Assert.Equal((8L, 128L, 1), (end.Step, end.Images, end.Epoch));
        Assert.True(end.Loss > 0 && end.Rate < 0.01);
        var metrics = model.Evaluate(quarters);
        Assert.Equal(metrics.Correct / 64.0, metrics.Accuracy);
        Assert.Equal(64, metrics.Images);
    }

    [Fact]
    public void A_loop_over_a_run()
    {
        Assert.Equal([1, 2, 3], trainer.Run().Take(3).Select(progress => progress.Step));
        var rest = trainer.Run().ToList();
        Assert.Equal(128, rest[^1].Images);
        Assert.Equal(8, rest[^1].Step);
        Assert.Empty(trainer.Run());
    }

    [Fact]
    public async Task An_asynchronous_loop()
    {
        var steps = new List<long>();
        await foreach (var progress in trainer.RunAsync()) steps.Add(progress.Step);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], steps);
    }

    [Fact]
    public async Task Cancelling_stops_between_two_steps()
    {
        using var source = new CancellationTokenSource();
        long last = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var progress in trainer.RunAsync().WithCancellation(source.Token))
            {
                last = progress.Step;
                if (last == 3) source.Cancel();
            }
        });
        Assert.Equal(3, last);
        Assert.True(trainer.Step());
    }

    [Fact]
    public void A_checkpoint_resumes_to_the_same_bits()
    {
        string path = Path.Combine(Path.GetTempPath(), $"lemnos-{Environment.ProcessId}.safetensors");
        try
        {
            using var first = Shared.SmallModel(device, quarters);
            using var unbroken = Make(first, average: 0.9);
            Assert.Equal(4, unbroken.Run().Take(4).Count());
            unbroken.Save(path);
            Assert.Equal(4, unbroken.Run().Count());
            unbroken.SwapAverage();
            var averaged = first.Read("classifier.1.bias", 4);
            unbroken.SwapAverage();
            using var second = Shared.SmallModel(device, quarters);
            using var resumed = Make(second, average: 0.9);
            resumed.Resume(path);
            Assert.Equal(4, resumed.Run().Count());
            Assert.Equal(first.Read("classifier.1.bias", 4), second.Read("classifier.1.bias", 4));
            Assert.NotEqual(averaged, second.Read("classifier.1.bias", 4));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_model_tells_about_itself_and_predicts()
    {
        Assert.Equal((8, 8, 1, 4), (model.Input.Height, model.Input.Width, model.Input.Channels, model.Input.Classes));
        Assert.Equal(quarters.ClassNames, model.ClassNames);
        Assert.True(model.Parameters > 1000);
        using var longer = new Trainer(
            model, quarters, new Optimizer("radam", new { rate = 0.02 }), new Schedule("constant"), new { batch = 16, epochs = 30 });
        Assert.True(longer.Run().Last().Loss < 1.2);
        using var predictor = new Predictor(model, 2);
        var (pixels, labels) = Shared.MakeQuarters(8);
        var rows = predictor.Run(pixels);
        Assert.Equal(8 * 4, rows.Length);
        for (int image = 0; image < 8; ++image) Assert.Equal(1, rows[(4 * image)..(4 * image + 4)].Sum(), 1e-4);
        Assert.Throws<ArgumentException>(() => predictor.Run(new byte[65]));
        Assert.Contains("needs a model that can detect", Assert.Throws<InvalidOperationException>(() => predictor.Detect(pixels)).Message);
        var guesses = predictor.Classify(pixels, 2);
        Assert.Equal(8, guesses.Length);
        Assert.All(guesses, best => Assert.True(best.Length == 2 && best[0].Probability >= best[1].Probability));
        model.ClassNames = ["a", "\"b\"", "ç", "d"];
        Assert.Equal(["a", "\"b\"", "ç", "d"], model.ClassNames);
        Assert.Equal(model.ClassNames, new Predictor(model, 1).ClassNames);
    }

    [Fact]
    public void Graphs_operators_and_plans()
    {
        using var graph = new Graph();
        Value x = graph.Input("x", 2, 3), y = graph.Input("y", 2, 3);
        var sum = x + y * x - y;
        var activated = sum.Relu();
        Assert.Equal([2, 3], activated.Shape);
        var total = activated.Sum();
        var gradients = graph.Gradients(total, [x, y]);
        var tensors = new[] { x, y, total, gradients[0], gradients[1] }.ToDictionary(
            value => value, value => new Tensor(device, Dtype.F32, value.Shape));
        using var plan = new Plan(device, graph, tensors);
        tensors[x].Write([1f, 2, 3, 4, 5, 6]);
        tensors[y].Write([1f, 1, 1, 2, 2, 2]);
        long ticket = plan.RunAsync();
        Assert.True(device.Wait(ticket));
        Assert.True(device.Wait(ticket, TimeSpan.FromSeconds(1)));
        Assert.Equal([1 + 3 + 5 + 10 + 13 + 16], tensors[total].ToFloats());
        Assert.Equal([2, 2, 2, 3, 3, 3], tensors[gradients[0]].ToFloats());
        Assert.True(plan.Workspace >= 0);
        using var other = new Graph();
        Assert.Throws<ArgumentException>(() => other.Op("relu", [x]));
        Assert.Contains("\"relu\"", graph.Json());
    }

    [Fact]
    public void A_device_that_keeps_its_log()
    {
        using var quiet = new Device(keepLog: true);
        Assert.NotNull(quiet.TakeLog());
        Assert.Equal(device.Name, quiet.Name);
        Assert.True(Library.IsAvailable);
        Assert.StartsWith("Device ", quiet.ToString());
    }
}
