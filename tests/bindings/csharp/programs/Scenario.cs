// The scenario (../../scenario.md) in C#.
using System.Text.Json;
using Lemnos;

static class Scenario
{
    public static void Run(string folder)
    {
        var device = new Device();
        var (pixels, labels) = MakeImages();
        using var dataset = Dataset.Create(pixels, labels, 28, 28, 1, 4);
        var info = JsonDocument.Parse(dataset.InfoJson()).RootElement;
        Console.WriteLine($"dataset {info.GetProperty("size")} images {info.GetProperty("classes")} classes");

        using var model = Model.Build(
            device, "mobilenet_v2", new { preset = "small28", width = 0.1, channels = 1, classes = 4, norm = "ghost:4" }, seed: 1);
        model.Prepare(dataset);
        Console.WriteLine($"model {model.Parameters} parameters");

        using var optimizer = new Optimizer("radam", new { rate = 0.01 });
        using var schedule = new Schedule("grow_batch", new { milestones = new[] { 1, 3 }, factor = 2, largest_batch = 32 });
        using var trainer = new Trainer(
            model, dataset, optimizer, schedule, new { batch = 8, micro_batch = 8, epochs = 5, seed = 5 });
        Console.WriteLine($"steps {trainer.Progress(wait: true).Steps}");
        while (trainer.Step())
        {
            var at = trainer.Progress(wait: true);
            Console.WriteLine(
                $"step {at.Step} batch {at.Batch} loss {Hex(at.Loss)} accuracy {Hex(at.Accuracy)} rate {Hex(at.Rate)}");
        }
        Evaluate("evaluation", model, dataset);

        string path = Path.Combine(folder, "scenario.safetensors");
        model.Save(path);
        using var loaded = Model.Load(device, path);
        Evaluate("reloaded", loaded, dataset);
        Console.WriteLine($"bias {Hex(loaded.Read("classifier.1.bias", 4))}");

        using var predictor = new Predictor(loaded, 2);
        var rows = new float[3 * 4];
        predictor.Run(pixels.AsSpan(0, 3 * 28 * 28), 3, rows);
        for (int image = 0; image < 3; ++image) Console.WriteLine($"image {image}: {Hex(rows[(4 * image)..(4 * image + 4)])}");

        using var graph = new Graph();
        Value x = graph.Input("x", 3), target = graph.Input("target", 3);
        var loss = x.MeanSquaredError(target);
        var gradient = graph.Gradients(loss, [x])[0];
        var tensors = new[] { x, target, loss, gradient }.ToDictionary(
            value => value, value => new Tensor(device, Dtype.F32, value.Shape));
        using var plan = new Plan(device, graph, tensors);
        tensors[x].Write([1f, 2, 3]);
        tensors[target].Write([1f, 1, 1]);
        plan.Run();
        Console.WriteLine($"loss {Hex(tensors[loss].ToFloats())} gradient {Hex(tensors[gradient].ToFloats())}");

        Provoke(() => Model.Build(device, "mobilenet_v3"));
        Provoke(() => new Optimizer("radam", new { beta = 0.9 }));
        device.Close();
        Provoke(() => tensors[gradient].ToFloats());
    }

    static (byte[], int[]) MakeImages()
    {
        var pixels = new byte[64 * 28 * 28];
        var labels = new int[64];
        uint state = 12345;
        int at = 0;
        for (int image = 0; image < 64; ++image)
        {
            labels[image] = image % 4;
            for (int row = 0; row < 28; ++row)
                for (int column = 0; column < 28; ++column)
                {
                    state = unchecked(state * 1664525 + 1013904223);
                    pixels[at++] = (byte)((row / 14 * 2 + column / 14 == labels[image] ? 180 : 20) + (state >> 24) % 40);
                }
        }
        return (pixels, labels);
    }

    static string Hex(params float[] numbers) =>
        string.Join(' ', numbers.Select(number => BitConverter.SingleToUInt32Bits(number).ToString("x8")));

    static string Hex(double number) => Hex((float)number);

    static void Evaluate(string word, Model model, Dataset dataset)
    {
        var metrics = model.Evaluate(dataset, 16);
        Console.WriteLine($"{word} {metrics.Correct} of {metrics.Images} loss {Hex(metrics.Loss)}");
    }

    static void Provoke(Action call)
    {
        try
        {
            call();
        }
        catch (LemnosException error)
        {
            Console.WriteLine($"error {error.Code}: {error.Message}");
        }
    }
}
