/**
 * Lemnos: train and run convolutional networks on any Vulkan device.
 *
 * <pre>{@code
 * try (Device device = new Device();
 *     Dataset data = Dataset.open("photos", "train", Map.of("height", 96, "width", 96));
 *     Model model = Model.build(device, "mobilenet_v2", Map.of("classes", data.classNames().size(), "resolution", 96))) {
 *   model.prepare(data);
 *   try (Optimizer optimizer = new Optimizer("radam", Map.of("rate", 1e-3));
 *       Schedule schedule = new Schedule("one_cycle");
 *       Trainer trainer = new Trainer(model, data, optimizer, schedule, Map.of("epochs", 5))) {
 *     trainer.run(progress -> System.out.println(progress.step() + " " + progress.loss()));
 *   }
 *   model.save("photos.safetensors");
 * }
 * }</pre>
 *
 * <p>Closing an object frees it at once, also while another thread is in a call on it: that call goes on to its end, later ones
 * throw {@link org.lemnos.InvalidStateException}. Closing twice is no error. What is not closed is freed some time after it was
 * last used; the memory of a device is better given back by closing. Graphs, trainers and predictors serve one thread at a time:
 * others wait.
 *
 * <p>Options are a map or the same as JSON. Whatever fails is a {@link org.lemnos.LemnosException}.
 *
 * <p>The native library is in the jar and needs nothing but a Vulkan driver. The system property {@code org.lemnos.library.path}
 * names a folder from which it is taken instead; where the jar holds none for the machine, {@code java.library.path} is searched.
 * It is unpacked to a private folder of {@code java.io.tmpdir} and removed once it is loaded.
 * {@link org.lemnos.Lemnos#isAvailable} says whether all is there, and never throws. From Java 24 on,
 * {@code --enable-native-access=org.lemnos} ({@code ALL-UNNAMED} on the class path) allows native code without a warning.
 */
package org.lemnos;
