package org.lemnos;

import static org.junit.jupiter.api.Assertions.*;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.*;

/** Numbers of Java's as the library gets them. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BuffersTest {
  Device device;

  @BeforeAll
  void open() {
    device = Fixtures.openDevice();
  }

  @AfterAll
  void close() {
    if (device != null) device.close();
  }

  @Test
  void aTensorGivesWhatItWasGiven() {
    try (Tensor tensor = new Tensor(device, 2, 3)) {
      assertArrayEquals(new long[] {2, 3}, tensor.shape());
      assertEquals(24, tensor.bytes());
      assertEquals(Dtype.F32, tensor.dtype());
      assertEquals("Tensor F32 [2, 3]", tensor.toString());
      assertArrayEquals(new float[6], tensor.floats());
      tensor.write(new float[] {1, 2, 3, 4, 5, 6});
      assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, tensor.floats());
      tensor.write(Memory.of(6f, 5f, 4f, 3f, 2f, 1f));
      assertEquals(5f, tensor.read().getFloat(4));
    }
    try (Tensor number = new Tensor(device)) {
      assertArrayEquals(new long[0], number.shape());
      number.write(new float[] {7});
      assertEquals(7f, number.floats()[0]);
    }
  }

  @Test
  void everyTypeOfElements() {
    try (Tensor integers = new Tensor(device, Dtype.I32, 3); Tensor bytes = new Tensor(device, Dtype.U8, 4);
        Tensor halves = new Tensor(device, Dtype.F16, 2)) {
      integers.write(Memory.of(1, -2, 3));
      assertEquals(-2, integers.read().getInt(4));
      bytes.write(Memory.of((byte) 1, (byte) 2, (byte) 3, (byte) 255));
      assertEquals((byte) 255, bytes.read().get(3));
      assertEquals(4, halves.bytes());
      for (Tensor tensor : new Tensor[] {integers, bytes, halves}) {
        assertThrows(InvalidArgumentException.class, () -> tensor.write(new float[3]));
        assertThrows(InvalidArgumentException.class, () -> tensor.read(new float[3]));
      }
    }
    for (Dtype dtype : Dtype.values()) {
      try (Tensor tensor = new Tensor(device, dtype, 5)) {
        assertEquals(dtype, tensor.dtype());
        assertEquals(5 * dtype.bytes(), tensor.bytes());
      }
    }
  }

  @Test
  void positionAndLimitAreHonoured() {
    try (Tensor tensor = new Tensor(device, 2)) {
      ByteBuffer data = Memory.of(1f, 2f, 3f, 4f).position(4).limit(12);
      tensor.write(data);
      assertEquals(4, data.position());
      assertEquals(12, data.limit());
      assertArrayEquals(new float[] {2, 3}, tensor.floats());
      ByteBuffer into = Memory.allocate(16).position(8);
      tensor.read(into);
      assertEquals(8, into.position());
      assertEquals(0f, into.getFloat(0));
      assertEquals(2f, into.getFloat(8));
      assertEquals(3f, into.getFloat(12));
      tensor.write(data.asReadOnlyBuffer().order(ByteOrder.nativeOrder()));
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    try (Tensor tensor = new Tensor(device, 2)) {
      for (int elements : new int[] {0, 1, 3}) {
        assertThrows(InvalidArgumentException.class, () -> tensor.write(new float[elements]));
        assertThrows(InvalidArgumentException.class, () -> tensor.read(new float[elements]));
        assertThrows(InvalidArgumentException.class, () -> tensor.write(Memory.allocate(4 * elements)));
        assertThrows(InvalidArgumentException.class, () -> tensor.read(Memory.allocate(4 * elements)));
      }
      assertSays("heap", () -> tensor.write(ByteBuffer.allocate(8).order(ByteOrder.nativeOrder())));
      assertSays("heap", () -> tensor.read(ByteBuffer.allocate(8).order(ByteOrder.nativeOrder())));
      ByteOrder other = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
      assertSays("byte order", () -> tensor.write(ByteBuffer.allocateDirect(8).order(other)));
      assertSays("only be read", () -> tensor.read(Memory.allocate(8).asReadOnlyBuffer().order(ByteOrder.nativeOrder())));
      assertThrows(NullPointerException.class, () -> tensor.write((ByteBuffer) null));
      assertThrows(NullPointerException.class, () -> tensor.read((float[]) null));
      assertArrayEquals(new float[2], tensor.floats());
    }
    assertThrows(IllegalArgumentException.class, () -> Memory.allocate(-1));
    assertThrows(IllegalArgumentException.class, () -> Memory.allocate(1L << 31));
    assertThrows(InvalidArgumentException.class, () -> new Tensor(device, 0));
    assertThrows(InvalidArgumentException.class, () -> new Tensor(device, new long[9]));
  }

  static void assertSays(String word, Runnable call) {
    String message = assertThrows(IllegalArgumentException.class, call::run).getMessage();
    assertTrue(message.contains(word), message);
  }

  @Test
  void aLargeArrayGoesInPieces() {
    float[] values = new float[(1 << 20) + 7];
    for (int i = 0; i < values.length; ++i) values[i] = i;
    try (Tensor tensor = new Tensor(device, values.length)) {
      tensor.write(values);
      assertArrayEquals(values, tensor.floats());
    }
  }

  @Test
  void theCollectorIsNotHeldUp() throws Exception {
    // Arrays are copied, never pinned: collections happen while large arrays are on their way.
    try (Tensor tensor = new Tensor(device, 1 << 22)) {
      float[] values = new float[1 << 22];
      Thread mover = new Thread(() -> {
        for (int i = 0; i < 20; ++i) {
          tensor.write(values);
          tensor.read(values);
        }
      });
      mover.start();
      int collections = 0;
      for (; mover.isAlive() && collections < 1000; ++collections) System.gc();
      mover.join();
      assertTrue(collections > 2, () -> "no collection while moving");
    }
  }
}
