/**
 * Lemnos trains and runs convolutional networks on any Vulkan device.
 *
 * <p>The module calls native code; from Java 24 on, {@code --enable-native-access=org.lemnos} allows that without a warning.
 */
module org.lemnos {
  exports org.lemnos;
}
