#nullable enable
using System;
using System.Collections.Generic;
using System.Linq;

namespace Lemnos
{
    /// <summary>A class that an image may be of, and how probable it is.</summary>
    public readonly struct Guess
    {
        internal Guess(string name, float probability) => (Name, Probability) = (name, probability);

        /// <summary>The class.</summary>
        public string Name { get; }

        /// <summary>0 to 1.</summary>
        public float Probability { get; }

        /// <inheritdoc/>
        public override string ToString() => FormattableString.Invariant($"{Name} {Probability:0.00}");
    }

    /// <summary>An object in an image; its place is in fractions of the image.</summary>
    public readonly struct Box
    {
        // A row: class, score (where there is one) and the four edges.
        internal Box(string[] names, ReadOnlySpan<float> row)
        {
            Name = names[(int)row[0]];
            Score = row.Length > 5 ? row[1] : 1;
            row = row[^4..];
            (Top, Left, Bottom, Right) = (row[0], row[1], row[2], row[3]);
        }

        /// <summary>Its class.</summary>
        public string Name { get; }

        /// <summary>How sure it is, 0 to 1; of a data set 1.</summary>
        public float Score { get; }

        /// <summary>The upper edge.</summary>
        public float Top { get; }

        /// <summary>The left edge.</summary>
        public float Left { get; }

        /// <summary>The lower edge.</summary>
        public float Bottom { get; }

        /// <summary>The right edge.</summary>
        public float Right { get; }

        /// <inheritdoc/>
        public override string ToString() =>
            FormattableString.Invariant($"{Name} {Score:0.00} at {Top:0.00}, {Left:0.00} to {Bottom:0.00}, {Right:0.00}");
    }

    /// <summary>A model compiled to classify images or to find objects in them.</summary>
    public sealed unsafe partial class Predictor
    {
        private Dictionary<string, object?>? info;

        private object? Info(string name) => (info ??= Json.Read(InfoJson()))[name];

        private int Number(string name) => Convert.ToInt32(Info(name));

        /// <summary>The names of the classes in the order of their labels.</summary>
        public string[] ClassNames => Json.Texts(Info("class_names"));

        /// <summary>The results of images (u8 NHWC in the model's input size): of a classifier the probabilities of the classes,
        /// image by image; of a detector rows of class (-1: none), score, top, left, bottom, right.</summary>
        public float[] Run(ReadOnlySpan<byte> pixels)
        {
            int size = Number("height") * Number("width") * Number("channels");
            if (pixels.Length % size != 0)
                throw new ArgumentException($"The pixels ({pixels.Length} bytes) are no whole number of images ({size} bytes each).");
            var results = new float[checked(pixels.Length / size * Number("outputs"))];
            Run(pixels, pixels.Length / size, results);
            return results;
        }

        /// <summary>The most probable classes of each image, the best first.</summary>
        public Guess[][] Classify(ReadOnlySpan<byte> pixels, int top = 1)
        {
            var names = NamesFor("classify", nameof(Classify));
            return EachImage(pixels, row => names.Select((name, label) => new Guess(name, row[label]))
                .OrderByDescending(guess => guess.Probability).Take(top).ToArray());
        }

        /// <summary>The objects in each image, the surest first.</summary>
        public Box[][] Detect(ReadOnlySpan<byte> pixels)
        {
            var names = NamesFor("detect", nameof(Detect));
            return EachImage(pixels, row => Enumerable.Range(0, row.Length / 6).Where(at => row[6 * at] >= 0)
                .Select(at => new Box(names, row.AsSpan(6 * at, 6))).ToArray());
        }

        private T[] EachImage<T>(ReadOnlySpan<byte> pixels, Func<float[], T> use)
        {
            var results = Run(pixels);
            int outputs = Number("outputs");
            var all = new T[results.Length / outputs];
            for (int image = 0; image < all.Length; ++image) all[image] = use(results.AsSpan(image * outputs, outputs).ToArray());
            return all;
        }

        private string[] NamesFor(string task, string method)
        {
            if ((string)Info("task")! != task)
                throw new InvalidOperationException($"{method} needs a model that can {task} (this one's task: {Info("task")}).");
            return ClassNames;
        }
    }
}
