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
        public string[] ClassNames => Json.Texts(Json.Read(SummaryJson())["class_names"]);

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

    /// <summary>A model, classifying images.</summary>
    public sealed unsafe partial class Predictor
    {
        /// <summary>Class probabilities of images (u8 NHWC in the model's input size), row by row.</summary>
        public float[] Run(Model model, ReadOnlySpan<byte> pixels)
        {
            var input = model.Input;
            int size = input.Height * input.Width * input.Channels;
            if (pixels.Length % size != 0)
                throw new ArgumentException($"The pixels ({pixels.Length} bytes) are no whole number of images ({size} bytes each).");
            var probabilities = new float[pixels.Length / size * input.Classes];
            Run(pixels, pixels.Length / size, probabilities);
            return probabilities;
        }
    }
}
