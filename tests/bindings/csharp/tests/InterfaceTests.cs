using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using System.Text.Json;

namespace Lemnos.Tests;

/// What must hold of the interface as a whole: everything is reachable, nothing is opaque, everything is documented.
public class InterfaceTests
{
    static readonly Assembly Assembly = typeof(Device).Assembly;

    static string Read(params string[] path) => File.ReadAllText(Path.Combine(path));

    const BindingFlags All = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    static string Plain(string name) => name.Replace("_", "").ToLowerInvariant();

    /// objects.h calls every function of lemnos.h (but retain, which is the language's own business); every method of
    /// objects.h is in the assembly, and public, or used by something public.
    [Fact]
    public void Every_function_is_reached()
    {
        string[] symbols = Read(Shared.Source, "capi", "lemnos.symbols").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(symbols.Length > 70);
        var (code, called, _) = Shared.Start("python3", [Path.Combine(Shared.Source, "bindings", "generate"), "--functions"]);
        Assert.Equal(0, code);
        Assert.All(symbols.Except(called.Split('\n')), name => Assert.EndsWith("_retain", name));

        var native = Assembly.GetType("Lemnos.LibraryPINVOKE")!.GetMethods(All).Select(method => method.Name).ToArray();
        string sources = string.Concat(Directory.GetFiles(Path.Combine(Shared.Source, "bindings", "csharp"), "*.cs").Select(File.ReadAllText));
        foreach (string name in native)
        {
            string[] parts = name.Split('_', 2);
            if (parts[0] is "new" or "delete" || parts[0] == "Bindings" || name.EndsWith("ForTests")) continue;
            var owner = parts.Length == 2 ? Assembly.GetType("Lemnos." + parts[0])! : typeof(Library);
            bool found = owner.GetMethods(All).Any(method => method.Name == parts[^1]);
            Assert.True(found || Regex.IsMatch(sources, $@"\b{parts[^1]}\("), name);
        }
        string objects = Regex.Replace(Read(Shared.Source, "bindings", "common", "objects.h"), @"//.*", "");
        string ours = Plain(string.Join(' ', native));
        foreach (Match function in Regex.Matches(objects, @"check\(lem_([a-z0-9]+)_(\w+)\("))
        {
            string kind = function.Groups[1].Value, method = Plain(function.Groups[2].Value);
            if (method == "create") continue; // a constructor, which the interface has or does not compile
            Assert.True(Regex.IsMatch(ours, $@"\b{kind}(get|add)?{method}") || ours.Contains(Plain(kind + method)) ||
                        ours.Contains($"{kind}waitnanoseconds"), function.Value);
        }
    }

    [Fact]
    public void Nothing_is_opaque_and_no_handle_is_freed()
    {
        foreach (var kind in Assembly.GetExportedTypes())
        {
            Assert.DoesNotContain("SWIGTYPE", kind.FullName);
            foreach (var member in kind.GetMembers(All))
            {
                string signature = member.ToString()!;
                Assert.DoesNotContain("SWIG", signature);
                Assert.DoesNotContain("IntPtr", signature);
                Assert.DoesNotMatch(@"\*", signature);
                Assert.False(member.Name.Contains('_') && member is MethodInfo { IsSpecialName: false }, member.Name);
                if (member is MethodBase method)
                    Assert.All(method.GetParameters(), parameter => Assert.DoesNotContain("_", parameter.Name));
            }
        }
        Assert.Empty(Directory.GetFiles(Shared.Generated, "SWIGTYPE*"));
        string native = Read(Shared.Generated, "native.cpp");
        Assert.True(native.Length > 50_000);
        Assert.DoesNotMatch(@"\bfree\(", native);
        Assert.DoesNotContain("HandleRef", Read(Shared.Generated, "LibraryPINVOKE.cs"));
    }

    /// Handles go through the P/Invoke signatures as SafeHandle, so that the runtime counts them around each call.
    [Fact]
    public void Handles_are_safe()
    {
        foreach (var method in Assembly.GetType("Lemnos.LibraryPINVOKE")!.GetMethods(All))
            foreach (var parameter in method.GetParameters())
                Assert.NotEqual(typeof(IntPtr), parameter.ParameterType);
    }

    [Fact]
    public void Every_public_member_is_documented()
    {
        string path = Path.ChangeExtension(Assembly.Location, ".xml");
        if (!File.Exists(path)) path = Path.Combine(Shared.Build, "bindings", "csharp", "artifacts", "bin", "Lemnos", "release_net8.0", "Lemnos.xml");
        var members = XDocument.Load(path).Descendants("member").ToDictionary(
            member => member.Attribute("name")!.Value, member => member.Value.Trim());
        foreach (var kind in Assembly.GetExportedTypes())
        {
            Assert.NotEqual("", members.GetValueOrDefault($"T:{kind.FullName}", ""));
            foreach (var method in kind.GetMethods(All).Where(method => !method.IsSpecialName && !method.IsVirtual))
                Assert.Contains(members.Keys, name => name.StartsWith($"M:{kind.FullName}.{method.Name}"));
        }
        Assert.StartsWith("Writes parameters, statistics, optimizer state", members["M:Lemnos.Trainer.Save(System.String)"]);
    }

    [Fact]
    public void Structures_have_every_member_where_C_has_it()
    {
        string header = Read(Shared.Source, "capi", "include", "lemnos", "lemnos.h");
        foreach (var kind in new[] { typeof(Progress), typeof(Metrics) })
        {
            string body = Regex.Match(header, $@"typedef struct lem_{kind.Name.ToLowerInvariant()} {{(.*?)}}", RegexOptions.Singleline).Groups[1].Value;
            body = Regex.Replace(body, @"/\*.*?\*/", "", RegexOptions.Singleline);
            var members = Regex.Matches(body, @"(\w+)\s*[,;]").Select(match => Plain(match.Groups[1].Value)).ToArray();
            var fields = kind.GetFields(BindingFlags.NonPublic | BindingFlags.Instance).Select(field => Plain(field.Name));
            Assert.Equal(members, fields);
            Assert.Equal(members.Except(["structsize", "reserved"]), kind.GetProperties().Select(property => Plain(property.Name)));
        }
        using var device = Shared.OpenDevice();
        using var quarters = Shared.Quarters();
        object metrics = Shared.SmallModel(device, quarters).Evaluate(quarters);
        var size = metrics.GetType().GetField("structSize", BindingFlags.NonPublic | BindingFlags.Instance)!.GetValue(metrics);
        Assert.Equal(System.Runtime.InteropServices.Marshal.SizeOf<Metrics>(), size);
    }

    [Fact]
    public void Every_enumerator_is_there_without_sentinels()
    {
        string header = Read(Shared.Source, "capi", "include", "lemnos", "lemnos.h");
        var names = Regex.Matches(header, @"^ +LEM_(\w+) = ", RegexOptions.Multiline).Select(match => match.Groups[1].Value);
        Assert.Equal(
            names.Where(name => !name.Contains("FORCE")).Select(name => name.Replace("DTYPE_", "")).Order(),
            Enum.GetNames<Result>().Concat(Enum.GetNames<Dtype>()).Order());
    }

    [Fact]
    public void Operators_are_those_of_the_library()
    {
        var ours = typeof(Operators).GetMethods(All).Select(method => Plain(method.Name)).Order();
        var library = JsonDocument.Parse(Library.OperatorsJson()).RootElement.EnumerateArray()
            .Select(entry => Plain(entry.GetProperty("name").GetString()!)).Order();
        Assert.Equal(library, ours);
    }

    [Fact]
    public void Attributes_arrive()
    {
        using var graph = new Graph();
        Value x = graph.Input("x", 1, 8, 8, 3), weight = graph.Input("weight", 3, 3, 3, 5);
        var y = x.Conv2d(weight, stride: [2, 2], padding: [1, 1, 1, 1]);
        Assert.Equal([1, 4, 4, 5], y.Shape);
        Assert.Contains("\"stride\":[2,2]", graph.Json().Replace(" ", ""));
    }

    [Fact]
    public void Both_targets_are_built_and_Unitys_depends_on_nothing()
    {
        string folder = Path.Combine(Shared.Build, "bindings", "csharp", "artifacts", "bin", "Lemnos");
        Assert.True(File.Exists(Path.Combine(folder, "release_net8.0", "Lemnos.dll")));
        using var stream = File.OpenRead(Path.Combine(folder, "release_netstandard2.1", "Lemnos.dll"));
        using var image = new System.Reflection.PortableExecutable.PEReader(stream);
        var metadata = System.Reflection.Metadata.PEReaderExtensions.GetMetadataReader(image);
        Assert.Equal(["netstandard"], metadata.AssemblyReferences.Select(
            reference => metadata.GetString(metadata.GetAssemblyReference(reference).Name)));
        Assert.DoesNotMatch(@"System\.IO|File\.|Directory\.", string.Concat(
            Directory.GetFiles(Path.Combine(Shared.Source, "bindings", "csharp"), "*.cs").Select(File.ReadAllText)));
    }

    /// What Unity takes, in place of the assembly for .NET 8.
    [Fact]
    public void The_assembly_of_netstandard_runs_the_scenario()
    {
        using (Shared.OpenDevice()) { }
        string programs = Environment.GetEnvironmentVariable("LEMNOS_PROGRAMS")!;
        string folder = Directory.CreateTempSubdirectory("lemnos-netstandard-").FullName;
        try
        {
            foreach (string file in Directory.GetFiles(Path.GetDirectoryName(programs)!))
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            File.Copy(Path.Combine(Shared.Build, "bindings", "csharp", "artifacts", "bin", "Lemnos", "release_netstandard2.1", "Lemnos.dll"),
                Path.Combine(folder, "Lemnos.dll"), true);
            string dotnet = Environment.GetEnvironmentVariable("LEMNOS_DOTNET")!;
            var ours = Shared.Start(dotnet, [programs, "scenario", folder]);
            var unitys = Shared.Start(dotnet, [Path.Combine(folder, Path.GetFileName(programs)), "scenario", folder]);
            Assert.Equal(0, ours.Code);
            Assert.Equal(ours, unitys);
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }
}
