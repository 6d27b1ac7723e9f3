// Options as C# writes them, as the JSON that the library reads; and the little of its JSON that properties need.
#nullable enable
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Lemnos
{
    internal static class Options
    {
        // A text is JSON already; of dictionaries and objects (such as new { rate = 0.1 }), what is null is left out.
        internal static string Text(object? options)
        {
            if (options is null) return "";
            if (options is string text) return text;
            var json = new StringBuilder();
            Object(json, Members(options));
            return json.Length == 2 ? "" : json.ToString();
        }

        internal static string Text(params (string Name, object? Value)[] members)
        {
            var json = new StringBuilder();
            Object(json, members);
            return json.Length == 2 ? "" : json.ToString();
        }

        internal static string List(IEnumerable items)
        {
            var json = new StringBuilder();
            Value(json, items);
            return json.ToString();
        }

        private static IEnumerable<(string, object?)> Members(object options)
        {
            switch (options)
            {
                case IDictionary dictionary:
                    foreach (DictionaryEntry entry in dictionary) yield return ((string)entry.Key, entry.Value);
                    break;
                case IEnumerable<KeyValuePair<string, object?>> pairs:
                    foreach (var pair in pairs) yield return (pair.Key, pair.Value);
                    break;
                default:
                    foreach (var property in options.GetType().GetProperties())
                        yield return (property.Name, property.GetValue(options));
                    break;
            }
        }

        private static void Object(StringBuilder json, IEnumerable<(string, object?)> members)
        {
            json.Append('{');
            foreach (var (name, value) in members)
            {
                if (value is null) continue;
                if (json[json.Length - 1] != '{') json.Append(',');
                Value(json, name);
                json.Append(':');
                Value(json, value);
            }
            json.Append('}');
        }

        private static void Value(StringBuilder json, object? value)
        {
            switch (value)
            {
                case bool truth: json.Append(truth ? "true" : "false"); break;
                case string text: Quote(json, text); break;
                case float number: Number(json, number, number.ToString("R", CultureInfo.InvariantCulture)); break;
                case double number: Number(json, number, number.ToString("R", CultureInfo.InvariantCulture)); break;
                case sbyte _: case byte _: case short _: case ushort _: case int _: case uint _: case long _: case ulong _:
                case decimal _:
                    json.Append(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture));
                    break;
                case IEnumerable list:
                    json.Append('[');
                    foreach (var item in list)
                    {
                        if (json[json.Length - 1] != '[') json.Append(',');
                        Value(json, item);
                    }
                    json.Append(']');
                    break;
                default:
                    throw new ArgumentException(
                        $"An option cannot be a {value?.GetType().Name ?? "null"} (allowed: numbers, truth values, texts and lists).");
            }
        }

        private static void Number(StringBuilder json, double number, string text)
        {
            if (double.IsNaN(number) || double.IsInfinity(number))
                throw new ArgumentException($"An option cannot be {text} (needed: a finite number).");
            json.Append(text);
        }

        private static void Quote(StringBuilder json, string text)
        {
            json.Append('"');
            foreach (char letter in text)
            {
                if (letter == '"' || letter == '\\') json.Append('\\').Append(letter);
                else if (letter < ' ') json.Append("\\u").Append(((int)letter).ToString("x4"));
                else json.Append(letter);
            }
            json.Append('"');
        }
    }

    // Reads JSON that the library wrote: dictionaries, lists, texts, doubles, truth values and nulls.
    internal ref struct Json
    {
        private readonly ReadOnlySpan<char> text;
        private int at;

        private Json(string text)
        {
            this.text = text.AsSpan();
            at = 0;
        }

        internal static Dictionary<string, object?> Read(string text) => (Dictionary<string, object?>)ReadAny(text)!;

        internal static object? ReadAny(string text) => new Json(text).Value();

        internal static string[] Texts(object? list) => ((List<object?>)list!).ConvertAll(item => (string)item!).ToArray();

        private char Next()
        {
            while (char.IsWhiteSpace(text[at])) ++at;
            return text[at];
        }

        private object? Value()
        {
            switch (Next())
            {
                case '{':
                    var members = new Dictionary<string, object?>();
                    for (++at; Next() != '}';)
                    {
                        if (text[at] == ',') ++at;
                        Next();
                        string name = Text();
                        Next();
                        ++at; // the colon
                        members[name] = Value();
                    }
                    ++at;
                    return members;
                case '[':
                    var items = new List<object?>();
                    for (++at; Next() != ']';)
                    {
                        if (text[at] == ',') ++at;
                        items.Add(Value());
                    }
                    ++at;
                    return items;
                case '"': return Text();
                case 't': at += 4; return true;
                case 'f': at += 5; return false;
                case 'n': at += 4; return null;
                default:
                    int start = at;
                    while (at < text.Length && "+-.eE0123456789".IndexOf(text[at]) >= 0) ++at;
                    return double.Parse(text.Slice(start, at - start), NumberStyles.Float, CultureInfo.InvariantCulture);
            }
        }

        private string Text()
        {
            var result = new StringBuilder();
            for (++at; text[at] != '"'; ++at)
            {
                if (text[at] != '\\')
                {
                    result.Append(text[at]);
                    continue;
                }
                char letter = text[++at];
                int special = "bfnrt".IndexOf(letter);
                if (letter == 'u')
                {
                    result.Append((char)int.Parse(text.Slice(at + 1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                    at += 4;
                }
                else
                {
                    result.Append(special >= 0 ? "\b\f\n\r\t"[special] : letter);
                }
            }
            ++at;
            return result.ToString();
        }
    }
}
