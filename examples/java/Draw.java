import java.awt.*;
import java.awt.event.*;
import java.awt.geom.*;
import java.awt.image.*;
import java.nio.ByteBuffer;
import java.util.*;
import java.util.List;
import java.util.function.Consumer;
import javax.swing.*;
import org.lemnos.*;

/**
 * Learns to recognise what you draw. Draw something and say what it is, a few times each; press Learn; then draw on, and see what
 * it takes it for.
 *
 * <pre>java -cp lemnos-0.1.0.jar examples/java/Draw.java            (--headless: teaches and asks itself, without a window)</pre>
 */
public class Draw {
  static final String[] NAMES = {"circle", "cross", "wave"};
  static final int SIDE = 28; // of what the network sees; drawings lie in the unit square

  /** The network that learns. Both of its methods may be called by any thread. */
  static class Learner implements AutoCloseable {
    final Device device = new Device();
    private Predictor predictor;

    /** Trains a small network on the drawings of each class, every one turned and moved in many ways. */
    void learn(List<List<Path2D>> drawings, Consumer<Progress> told) {
      Random random = new Random(1);
      List<byte[]> images = new ArrayList<>();
      List<Integer> labels = new ArrayList<>();
      for (int kind = 0; kind < NAMES.length; ++kind) {
        for (Path2D drawing : drawings.get(kind)) {
          for (int i = 0; i < 16; ++i) {
            images.add(pixels(vary(drawing, random)));
            labels.add(kind);
          }
        }
      }
      ByteBuffer data = Memory.allocate((long) images.size() * SIDE * SIDE);
      images.forEach(data::put);
      int[] numbers = labels.stream().mapToInt(label -> label).toArray();
      try (Dataset dataset = Dataset.create(data.rewind(), numbers, SIDE, SIDE, 1, NAMES.length);
          Model model = Model.build(
              device, "mobilenet_v2", Map.of("preset", "small28", "width", 0.1, "channels", 1, "classes", NAMES.length), 1);
          Optimizer optimizer = new Optimizer("adam", Map.of("rate", 0.01));
          Schedule schedule = new Schedule("one_cycle")) {
        model.prepare(dataset);
        try (Trainer trainer = new Trainer(model, dataset, optimizer, schedule, Map.of("batch", 16, "epochs", 8))) {
          trainer.run(told);
        }
        replace(new Predictor(model, 1));
      }
    }

    private synchronized void replace(Predictor better) {
      if (predictor != null) predictor.close();
      predictor = better;
    }

    /** How probable each class is; nothing is known before anything was learnt. */
    synchronized float[] guess(Path2D drawing) {
      float[] probabilities = new float[NAMES.length];
      if (predictor != null) predictor.run(Memory.of(pixels(drawing)), 1, probabilities);
      return probabilities;
    }

    @Override
    public void close() {
      device.close(); // and everything on it
    }
  }

  static List<List<Path2D>> nothing() {
    return Arrays.stream(NAMES).map(name -> (List<Path2D>) new ArrayList<Path2D>()).toList();
  }

  static Path2D vary(Path2D drawing, Random random) {
    AffineTransform change = AffineTransform.getTranslateInstance(0.5 + random.nextGaussian() / 20, 0.5 + random.nextGaussian() / 20);
    change.rotate(random.nextGaussian() / 5);
    change.scale(1 + random.nextGaussian() / 8, 1 + random.nextGaussian() / 8);
    change.translate(-0.5, -0.5);
    return new Path2D.Double(drawing, change);
  }

  static byte[] pixels(Path2D drawing) {
    BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_BYTE_GRAY);
    ink(image.createGraphics(), drawing, SIDE);
    return ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
  }

  static void ink(Graphics2D graphics, Path2D drawing, double side) {
    graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
    graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
    graphics.setColor(Color.WHITE);
    graphics.setStroke(new BasicStroke((float) (side / 12), BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
    graphics.draw(drawing.createTransformedShape(AffineTransform.getScaleInstance(side, side)));
  }

  // ---- the window -----------------------------------------------------------------------------------------------------

  static class Window extends JPanel {
    final Learner learner;
    final List<List<Path2D>> taught = nothing();
    final JLabel says = new JLabel("Draw something, and say what it is.");
    final JProgressBar[] bars = new JProgressBar[NAMES.length];
    Path2D drawing = new Path2D.Double();
    final JComponent canvas = new JComponent() {
      @Override
      protected void paintComponent(Graphics graphics) {
        graphics.setColor(Color.BLACK);
        graphics.fillRect(0, 0, getWidth(), getHeight());
        ink((Graphics2D) graphics, drawing, getWidth());
      }
    };

    Window(Learner learner) {
      super(new BorderLayout(12, 12));
      this.learner = learner;
      setBorder(BorderFactory.createEmptyBorder(12, 12, 12, 12));
      canvas.setPreferredSize(new Dimension(280, 280));
      MouseAdapter pen = new MouseAdapter() {
        @Override
        public void mousePressed(MouseEvent event) {
          drawing.moveTo(event.getX() / (double) canvas.getWidth(), event.getY() / (double) canvas.getHeight());
          mouseDragged(event);
        }

        @Override
        public void mouseDragged(MouseEvent event) {
          drawing.lineTo(event.getX() / (double) canvas.getWidth(), event.getY() / (double) canvas.getHeight());
          show(drawing);
        }
      };
      canvas.addMouseListener(pen);
      canvas.addMouseMotionListener(pen);

      JPanel side = new JPanel(new GridLayout(0, 1, 6, 6));
      for (int kind = 0; kind < NAMES.length; ++kind) {
        List<Path2D> alike = taught.get(kind);
        JButton button = new JButton("This is a " + NAMES[kind]);
        button.addActionListener(event -> {
          alike.add(drawing);
          button.setText("This is a " + button.getActionCommand() + " (" + alike.size() + ")");
          show(new Path2D.Double());
        });
        button.setActionCommand(NAMES[kind]);
        side.add(button);
        side.add(bars[kind] = new JProgressBar(0, 100));
        bars[kind].setStringPainted(true);
      }
      JButton clear = new JButton("Clear");
      clear.addActionListener(event -> show(new Path2D.Double()));
      JButton learn = new JButton("Learn");
      learn.addActionListener(event -> learn(learn));
      side.add(clear);
      side.add(learn);
      add(canvas);
      add(side, BorderLayout.EAST);
      add(says, BorderLayout.SOUTH);
    }

    /** Shows a drawing, and what it is taken for. */
    void show(Path2D shown) {
      drawing = shown;
      float[] probabilities = learner.guess(shown);
      for (int kind = 0; kind < NAMES.length; ++kind) {
        bars[kind].setValue(Math.round(100 * probabilities[kind]));
        bars[kind].setString(NAMES[kind] + " " + bars[kind].getValue() + " %");
      }
      canvas.repaint();
    }

    /** Trains beside the window, which goes on answering. */
    void learn(JButton button) {
      if (taught.stream().anyMatch(List::isEmpty)) {
        says.setText("It needs at least one drawing of each kind.");
        return;
      }
      button.setEnabled(false);
      List<List<Path2D>> drawings = taught.stream().map(List::copyOf).toList();
      new SwingWorker<Void, Progress>() {
        @Override
        protected Void doInBackground() {
          learner.learn(drawings, this::publish);
          return null;
        }

        @Override
        protected void process(List<Progress> steps) {
          Progress last = steps.get(steps.size() - 1);
          says.setText(String.format("Learning: step %d of %d, loss %.3f", last.step(), last.steps(), last.loss()));
        }

        @Override
        protected void done() {
          button.setEnabled(true);
          try {
            get();
            says.setText("Learnt. Draw on, and see what it takes it for.");
          } catch (Exception error) {
            says.setText(error.getCause().getMessage());
          }
        }
      }.execute();
    }
  }

  // ---- without a window -----------------------------------------------------------------------------------------------

  /** A drawing as a hand might make it. */
  static Path2D invent(int kind, Random random) {
    Path2D drawing = new Path2D.Double();
    switch (NAMES[kind]) {
      case "circle" -> drawing.append(new Ellipse2D.Double(0.2, 0.2, 0.6, 0.6), false);
      case "cross" -> {
        drawing.append(new Line2D.Double(0.2, 0.2, 0.8, 0.8), false);
        drawing.append(new Line2D.Double(0.8, 0.2, 0.2, 0.8), false);
      }
      default -> drawing.append(new CubicCurve2D.Double(0.1, 0.5, 0.4, -0.2, 0.6, 1.2, 0.9, 0.5), false);
    }
    return vary(drawing, random);
  }

  static void headless() {
    Random random = new Random(7);
    int right = 0;
    int asked = 0;
    List<List<Path2D>> drawings = nothing();
    try (Learner learner = new Learner()) {
      for (int kind = 0; kind < NAMES.length; ++kind) {
        for (int i = 0; i < 5; ++i) drawings.get(kind).add(invent(kind, random));
      }
      learner.learn(drawings, progress -> {
        if (progress.step() % 10 == 0) System.out.printf("step %d, loss %.3f%n", progress.step(), progress.loss());
      });
      for (; asked < 60; ++asked) {
        float[] guess = learner.guess(invent(asked % NAMES.length, random));
        float best = Math.max(guess[0], Math.max(guess[1], guess[2]));
        if (guess[asked % NAMES.length] == best) ++right;
      }
    }
    System.out.println(right + " of " + asked + " new drawings are recognised.");
  }

  public static void main(String[] arguments) {
    if (List.of(arguments).contains("--headless")) {
      headless();
      return;
    }
    SwingUtilities.invokeLater(() -> {
      JFrame frame = new JFrame("Lemnos learns what you draw");
      frame.setDefaultCloseOperation(JFrame.EXIT_ON_CLOSE);
      frame.setContentPane(new Window(new Learner()));
      frame.pack();
      frame.setVisible(true);
    });
  }
}
