#nullable enable
using System;

namespace Lemnos
{
    /// <summary>Labelled images, from files or memory.</summary>
    public sealed unsafe partial class Dataset
    {
        /// <summary>The number of images.</summary>
        public int Count => Convert.ToInt32(Json.Read(InfoJson())["size"]);

        /// <summary>The names of the classes in the order of their labels.</summary>
        public string[] ClassNames => Json.Texts(Json.Read(InfoJson())["class_names"]);

        /// <summary>The boxes of an image, of a data set with boxes.</summary>
        public Box[] Boxes(long index)
        {
            var names = ClassNames;
            var rows = new float[5 * Boxes(index, Array.Empty<float>())];
            Boxes(index, rows);
            var boxes = new Box[rows.Length / 5];
            for (int box = 0; box < boxes.Length; ++box) boxes[box] = new Box(names, rows.AsSpan(5 * box, 5));
            return boxes;
        }

        /// <summary>An image's pixels, u8 [height, width, channels], and its label.</summary>
        public (byte[] Pixels, int Label) this[long index]
        {
            get
            {
                var info = Json.Read(InfoJson());
                var pixels = new byte[(int)((double)info["height"]! * (double)info["width"]! * (double)info["channels"]!)];
                return (pixels, Read(index, pixels));
            }
        }
    }

    public static unsafe partial class Library
    {
        /// <summary>Decodes an image file (PNG, JPEG) and resizes it: u8 [height, width, channels].</summary>
        public static byte[] ImageRead(string path, int height, int width, int channels = 3)
        {
            var pixels = new byte[Math.Max(0, checked(height * width * channels))];
            ImageRead(path, height, width, channels, pixels);
            return pixels;
        }
    }
}
