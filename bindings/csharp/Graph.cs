#nullable enable
using System;
using System.Collections.Generic;
using System.Linq;

namespace Lemnos
{
    /// <summary>A value of a graph. <see cref="Operators"/> has a method for each operator; + - * are add, sub and mul.</summary>
    public readonly struct Value : IEquatable<Value>
    {
        internal Value(Graph graph, int number)
        {
            Graph = graph;
            Number = number;
        }

        /// <summary>The graph that the value belongs to.</summary>
        public Graph Graph { get; }

        /// <summary>Its number there.</summary>
        public int Number { get; }

        /// <summary>The extents; empty for one number.</summary>
        public long[] Shape => Graph.GetShape(Number);

        /// <summary>A further result (1, 2, …) of the operator that this value came from.</summary>
        public Value Result(int index) => new Value(Graph, Graph.GetResult(Number, index));

        /// <summary>The sum of both.</summary>
        public static Value operator +(Value left, Value right) => left.Graph.Op("add", new Value?[] { left, right });

        /// <summary>The difference of both.</summary>
        public static Value operator -(Value left, Value right) => left.Graph.Op("sub", new Value?[] { left, right });

        /// <summary>The product of both.</summary>
        public static Value operator *(Value left, Value right) => left.Graph.Op("mul", new Value?[] { left, right });

        /// <inheritdoc/>
        public bool Equals(Value other) => ReferenceEquals(Graph, other.Graph) && Number == other.Number;

        /// <inheritdoc/>
        public override bool Equals(object? other) => other is Value value && Equals(value);

        /// <inheritdoc/>
        public override int GetHashCode() => Number;

        /// <summary>Whether both are the same value of the same graph.</summary>
        public static bool operator ==(Value left, Value right) => left.Equals(right);

        /// <summary>Whether they are two values.</summary>
        public static bool operator !=(Value left, Value right) => !left.Equals(right);

        /// <inheritdoc/>
        public override string ToString() => $"Value {Number} [{string.Join(", ", Shape)}]";
    }

    /// <summary>Operators and their gradients. It needs no device.</summary>
    public sealed unsafe partial class Graph
    {
        /// <summary>A value that is bound to a tensor when the graph is compiled. Names are unique in a graph.</summary>
        public Value Input(string name, ReadOnlySpan<long> shape, Dtype dtype = Dtype.F32) =>
            new Value(this, AddInput(name, dtype, shape));

        /// <summary>A value of type F32 that is bound to a tensor when the graph is compiled.</summary>
        public Value Input(string name, params long[] shape) => Input(name, shape, Dtype.F32);

        /// <summary>Adds an operator by name; null is an optional input that is left out. Attributes are a JSON text, a dictionary
        /// or the properties of an object.</summary>
        public Value Op(string name, IEnumerable<Value?> inputs, object? attributes = null) =>
            new Value(this, AddOp(name, inputs.Select(value => value is null ? -1 : NumberOf(value.Value)).ToArray(), attributes));

        internal Value Op(string name, IEnumerable<Value?> inputs, params (string, object?)[] attributes) =>
            Op(name, inputs, Options.Text(attributes));

        /// <summary>Adds the gradients of loss with respect to the values. The loss has one element, or the seed weighs its
        /// elements. A value that the loss does not depend on gets zeros.</summary>
        public Value[] Gradients(Value loss, IEnumerable<Value> withRespectTo, Value? seed = null)
        {
            int[] numbers = withRespectTo.Select(NumberOf).ToArray();
            int[] gradients = AddGradients(NumberOf(loss), numbers, seed is null ? -1 : NumberOf(seed.Value));
            return Array.ConvertAll(gradients, number => new Value(this, number));
        }

        internal int NumberOf(Value value) =>
            ReferenceEquals(value.Graph, this)
                ? value.Number
                : throw new ArgumentException("A value belongs to the graph that made it.");
    }

    /// <summary>A graph compiled for a device.</summary>
    public sealed unsafe partial class Plan
    {
        /// <summary>Compiles a graph; every value is bound to its tensor. All slow work happens here. The plan keeps its tensors
        /// alive; the graph may be disposed or added to afterwards.</summary>
        public Plan(Device device, Graph graph, IEnumerable<KeyValuePair<Value, Tensor>> tensors)
            : this(device, graph, Bind(graph, tensors))
        {
        }

        private static Bindings Bind(Graph graph, IEnumerable<KeyValuePair<Value, Tensor>> tensors)
        {
            var bindings = new Bindings();
            foreach (var pair in tensors) bindings.Bind(graph.NumberOf(pair.Key), pair.Value);
            return bindings;
        }

        /// <summary>Bytes of device memory the plan uses beyond its tensors.</summary>
        public long Workspace => GetWorkspace();
    }
}
