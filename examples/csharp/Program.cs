// Learns to tell drawn shapes apart, with a live chart in the terminal, and then names some that it has never seen.
//
//     dotnet run --project examples/csharp                the chart
//     dotnet run --project examples/csharp -- --plain     lines of text
using Lemnos;
using Spectre.Console;
using Spectre.Console.Rendering;
using Progress = Lemnos.Progress;

bool plain = args.Contains("--plain");
string[] names = ["circle", "square", "triangle", "cross"];
const int side = 16;

var random = new Random(7);
var (pixels, labels) = Draw(640);
using var device = new Device();
using var shapes = Dataset.Create(pixels, labels, side, side, 1, names.Length);
using var model = Model.Build(
    device, "mobilenet_v2", new { preset = "small28", width = 0.25, resolution = side, channels = 1, classes = names.Length, dropout = 0 });
model.Prepare(shapes);
model.ClassNames = names;
using var optimizer = new Optimizer("adam", new { rate = 0.01 });
using var schedule = new Schedule("one_cycle");
using var trainer = new Trainer(model, shapes, optimizer, schedule, new { batch = 32, epochs = 12 });

var history = new List<Progress>();
Console.WriteLine($"{device.Name} trains {model.Parameters:N0} parameters.");
if (plain)
{
    await foreach (var progress in trainer.RunAsync())
        if (progress.Step % 10 == 0)
            Console.WriteLine($"step {progress.Step}/{progress.Steps}: loss {progress.Loss:F3}, accuracy {progress.Accuracy:P0}");
}
else
{
    await AnsiConsole.Live(new Text("compiling …")).StartAsync(async live =>
    {
        await foreach (var progress in trainer.RunAsync())
        {
            history.Add(progress);
            live.UpdateTarget(Standing());
        }
    });
}

var (unseen, answers) = Draw(200);
using var predictor = new Predictor(model, 50);
Guess[] guesses = [.. predictor.Classify(unseen).Select(best => best[0])];
int right = guesses.Where((guess, image) => guess.Name == names[answers[image]]).Count();
if (!plain) AnsiConsole.Write(new Columns(Enumerable.Range(0, names.Length).Select(Answer)) { Expand = false, Padding = new Padding(0) });
Console.WriteLine($"{right} of {answers.Length} new shapes are recognised.");
return right > 150 ? 0 : 1;

// Grey images, each with a shape of some size somewhere, and noise.
(byte[] Pixels, int[] Labels) Draw(int count)
{
    var images = new byte[count * side * side];
    var kinds = new int[count];
    for (int image = 0; image < count; ++image)
    {
        int kind = kinds[image] = image % names.Length;
        int size = random.Next(4, 7), top = random.Next(size, side - size), left = random.Next(size, side - size);
        for (int at = 0; at < side * side; ++at)
        {
            double y = (double)(at / side - top) / size, x = (double)(at % side - left) / size;
            bool inside = Math.Abs(x) <= 1 && Math.Abs(y) <= 1 && kind switch
            {
                0 => x * x + y * y <= 1,
                1 => true,
                2 => Math.Abs(x) <= (y + 1) / 2,
                _ => Math.Abs(x) <= 0.3 || Math.Abs(y) <= 0.3,
            };
            images[image * side * side + at] = (byte)((inside ? 170 : 20) + random.Next(60));
        }
    }
    return (images, kinds);
}

IRenderable Standing()
{
    var last = history[^1];
    var bar = new BreakdownChart().Width(80).HideTags()
        .AddItem("done", last.Step, Color.Green).AddItem("to do", last.Steps - last.Step, Color.Grey23);
    return new Rows(
        new Columns(
            Curve("loss", progress => progress.Loss, "F3", Color.Orange1),
            Curve("accuracy", progress => progress.Accuracy, "P0", Color.Green)) { Expand = false },
        bar,
        new Text($"step {last.Step} of {last.Steps}, epoch {last.Epoch + 1}, {last.ImagesPerSecond:N0} images/s, rate {last.Rate:G2}"));
}

// A curve of all steps, in eighths of a character's height.
IRenderable Curve(string name, Func<Progress, double> value, string format, Color color)
{
    const int width = 36, height = 8;
    double top = Math.Max(history.Max(value), 1e-9);
    var levels = Enumerable.Range(0, width).Select(column => column * (int)history[^1].Steps / width)
        .Select(step => step < history.Count ? (int)Math.Round(value(history[step]) / top * height * 8) : 0).ToArray();
    var rows = Enumerable.Range(1, height).Select(
        row => string.Concat(levels.Select(level => " ▁▂▃▄▅▆▇█"[Math.Clamp(level - (height - row) * 8, 0, 8)])));
    return new Panel(new Text(string.Join('\n', rows), color)).Header($" {name} {value(history[^1]).ToString(format)} ");
}

// A shape, two rows of pixels a line, and what the model takes it for.
IRenderable Answer(int image)
{
    byte Grey(int y, int x) => unseen[(image * side + y) * side + x];
    Color Pixel(int y, int x) => new(Grey(y, x), Grey(y, x), Grey(y, x));
    var picture = new Paragraph();
    for (int y = 0; y < side; y += 2)
        for (int x = 0; x < side; ++x)
            picture.Append(x == side - 1 ? "▀\n" : "▀", new Style(Pixel(y, x), Pixel(y + 1, x)));
    var (guess, answer) = (guesses[image], names[answers[image]]);
    picture.Append($"{guess.Name} {guess.Probability:P0}", guess.Name == answer ? Color.Green : Color.Red);
    return new Panel(picture).Header($" {answer} ");
}
