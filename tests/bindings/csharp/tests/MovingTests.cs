using System.Diagnostics;
using System.Globalization;

namespace Lemnos.Tests;

/// Moving 64 MB and calling, beside C in the same minute: at least 90 % of C's bytes per second, less than 1 µs more a call.
///
/// Each round is made by both, one right after the other and each first in turn; the median of the rounds' ratios counts, as
/// others use the machine's memory too, and a best time is a matter of who met a quiet moment. Both start anew several times:
/// two processes of the same C program differ by some percent as well. A series that others on the machine disturb is made again; all
/// are printed.
public class MovingTests(ITestOutputHelper output)
{
    const int Bytes = 64 << 20, Calls = 100_000, Rounds = 6, Starts = 8, Series = 4;

    readonly List<double[]> ours = [], theirs = [];

    static double Median(IEnumerable<double> numbers)
    {
        var sorted = numbers.Order().ToArray();
        return (sorted[sorted.Length / 2] + sorted[(sorted.Length - 1) / 2]) / 2;
    }

    [Fact]
    public void Moving() => Assert.Contains(Enumerable.Range(0, Series), _ => IsFast());

    bool IsFast()
    {
        ours.Clear();
        theirs.Clear();
        for (int start = 0; start < Starts; ++start)
        {
            using var device = Shared.OpenDevice();
            Measure(device);
            Shared.Collect();
        }
        double Ratio(int column) => Median(ours.Zip(theirs, (our, their) => our[column] / their[column]));
        double write = Ratio(0), read = Ratio(1), beyond = Median(ours.Zip(theirs, (our, their) => our[2] - their[2]));
        output.WriteLine(FormattableString.Invariant(
            $"write {Median(ours.Select(row => row[0])) / 1e9:F2} GB/s ({write:P1} of C's), ") + FormattableString.Invariant(
            $"read {Median(ours.Select(row => row[1])) / 1e9:F2} GB/s ({read:P1} of C's), {beyond:F0} ns a call beyond C's"));
        return write >= 0.9 && read >= 0.9 && beyond < 1000;
    }

    void Measure(Device device)
    {
        var data = new float[Bytes / 4];
        Array.Fill(data, 1);
        using var tensor = new Tensor(device, Dtype.F32, [data.Length]);
        using var program = Process.Start(new ProcessStartInfo(Environment.GetEnvironmentVariable("LEMNOS_MOVING")!)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        })!;
        Assert.Equal("ready", program.StandardOutput.ReadLine());
        for (int round = 0; round < Rounds; ++round)
        {
            if (round % 2 == 0) ours.Add(Ours(tensor, data));
            program.StandardInput.WriteLine("go");
            program.StandardInput.Flush();
            theirs.Add(Array.ConvertAll(
                program.StandardOutput.ReadLine()!.Split(' '), word => double.Parse(word, CultureInfo.InvariantCulture)));
            if (round % 2 == 1) ours.Add(Ours(tensor, data));
        }
        program.StandardInput.Close();
        program.WaitForExit();
    }

    // As moving.c prints it.
    static double[] Ours(Tensor tensor, float[] data)
    {
        long from = Stopwatch.GetTimestamp();
        tensor.Write(data);
        long written = Stopwatch.GetTimestamp();
        tensor.Read(data);
        long read = Stopwatch.GetTimestamp();
        for (int i = 0; i < Calls; ++i) tensor.GetBytes();
        double called = Stopwatch.GetElapsedTime(read).TotalSeconds;
        return
        [
            Bytes / Stopwatch.GetElapsedTime(from, written).TotalSeconds,
            Bytes / Stopwatch.GetElapsedTime(written, read).TotalSeconds, 1e9 * called / Calls,
        ];
    }
}
