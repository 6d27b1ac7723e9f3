// What the tests share.
using System.Diagnostics;
using System.Text.Json;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Lemnos.Tests;

static class Shared
{
    public static readonly string Source = Environment.GetEnvironmentVariable("LEMNOS_SOURCE")!;
    public static readonly string Build = Environment.GetEnvironmentVariable("LEMNOS_BUILD")!;
    public static readonly string Generated = Path.Combine(Build, "bindings", "csharp", "generated");

    public static readonly object Small =
        new { preset = "small28", width = 0.1, resolution = 8, channels = 1, classes = 4, head = 16, dropout = 0 };

    public static Device OpenDevice()
    {
        try
        {
            return new Device();
        }
        catch (NoDeviceException error)
        {
            Console.WriteLine($"No test could run: {error.Message}");
            Assert.Skip(error.Message);
            throw;
        }
    }

    // Grey images of 8 x 8 in four classes: one bright quarter each, with noise.
    public static (byte[] Pixels, int[] Labels) MakeQuarters(int count = 64)
    {
        var pixels = new byte[count * 64];
        uint state = 12345;
        int at = 0;
        for (int image = 0; image < count; ++image)
            for (int y = 0; y < 8; ++y)
                for (int x = 0; x < 8; ++x)
                {
                    state = unchecked(state * 1664525 + 1013904223);
                    pixels[at++] = (byte)((y / 4 * 2 + x / 4 == image % 4 ? 180 : 20) + (state >> 24) % 40);
                }
        return (pixels, Enumerable.Range(0, count).Select(image => image % 4).ToArray());
    }

    public static Dataset Quarters()
    {
        var (pixels, labels) = MakeQuarters();
        return Dataset.Create(pixels, labels, 8, 8, 1, 4);
    }

    public static Model SmallModel(Device device, Dataset quarters)
    {
        var model = Model.Build(device, "mobilenet_v2", Small);
        model.Prepare(quarters);
        return model;
    }

    public static long Counter(Device device, string name) =>
        JsonDocument.Parse(device.CountersJson()).RootElement.GetProperty(name).GetInt64();

    public static (int Code, string Output, string Errors) Start(string program, string[] arguments, string? folder = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder ?? "",
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }

    // Collects, and lets the finalizers of what was found run, until nothing more is found.
    public static void Collect()
    {
        for (int round = 0; round < 3; ++round)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, true, true);
            GC.WaitForPendingFinalizers();
        }
    }

    public static long Resident() =>
        long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1]) * Environment.SystemPageSize;
}
