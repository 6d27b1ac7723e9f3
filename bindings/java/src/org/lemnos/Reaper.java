package org.lemnos;

import java.lang.ref.Cleaner;
import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/** Deletes the C++ part of objects that nobody can reach, and closes devices before the process ends. */
final class Reaper {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final AtomicLong ALIVE = new AtomicLong();
  private static final Set<Device> DEVICES = Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

  static {
    // Drivers tear themselves down at the end of a process; nothing may be at work on a device then.
    try {
      Runtime.getRuntime().addShutdownHook(new Thread(Reaper::closeDevices, "Lemnos closes its devices"));
    } catch (IllegalStateException ending) {
      // Whoever begins with Lemnos in a hook of its own closes what it opens.
    }
  }

  private Reaper() {}

  /** Calls delete(pointer) once the object is gone; that must not know the object. */
  static void watch(Object object, long pointer, LongConsumer delete) {
    ALIVE.incrementAndGet();
    CLEANER.register(object, () -> {
      delete.accept(pointer);
      ALIVE.decrementAndGet();
    });
  }

  static void closeAtExit(Device device) {
    DEVICES.add(device);
  }

  /** How many objects have a C++ part. */
  static long alive() {
    return ALIVE.get();
  }

  private static void closeDevices() {
    Device[] open;
    synchronized (DEVICES) {
      open = DEVICES.toArray(new Device[0]);
    }
    for (Device device : open) {
      try {
        if (device != null) device.close();
      } catch (LemnosException error) {
        // A device that failed has nothing at work any more.
      }
    }
  }
}
