using System.Diagnostics;
using System.Globalization;

namespace Lemnos.Tests;

/// Moving 64 MB and calling, beside C in the same minute: at least 90 % of C's bytes per second, less than 1 µs more a call.
///
/// Each round is made by both, one right after the other, and the best of each counts: what disturbs a round is no part of the
/// binding. Where others use the machine's memory as well, more rounds are needed until both had a good one.
public class MovingTests(ITestOutputHelper output)
{
    const int Bytes = 64 << 20, Calls = 100_000, Rounds = 12, MostRounds = 60;

    [Fact]
    public void Moving()
    {
        using var device = Shared.OpenDevice();
        var data = new float[Bytes / 4];
        Array.Fill(data, 1);
        using var tensor = new Tensor(device, Dtype.F32, [data.Length]);
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("LEMNOS_MOVING")!)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        using var program = Process.Start(start)!;
        Assert.Equal("ready", program.StandardOutput.ReadLine());
        double[] best = [0, 0, double.MaxValue], theirs = [0, 0, double.MaxValue];
        void Keep(double[] into, double write, double read, double call) =>
            (into[0], into[1], into[2]) = (Math.Max(into[0], write), Math.Max(into[1], read), Math.Min(into[2], call));
        bool AsFastAsC() => best[0] >= 0.9 * theirs[0] && best[1] >= 0.9 * theirs[1];
        for (int round = 0; round < Rounds || (round < MostRounds && !AsFastAsC()); ++round)
        {
            program.StandardInput.WriteLine("go");
            program.StandardInput.Flush();
            var row = Array.ConvertAll(program.StandardOutput.ReadLine()!.Split(' '), word => double.Parse(word, CultureInfo.InvariantCulture));
            Keep(theirs, row[0], row[1], row[2]);
            long from = Stopwatch.GetTimestamp();
            tensor.Write(data);
            long written = Stopwatch.GetTimestamp();
            tensor.Read(data);
            long read = Stopwatch.GetTimestamp();
            for (int i = 0; i < Calls; ++i) tensor.GetBytes();
            double called = Stopwatch.GetElapsedTime(read).TotalSeconds;
            Keep(best, Bytes / Stopwatch.GetElapsedTime(from, written).TotalSeconds,
                Bytes / Stopwatch.GetElapsedTime(written, read).TotalSeconds, 1e9 * called / Calls);
        }
        program.StandardInput.Close();
        program.WaitForExit();
        double beyond = best[2] - theirs[2];
        output.WriteLine($"write {best[0] / 1e9:F2} GB/s ({best[0] / theirs[0]:P1} of C's), " +
                         $"read {best[1] / 1e9:F2} GB/s ({best[1] / theirs[1]:P1} of C's), {beyond:F0} ns a call beyond C's");
        Assert.True(AsFastAsC());
        Assert.True(beyond < 1000);
    }
}
