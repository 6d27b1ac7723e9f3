package org.lemnos;

import java.util.Map;

/** Ends in the way that it is told, with everything open: a process of LifetimeTest's. */
final class Exits {
  static Object kept;

  private Exits() {}

  public static void main(String[] arguments) throws Exception {
    Device device = new Device();
    Dataset data = Fixtures.quarters();
    Model model = Fixtures.model(device, data);
    Trainer trainer = new Trainer(
        model, data, new Optimizer("radam"), new Schedule("constant"), Map.of("batch", 16, "epochs", 100000));
    trainer.step();
    kept = trainer;
    switch (arguments[0]) {
      case "exit" -> System.exit(0);
      case "close" -> device.close();
      case "train" -> behind(() -> trainer.run(progress -> {}));
      case "train and drop" -> {
        behind(() -> trainer.run(progress -> {}));
        device = null;
        model = null;
        System.gc();
        Thread.sleep(200);
      }
      case "drop" -> {
        device = null;
        model = null;
        System.gc();
      }
      case "evaluate" -> {
        Model used = model;
        for (int i = 0; i < 3; ++i) {
          behind(() -> {
            for (;;) used.evaluate(data, 16);
          });
        }
      }
      case "hook" -> Runtime.getRuntime().addShutdownHook(new Thread(() -> {
        try {
          for (;;) trainer.step();
        } catch (LemnosException expected) {
          // Closed by the hook of the package, which runs at the same time.
        }
      }));
      case "halt" -> Runtime.getRuntime().halt(0);
      case "throw" -> throw new IllegalStateException("as asked for");
      default -> {}
    }
  }

  private static void behind(Runnable work) throws InterruptedException {
    Thread thread = new Thread(() -> {
      try {
        work.run();
      } catch (LemnosException expected) {
        // The process ends.
      }
    });
    thread.setDaemon(true);
    thread.start();
    Thread.sleep(300);
  }
}
