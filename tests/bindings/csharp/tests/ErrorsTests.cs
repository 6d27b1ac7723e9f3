using System.Reflection;

namespace Lemnos.Tests;

/// Every result code is an exception with its message, code and step.
public class ErrorsTests
{
    static IEnumerable<Result> Codes => Enum.GetValues<Result>().Where(code => code < 0);

    public static TheoryData<int> Numbers => new(Codes.Select(code => (int)code).Append(-9999));

    static readonly Dictionary<int, Type> Classes =
        Codes.ToDictionary(code => (int)code, code => LemnosException.Of((int)code, "", -1).GetType());

    [Fact]
    public void Every_code_has_a_class_of_its_own()
    {
        Assert.True(Classes.Count >= 14);
        Assert.Equal(Classes.Count, Classes.Values.Distinct().Count());
        Assert.All(Classes.Values, kind => Assert.True(kind.BaseType == typeof(LemnosException) && kind.IsPublic && kind.IsSealed));
        var all = typeof(Device).Assembly.GetTypes().Where(kind => kind.IsSubclassOf(typeof(LemnosException)));
        Assert.Equal(all.ToHashSet(), Classes.Values.ToHashSet());
    }

    [Theory]
    [MemberData(nameof(Numbers))]
    public void A_native_failure_arrives_as_its_class(int code)
    {
        var error = Assert.ThrowsAny<LemnosException>(() => Library.FailForTests(code, "Ein Satz über „Umlaute“ 🙂.", 7));
        Assert.Equal(Classes.GetValueOrDefault(code, typeof(LemnosException)), error.GetType());
        Assert.Equal((code, "Ein Satz über „Umlaute“ 🙂.", 7L), (error.Code, error.Message, error.Step));
        string name = code == -9999 ? "an unknown result" : "LEM_" + (Result)code;
        Assert.Equal(name, error.CodeName);
        Library.Version(); // nothing of it waits
    }

    [Fact]
    public void A_failure_outside_a_training_has_no_step() =>
        Assert.Null(Assert.Throws<NotFoundException>(() => Library.FailForTests(-12, "Nothing.", -1)).Step);

    [Fact]
    public void Sentences_are_the_librarys()
    {
        Assert.Equal("There is no optimizer \"adma\". Did you mean \"adam\"?",
            Assert.Throws<NotFoundException>(() => new Optimizer("adma")).Message);
        Assert.Equal("Optimizer adam has no attribute \"beta\". Did you mean \"beta1\"?",
            Assert.Throws<InvalidArgumentException>(() => new Optimizer("adam", new { beta = 0.9 })).Message);
        Assert.ThrowsAny<LemnosException>(() => Dataset.Open("/nowhere/at/all", "train"));
    }

    [Fact]
    public void A_text_with_a_zero_is_refused() =>
        Assert.Contains("zero character", Assert.Throws<InvalidArgumentException>(() => new Optimizer("adam\0x")).Message);

    [Fact]
    public void Null_is_refused_by_the_name_of_the_parameter()
    {
        Assert.Equal("name", Assert.Throws<ArgumentNullException>(() => new Optimizer(null!)).ParamName);
        Assert.Equal("device", Assert.Throws<ArgumentNullException>(() => new Tensor(null!, Dtype.F32, [1])).ParamName);
        Assert.Equal("model", Assert.Throws<ArgumentNullException>(() => new Predictor(null!, 1)).ParamName);
    }

    [Fact]
    public void Options_are_objects_dictionaries_or_json()
    {
        using var optimizer = new Optimizer("radam", new { rate = 0.25f });
        object dictionary = new Dictionary<string, object?> { ["milestones"] = new List<int> { 2, 4 }, ["gamma"] = 0.5, ["warmup"] = null };
        foreach (var options in new[] { new { milestones = new[] { 2, 4 }, gamma = 0.5 }, dictionary, "{\"milestones\": [2, 4], \"gamma\": 0.5}" })
        {
            using var schedule = new Schedule("multi_step", options);
            Assert.Equal([1, 0.5, 0.25], new[] { 0L, 2, 4 }.Select(step => schedule.Factor(step, 5, 1)));
        }
        Assert.Equal("{\"a\":true,\"b\":\"\\\"\\u000a\\\\ü\",\"c\":[1,2.5],\"d\":[\"x\",\"y\"],\"e\":1E-07}",
            Options.Text(new { a = true, b = "\"\n\\ü", c = new object[] { 1, 2.5 }, d = new[] { "x", "y" }, e = 1e-7 }));
        Assert.Equal("", Options.Text(new { a = (string?)null }));
        Assert.Throws<ArgumentException>(() => new Optimizer("radam", new { rate = double.NaN }));
        Assert.Throws<ArgumentException>(() => new Optimizer("radam", new { rate = new object() }));
    }

    [Fact]
    public void Json_of_the_library_is_read()
    {
        var read = Json.Read("{\"a\": [1, -2.5e3, true, false, null], \"b\": {\"c\": \"\\u00fc\\n\\\"\"}, \"d\": [], \"e\": {}}");
        Assert.Equal([1.0, -2500.0, true, false, null], (List<object?>)read["a"]!);
        Assert.Equal("ü\n\"", ((Dictionary<string, object?>)read["b"]!)["c"]);
        Assert.Empty((List<object?>)read["d"]!);
        Assert.Empty((Dictionary<string, object?>)read["e"]!);
    }

    [Fact]
    public void A_diverged_training_names_its_step()
    {
        using var device = Shared.OpenDevice();
        using var quarters = Shared.Quarters();
        using var model = Shared.SmallModel(device, quarters);
        using var trainer = new Trainer(
            model, quarters, new Optimizer("sgd"), new Schedule("constant"), new { batch = 16, micro_batch = 16, epochs = 50 });
        trainer.Step();
        trainer.Progress(wait: true);
        model.Write("classifier.1.bias", [float.NaN, float.NaN, float.NaN, float.NaN]);
        var error = Assert.Throws<InvalidStateException>(() => trainer.Run().Count());
        Assert.True(error.Step >= 2, error.ToString());
    }

    [Fact]
    public void Threads_have_sentences_of_their_own()
    {
        var wrong = 0;
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, number =>
        {
            for (int i = 0; i < 500; ++i)
                try
                {
                    new Optimizer($"nothing{number}");
                }
                catch (NotFoundException error)
                {
                    if (!error.Message.Contains($"\"nothing{number}\"")) Interlocked.Increment(ref wrong);
                }
        });
        Assert.Equal(0, wrong);
    }
}
