using System.IO.Compression;
using System.Text.RegularExpressions;

namespace Lemnos.Tests;

/// The NuGet package, restored from a local folder into a new console project outside of the tree, works there on its own.
public sealed class PackageTests : IDisposable
{
    const string Program = """
        using Lemnos;

        try
        {
            new Optimizer("adma");
        }
        catch (NotFoundException error)
        {
            Console.WriteLine(error.Message);
        }
        if (Library.IsAvailable)
        {
            using var device = new Device();
            using var tensor = device.Tensor([1f, 2, 3]);
            if (!tensor.ToFloats().SequenceEqual([1f, 2, 3])) return 1;
        }
        Console.WriteLine(string.Join(' ', File.ReadLines("/proc/self/maps").Select(line => line.Split(' ')[^1])
            .Where(name => name.Contains("liblemnos")).Distinct()));
        return 0;
        """;

    static readonly string Dist = Path.Combine(Shared.Build, "bindings", "csharp", "dist");
    readonly string folder = Directory.CreateTempSubdirectory("lemnos-package-").FullName;

    public void Dispose() => Directory.Delete(folder, true);

    (int Code, string Output) Dotnet(params string[] arguments)
    {
        var (code, output, errors) = Shared.Start(Environment.GetEnvironmentVariable("LEMNOS_DOTNET")!, arguments, folder);
        return (code, output + errors);
    }

    void Make(string properties = "", string program = Program)
    {
        string version = Path.GetFileNameWithoutExtension(Directory.GetFiles(Dist, "*.nupkg").Single())["Lemnos.".Length..];
        File.WriteAllText(Path.Combine(folder, "Outside.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <OutputType>Exe</OutputType>
                <ImplicitUsings>enable</ImplicitUsings>
                <RestorePackagesPath>packages</RestorePackagesPath>
                {properties}
              </PropertyGroup>
              <ItemGroup><PackageReference Include="Lemnos" Version="{version}" /></ItemGroup>
            </Project>
            """);
        File.WriteAllText(Path.Combine(folder, "nuget.config"), $"""
            <configuration><packageSources><clear /><add key="local" value="{Dist}" /></packageSources></configuration>
            """);
        File.WriteAllText(Path.Combine(folder, "Program.cs"), program);
    }

    [Fact]
    public void It_stands_alone()
    {
        Make();
        var (code, output) = Dotnet("build", "--nologo", "-v", "quiet", "-nodeReuse:false", "-o", "out");
        Assert.True(code == 0, output);
        (code, output) = Dotnet(Path.Combine("out", "Outside.dll"));
        Assert.True(code == 0, output);
        string[] lines = output.Split('\n');
        Assert.Equal("There is no optimizer \"adma\". Did you mean \"adam\"?", lines[0]);
        Assert.StartsWith(folder, lines[1]);
        Assert.EndsWith("liblemnos_csharp.so", lines[1]);
        Assert.Single(lines[1].Split(' '));
    }

    [Fact]
    public void The_program_of_the_README()
    {
        using (Shared.OpenDevice()) { }
        var found = Regex.Match(File.ReadAllText(Path.Combine(Shared.Source, "README.md")), "```csharp\n(.*?)```", RegexOptions.Singleline);
        Assert.True(found.Success);
        Make(program: found.Groups[1].Value);
        var (code, output) = Dotnet("build", "--nologo", "-v", "quiet", "-nodeReuse:false", "-o", "out");
        Assert.True(code == 0, output);
        var random = new Random(1);
        var pixels = new byte[3 * 40 * 40];
        for (int i = 0; i < 16; ++i)
        {
            for (int at = 0; at < pixels.Length; ++at) pixels[at] = (byte)(random.Next(60) + (at % 3 == i % 2 ? 180 : 0));
            string photos = Directory.CreateDirectory(Path.Combine(folder, "photos", "train", i % 2 == 0 ? "red" : "green")).FullName;
            Library.ImageWritePng(Path.Combine(photos, $"{i}.png"), pixels, 40, 40, 3);
        }
        File.Copy(Path.Combine(folder, "photos", "train", "red", "0.png"), Path.Combine(folder, "cat.jpg"));
        (code, output) = Dotnet(Path.Combine("out", "Outside.dll"));
        Assert.True(code == 0, output);
        Assert.Contains("step 5 of 5: loss ", output);
        Assert.Matches(@"(red|green) [01][.,]\d\d", output);
        Assert.True(new FileInfo(Path.Combine(folder, "photos.safetensors")).Length > 8_000_000);
    }

    [Fact]
    public void Its_targets_copy_the_library_and_warn_of_platforms_without_one()
    {
        Make("<LemnosCopyNative>true</LemnosCopyNative><RuntimeIdentifier>win-x64</RuntimeIdentifier><SelfContained>false</SelfContained><UseAppHost>false</UseAppHost>");
        var (code, output) = Dotnet("build", "--nologo", "-v", "quiet", "-nodeReuse:false", "-o", "out");
        Assert.True(code == 0, output);
        Assert.Contains("LEMNOS001: This package of Lemnos has no library for win-x64", output);
        Assert.True(File.Exists(Path.Combine(folder, "out", "liblemnos_csharp.so")));
    }

    [Fact]
    public void It_holds_what_it_should_and_names_nothing_of_the_machine_that_built_it()
    {
        using var archive = ZipFile.OpenRead(Directory.GetFiles(Dist, "*.nupkg").Single());
        var names = archive.Entries.Select(entry => entry.FullName).ToArray();
        foreach (string name in new[] { "README.md", "LICENSE", "buildTransitive/Lemnos.targets", "lib/net8.0/Lemnos.dll",
                     "lib/net8.0/Lemnos.xml", "lib/netstandard2.1/Lemnos.dll", "lib/netstandard2.1/Lemnos.xml" })
            Assert.Contains(name, names);
        Assert.Single(names, name => name.StartsWith("runtimes/") && name.EndsWith("/native/liblemnos_csharp.so"));
        foreach (var entry in archive.Entries)
        {
            using var stream = entry.Open();
            using var memory = new MemoryStream();
            stream.CopyTo(memory);
            string text = System.Text.Encoding.Latin1.GetString(memory.ToArray());
            Assert.False(text.Contains(Shared.Source) || text.Contains(Shared.Build), entry.FullName);
        }
    }
}
