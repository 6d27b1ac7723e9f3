#nullable enable
using System;

namespace Lemnos
{
    /// <summary>A network with its parameters.</summary>
    public sealed unsafe partial class Model
    {
        partial void Made() => Weigh(4 * Parameters);

        /// <summary>Builds an architecture by name ("mobilenet_v2") and fills its parameters from the seed 1.</summary>
        public static Model Build(Device device, string name, object? options = null) => Build(device, name, options, 1);

        /// <summary>The number of parameters.</summary>
        public long Parameters => (long)(double)Json.Read(SummaryJson())["parameters"]!;

        /// <summary>The names of the classes in the order of their labels.</summary>
        public string[] ClassNames
        {
            get => Json.Texts(Json.Read(SummaryJson())["class_names"]);
            set => SetClassNames(Options.List(value));
        }

        /// <summary>Height, width and channels of the input, and the number of classes.</summary>
        public ModelInput Input => GetInput();

        /// <summary>A parameter's or running statistic's elements by name, in the file's order.</summary>
        public float[] Read(string parameter, int elements)
        {
            var values = new float[elements];
            Read(parameter, values);
            return values;
        }

        /// <summary>Evaluates the model on every image of a data set.</summary>
        public Metrics Evaluate(Dataset dataset) => Evaluate(dataset, 0);
    }
}
