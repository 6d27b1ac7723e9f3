package org.lemnos;

import java.io.BufferedReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Moving 64 MB and calling, beside C in the same minute: at least 90 % of C's bytes per second, less than 2 µs more a call. Each
 * round is made by both, one right after the other, and the best of each counts: what disturbs a round is no part of the binding.
 * Where that is much, there are more rounds.
 */
final class Moving {
  static final int BYTES = 64 << 20;
  static final int CALLS = 100_000;
  static final int ROUNDS = 60;

  private Moving() {}

  public static void main(String[] arguments) throws Exception {
    Device device;
    try {
      device = new Device();
    } catch (NoDeviceException error) {
      System.out.println("Skipped: " + error.getMessage());
      System.exit(77);
      return;
    }
    Tensor tensor = new Tensor(device, BYTES / 4);
    ByteBuffer data = Memory.allocate(BYTES);
    for (int i = 0; i < BYTES; ++i) data.put(i, (byte) 1);
    float[] floats = new float[BYTES / 4];
    double[] ours = new double[5];
    double[] theirs = new double[5];
    ours[4] = theirs[4] = Double.MAX_VALUE;
    Process program = new ProcessBuilder(System.getenv("LEMNOS_MOVING")).start();
    try (BufferedReader from = program.inputReader(StandardCharsets.UTF_8);
        PrintStream to = new PrintStream(program.getOutputStream(), true, StandardCharsets.UTF_8)) {
      from.readLine();
      long size = 0;
      int round = 0;
      for (; round < ROUNDS && (round < 12 || ours[0] < 0.95 * theirs[0] || ours[1] < 0.95 * theirs[1]); ++round) {
        to.println("go");
        double[] said = Arrays.stream(from.readLine().split(" ")).mapToDouble(Double::parseDouble).toArray();
        for (int i = 0; i < 2; ++i) theirs[i] = Math.max(theirs[i], said[i]);
        theirs[4] = Math.min(theirs[4], said[2]);
        long[] at = new long[6];
        at[0] = System.nanoTime();
        tensor.write(data);
        at[1] = System.nanoTime();
        tensor.read(data);
        at[2] = System.nanoTime();
        tensor.write(floats);
        at[3] = System.nanoTime();
        tensor.read(floats);
        at[4] = System.nanoTime();
        for (int i = 0; i < CALLS; ++i) size += tensor.bytes();
        at[5] = System.nanoTime();
        for (int i = 0; i < 4; ++i) ours[i] = Math.max(ours[i], 1e9 * BYTES / (at[i + 1] - at[i]));
        ours[4] = Math.min(ours[4], (double) (at[5] - at[4]) / CALLS);
      }
      if (size != (long) BYTES * CALLS * round) throw new AssertionError(size);
    }
    double write = ours[0] / theirs[0];
    double read = ours[1] / theirs[1];
    double beyond = ours[4] - theirs[4];
    System.out.printf("write %.2f GB/s (%.1f %% of C's), read %.2f GB/s (%.1f %%), as float[] %.1f %% and %.1f %%, %.0f ns a call"
            + " beyond C's%n", ours[0] / 1e9, 100 * write, ours[1] / 1e9, 100 * read, 100 * ours[2] / theirs[0],
        100 * ours[3] / theirs[1], beyond);
    System.exit(write >= 0.9 && read >= 0.9 && beyond < 2000 ? 0 : 1);
  }
}
