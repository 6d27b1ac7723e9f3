using Lemnos;

try
{
    switch (args[0])
    {
        case "scenario": Scenario.Run(args[1]); break;
        case "end": Ends.Run(args[1]); break;
        default: return 2;
    }
}
catch (NoDeviceException error)
{
    Console.Error.WriteLine($"{error.CodeName}: {error.Message}");
    return 77;
}
return 0;
