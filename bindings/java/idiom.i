/* What the classes have in Java alone: constructors without what is rarely given, values of graphs, arrays, words. */

/* Not for others than this package. */
%javamethodmodifiers lemnos::binding::fail_for_tests "";
%javamethodmodifiers lemnos::binding::live_for_tests "";
%javamethodmodifiers lemnos::binding::version "";
%rename(versionNumber) lemnos::binding::version;

%pragma(java) modulecode=%{
  private Lemnos() {}

  /**
   * Whether there is a device to compute on. It never throws: where the native library, Vulkan or a driver is missing, the
   * answer is false, and opening a {@link Device} says why.
   *
   * @return whether a device can be opened
   */
  public static boolean isAvailable() {
    try {
      return !devicesJson().equals("[]");
    } catch (LemnosException | LinkageError error) {
      return false;
    }
  }

  /**
   * The version of the native library.
   *
   * @return major, minor and patch, such as "0.1.0"
   */
  public static String version() {
    int number = versionNumber();
    return number / 1_000_000 + "." + number / 1_000 % 1_000 + "." + number % 1_000;
  }

  /**
   * Reads an image file into a new buffer, as {@link #imageRead(String, int, int, int, java.nio.ByteBuffer)} does.
   *
   * @param path a PNG or JPEG file
   * @param height what it is scaled to
   * @param width what it is scaled to
   * @param channels 3, or 1 for grey
   * @return the pixels, 8-bit [height, width, channels]
   */
  public static java.nio.ByteBuffer imageRead(String path, int height, int width, int channels) {
    java.nio.ByteBuffer pixels = Memory.allocate(Math.max(0, (long) height * width * channels));
    imageRead(path, height, width, channels, pixels);
    return pixels;
  }
%}

/* ---- devices and tensors ------------------------------------------------------------------------------------------ */

/* A closed device keeps its handle, which says so. */
%ignore lemnos::binding::Device::closed;

%typemap(javacode) lemnos::binding::Device %{
  /** Opens the device that $LEMNOS_DEVICE names, else the first. */
  public Device() {
    this("");
  }

  /**
   * Opens a device.
   *
   * @param wanted an index, a UUID or a part of the name
   */
  public Device(String wanted) {
    this(wanted, 0, true, false);
  }

  {
    Reaper.closeAtExit(this);
  }

  /**
   * Whether it was closed.
   *
   * @return true after {@link #close}
   */
  public boolean isClosed() {
    try {
      countersJson();
      return false;
    } catch (DeviceClosedException error) {
      return true;
    }
  }

  @Override
  public String toString() {
    return "Device " + (isClosed() ? "(closed)" : Json.parse(infoJson()).get("name"));
  }
%}

%typemap(javacode) lemnos::binding::Tensor %{
  /**
   * Creates a tensor of f32 zeros.
   *
   * @param device where it is to lie
   * @param shape its extents; none for one number
   */
  public Tensor(Device device, long... shape) {
    this(device, Dtype.F32, shape);
  }

  /**
   * Copies the elements of an f32 tensor.
   *
   * @return the elements, row by row
   */
  public float[] floats() {
    float[] elements = new float[Math.toIntExact(bytes() / 4)];
    read(elements);
    return elements;
  }

  /**
   * Copies the tensor, whatever its type.
   *
   * @return a direct buffer in native byte order
   */
  public java.nio.ByteBuffer read() {
    java.nio.ByteBuffer data = Memory.allocate(bytes());
    read(data);
    return data;
  }

  @Override
  public String toString() {
    return "Tensor " + (isClosed() ? "(closed)" : dtype() + " " + java.util.Arrays.toString(shape()));
  }
%}

/* ---- graphs and plans --------------------------------------------------------------------------------------------- */

/* The numbers of values are seen as Value. */
%typemap(jstype) int32_t value, int32_t loss, int32_t seed "Value"
%typemap(javain) int32_t value, int32_t loss, int32_t seed "number($javainput)"
%typemap(jstype) (const int32_t *values, int32_t count) "Value[]"
%typemap(javain) (const int32_t *values, int32_t count) "numbers($javainput)"
%typemap(jstype) int32_t lemnos::binding::Graph::input, int32_t lemnos::binding::Graph::op,
                 int32_t lemnos::binding::Graph::result "Value"
%typemap(javaout) int32_t lemnos::binding::Graph::input, int32_t lemnos::binding::Graph::op,
                  int32_t lemnos::binding::Graph::result {
    return new Value(this, $jnicall);
  }
%typemap(jstype) lemnos::binding::Values lemnos::binding::Graph::gradients "Value[]"
%typemap(javaout) lemnos::binding::Values lemnos::binding::Graph::gradients {
    return java.util.Arrays.stream($jnicall).mapToObj(number -> new Value(this, number)).toArray(Value[]::new);
  }

%typemap(javacode) lemnos::binding::Graph %{
  /**
   * Adds an f32 value that is bound to a tensor when the graph is compiled.
   *
   * @param name unique in this graph
   * @param shape its extents; none for one number
   * @return the value
   */
  public Value input(String name, long... shape) {
    return input(name, Dtype.F32, shape);
  }

  /**
   * Adds the gradients of a loss of one element.
   *
   * @param loss what is differentiated
   * @param values with respect to what
   * @return the gradient of each of the values
   */
  public Value[] gradients(Value loss, Value... values) {
    return gradients(loss, values, null);
  }

  int number(Value value) {
    if (value == null) return -1;
    if (value.graph() != this) throw new IllegalArgumentException("A value belongs to the graph that made it.");
    return value.number();
  }

  private int[] numbers(Value[] values) {
    return java.util.Arrays.stream(values).mapToInt(this::number).toArray();
  }
%}

/* One call's list of pairs, which Plan makes and deletes. */
LEMNOS_BODY(lemnos::binding::Bindings)
%typemap(javaclassmodifiers) lemnos::binding::Bindings "final class"
%typemap(javabody) lemnos::binding::Bindings %{
  private final long swigCPtr;

  $javaclassname(long pointer, boolean owned) {
    swigCPtr = pointer;
  }

  static long getCPtr($javaclassname object) {
    return object.swigCPtr;
  }

  void delete() {
    Native.delete_$javaclassname(swigCPtr);
  }

  private static int number(Value value) {
    return value.number();
  }
%}
%javamethodmodifiers lemnos::binding::Plan::Plan "";

%typemap(javacode) lemnos::binding::Plan %{
  /**
   * Compiles a graph for a device.
   *
   * @param device which runs it
   * @param graph what is run; it may be closed afterwards
   * @param tensors what every input that is needed, and every result that is wanted, is bound to
   */
  public Plan(Device device, Graph graph, java.util.Map<Value, Tensor> tensors) {
    this(make(device, graph, tensors), true);
  }

  private static long make(Device device, Graph graph, java.util.Map<Value, Tensor> tensors) {
    tensors.keySet().forEach(graph::number);
    Bindings bindings = new Bindings();
    try {
      tensors.forEach(bindings::bind);
      return Native.new_Plan(Device.getCPtr(device), device, Graph.getCPtr(graph), graph, Bindings.getCPtr(bindings), bindings);
    } finally {
      bindings.delete();
    }
  }
%}

/* ---- training ----------------------------------------------------------------------------------------------------- */

%typemap(javacode) lemnos::binding::Trainer %{
  /**
   * Trains to the end.
   *
   * @param each is told after every step where the training stands, by this thread; the last time with all steps finished
   * @return where the training stands at the end
   */
  public Progress run(java.util.function.Consumer<? super Progress> each) {
    Progress standing = progress(false);
    while (step()) {
      standing = progress(standing.step() + 1 >= standing.steps());
      each.accept(standing);
    }
    return progress(true);
  }

  @Override
  public String toString() {
    if (isClosed()) return "Trainer (closed)";
    try {
      Progress standing = progress(false);
      return "Trainer at step " + standing.step() + " of " + standing.steps();
    } catch (LemnosException error) {
      return "Trainer (" + error.getMessage() + ")";
    }
  }
%}

/* ---- models ------------------------------------------------------------------------------------------------------ */

%javamethodmodifiers lemnos::binding::Model::set_class_names "private";
%rename(setClassNamesJson) lemnos::binding::Model::set_class_names;

%typemap(javacode) lemnos::binding::Model %{
  /**
   * Builds an architecture with its defaults, and fills its parameters from the seed 1.
   *
   * @param device where it is to run
   * @param name such as "mobilenet_v2"
   * @return the model
   */
  public static Model build(Device device, String name) {
    return build(device, name, 1);
  }

  /**
   * Builds an architecture, and fills its parameters from the seed 1.
   *
   * @param device where it is to run
   * @param name such as "mobilenet_v2"
   * @param options names and values; what is not named keeps its default
   * @return the model
   */
  public static Model build(Device device, String name, java.util.Map<String, ?> options) {
    return build(device, name, options, 1);
  }

  /**
   * Evaluates the model on every image of a data set, as many at a time as are quick.
   *
   * @param dataset whose images and labels are asked for
   * @return how often the model is right
   */
  public Metrics evaluate(Dataset dataset) {
    return evaluate(dataset, 0);
  }

  /**
   * How large the model is.
   *
   * @return the number of its parameters
   */
  public long parameters() {
    return (Long) Json.parse(summaryJson()).get("parameters");
  }

  /**
   * The names of the classes.
   *
   * @return the names in the order of their labels
   */
  @SuppressWarnings("unchecked")
  public java.util.List<String> classNames() {
    return (java.util.List<String>) Json.parse(summaryJson()).get("class_names");
  }

  /**
   * Gives the classes names, which the model's file then carries.
   *
   * @param names one for each class, in the order of their labels
   */
  public void setClassNames(java.util.List<String> names) {
    setClassNamesJson(Json.list(names));
  }

  @Override
  public String toString() {
    if (isClosed()) return "Model (closed)";
    java.util.Map<String, Object> summary = Json.parse(summaryJson());
    return "Model " + summary.get("name") + ", " + summary.get("parameters") + " parameters";
  }
%}

/* ---- images, boxes and predictions -------------------------------------------------------------------------------- */

%typemap(javacode) lemnos::binding::Dataset %{
  /**
   * How large the data set is.
   *
   * @return the number of its images
   */
  public int size() {
    return Math.toIntExact((Long) Json.parse(infoJson()).get("size"));
  }

  /**
   * The names of the classes.
   *
   * @return the names in the order of their labels
   */
  @SuppressWarnings("unchecked")
  public java.util.List<String> classNames() {
    return (java.util.List<String>) Json.parse(infoJson()).get("class_names");
  }

  /**
   * The boxes of an image, of a data set with boxes.
   *
   * @param index the image's number
   * @return the boxes, each with a score of 1
   */
  public java.util.List<Box> boxes(long index) {
    float[] numbers = new float[Math.toIntExact(5 * boxes(index, new float[0]))];
    boxes(index, numbers);
    return Box.of(numbers, 0, numbers.length, false, classNames());
  }

  @Override
  public String toString() {
    if (isClosed()) return "Dataset (closed)";
    java.util.Map<String, Object> info = Json.parse(infoJson());
    return "Dataset of " + info.get("size") + " images, " + info.get("height") + " x " + info.get("width") + " x "
        + info.get("channels") + ", in " + info.get("classes") + " classes";
  }
%}

%typemap(javacode) lemnos::binding::Predictor %{
  private java.util.Map<String, Object> info;

  private synchronized Object info(String name) {
    if (info == null) info = Json.parse(infoJson());
    return info.get(name);
  }

  private int number(String name) {
    return ((Long) info(name)).intValue();
  }

  /**
   * The names of the classes.
   *
   * @return the names in the order of their labels
   */
  @SuppressWarnings("unchecked")
  public java.util.List<String> classNames() {
    return (java.util.List<String>) info("class_names");
  }

  private java.util.List<String> namesFor(String task, String method) {
    if (!task.equals(info("task")))
      throw new IllegalStateException(
          method + " needs a model that can " + task + " (this one's task: " + info("task") + ").");
    return classNames();
  }

  /**
   * Runs the model.
   *
   * @param pixels images, 8-bit [images, height, width, channels] in the model's size: a direct buffer
   * @return the results: of a classifier the probabilities of the classes, image by image; of a detector rows of class (-1:
   *     none), score, top, left, bottom, right
   */
  public float[] run(java.nio.ByteBuffer pixels) {
    int size = number("height") * number("width") * number("channels");
    int count = pixels.remaining() / size;
    if (count * size != pixels.remaining())
      throw new IllegalArgumentException("The pixels (" + pixels.remaining()
          + " bytes) are no whole number of images (" + size + " bytes each).");
    float[] results = new float[Math.multiplyExact(count, number("outputs"))];
    run(pixels, count, results);
    return results;
  }

  /**
   * The most probable classes of images.
   *
   * @param pixels as for {@link #run(java.nio.ByteBuffer)}
   * @param top how many of each image are wanted
   * @return for each image the best ones, the best first
   */
  public java.util.List<java.util.List<Guess>> classify(java.nio.ByteBuffer pixels, int top) {
    java.util.List<String> names = namesFor("classify", "classify()");
    float[] results = run(pixels);
    java.util.List<java.util.List<Guess>> guesses = new java.util.ArrayList<>();
    for (int from = 0; from < results.length; from += names.size()) {
      int first = from;
      guesses.add(java.util.stream.IntStream.range(0, names.size())
          .mapToObj(label -> new Guess(names.get(label), results[first + label]))
          .sorted(java.util.Comparator.comparingDouble(Guess::probability).reversed())
          .limit(top)
          .collect(java.util.stream.Collectors.toList()));
    }
    return guesses;
  }

  /**
   * The objects in images.
   *
   * @param pixels as for {@link #run(java.nio.ByteBuffer)}
   * @return for each image its objects, the surest first
   */
  public java.util.List<java.util.List<Box>> detect(java.nio.ByteBuffer pixels) {
    java.util.List<String> names = namesFor("detect", "detect()");
    float[] results = run(pixels);
    java.util.List<java.util.List<Box>> objects = new java.util.ArrayList<>();
    for (int from = 0; from < results.length; from += number("outputs"))
      objects.add(Box.of(results, from, from + number("outputs"), true, names));
    return objects;
  }

  @Override
  public String toString() {
    if (isClosed()) return "Predictor (closed)";
    return "Predictor of " + info("height") + " x " + info("width") + " x " + info("channels") + ", " + classNames().size()
        + " classes";
  }
%}
