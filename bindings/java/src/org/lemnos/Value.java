package org.lemnos;

/** A value of a graph. {@link Operators} has a method for each operator. Two objects may be the same value: they are equal. */
public final class Value {
  private final Graph graph;
  private final int number;

  Value(Graph graph, int number) {
    this.graph = graph;
    this.number = number;
  }

  /**
   * Where the value is from.
   *
   * @return the graph that made it
   */
  public Graph graph() {
    return graph;
  }

  int number() {
    return number;
  }

  /**
   * How large the value is.
   *
   * @return its extents; empty for one number
   */
  public long[] shape() {
    return graph.shape(this);
  }

  /**
   * A further result of the operator that this value came from.
   *
   * @param index 1, 2, …
   * @return that result
   */
  public Value result(int index) {
    return graph.result(this, index);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Value value && value.graph == graph && value.number == number;
  }

  @Override
  public int hashCode() {
    return 31 * System.identityHashCode(graph) + number;
  }

  @Override
  public String toString() {
    return "Value " + number;
  }
}
