package org.lemnos;

/**
 * A class that an image may be of.
 *
 * @param name the class
 * @param probability how probable it is, 0 to 1
 */
public record Guess(String name, double probability) {}
