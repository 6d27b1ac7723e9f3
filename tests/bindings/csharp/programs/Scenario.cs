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

        using var detector = Detect(device, folder);

        Provoke(() => Model.Build(device, "mobilenet_v3"));
        Provoke(() => new Optimizer("radam", new { beta = 0.9 }));
        Provoke(() => new Trainer(detector, dataset, new Optimizer("radam"), schedule));
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

    static void WritePictures(string folder)
    {
        List<string> boxes = ["file,class,xmin,ymin,xmax,ymax"];
        uint state = 12345;
        for (int number = 0; number < 8; ++number)
        {
            int top = 8 * (number % 4), left = 8 * (number / 4);
            var picture = new byte[64 * 64];
            for (int at = 0; at < picture.Length; ++at)
            {
                int row = at / 64, column = at % 64;
                bool inside = row >= top && row < top + 32 && column >= left && column < left + 32;
                state = unchecked(state * 1664525 + 1013904223);
                picture[at] = (byte)((!inside ? 110 : number % 2 == 1 ? 20 : 220) + (state >> 24) % 20);
            }
            boxes.Add($"{number}.png,{(number % 2 == 1 ? "dark" : "bright")},{left},{top},{left + 32},{top + 32}");
            Library.ImageWritePng(Path.Combine(folder, $"{number}.png"), picture, 64, 64, 1);
        }
        File.WriteAllLines(Path.Combine(folder, "boxes.csv"), boxes);
    }

    static Model Detect(Device device, string folder)
    {
        WritePictures(folder);
        using var dataset = Dataset.Open(folder, "train", new { height = 64, width = 64, channels = 1 });
        var info = JsonDocument.Parse(dataset.InfoJson()).RootElement;
        Console.WriteLine($"pictures {info.GetProperty("size")} boxes {info.GetProperty("boxes")}");
        foreach (var box in dataset.Boxes(5))
            Console.WriteLine($"box {box.Name} {Hex(box.Top, box.Left, box.Bottom, box.Right)}");
        var detector = Model.Build(
            device, "ssdlite_mobilenet_v2", new { width = 0.1, resolution = 64, channels = 1, classes = 2 }, seed: 2);
        detector.Prepare(dataset);
        Console.WriteLine($"detector {detector.Parameters} parameters");

        using var optimizer = new Optimizer("radam", new { rate = 0.01 });
        using var schedule = new Schedule("constant");
        using var trainer = new Trainer(
            detector, dataset, optimizer, schedule, new { batch = 4, micro_batch = 4, epochs = 3, seed = 5 });
        while (trainer.Step())
        {
            var at = trainer.Progress(wait: true);
            Console.WriteLine($"step {at.Step} loss {Hex(at.Loss)}");
        }
        var precision = JsonDocument.Parse(detector.EvaluateBoxesJson(dataset)).RootElement.GetProperty("map_50");
        Console.WriteLine($"average precision {Hex(precision.GetDouble())}");
        using var predictor = new Predictor(detector, 4, new { score = 0.05, limit = 3 });
        foreach (var found in predictor.Detect(dataset[0].Pixels)[0])
            Console.WriteLine($"object {found.Name} {Hex(found.Score, found.Top, found.Left, found.Bottom, found.Right)}");
        return detector;
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
