/* Makes a folder of small data sets and files for the tests of the command: make_data FOLDER
 *   idx/            IDX, 16 x 16, four classes: one bright quarter each
 *   folder/         the same as a folder of images: train/CLASS/N.png and test/CLASS/N.png
 *   boxes/          pictures of 64 x 64 with bright and dark rectangles, and boxes.csv; bad/ the same with mistakes
 *   broken/         IDX whose images are cut
 *   image.png, text.png (which is none)
 */
#include <lemnos/lemnos.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { side = 16, classes = 4 };

static uint32_t state = 2024;

static void fill(unsigned char *pixels, int label) {
    int x, y;
    for (y = 0; y < side; ++y)
        for (x = 0; x < side; ++x) {
            state = state * 1664525u + 1013904223u;
            pixels[y * side + x] =
                (unsigned char)((y / 8 * 2 + x / 8 == label ? 170 : 20) + (int)(state >> 24) % 60);
        }
}

static FILE *create(const char *folder, const char *name) {
    char path[1300];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "wb");
    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

static void folder(const char *root, const char *name, char *path, size_t size) {
    if (snprintf(path, size, "%s/%s", root, name) >= (int)size) exit(1);
    mkdir(path, 0777);
}

static void word(FILE *file, unsigned value) {
    fputc((int)(value >> 24), file), fputc((int)(value >> 16 & 255), file);
    fputc((int)(value >> 8 & 255), file), fputc((int)(value & 255), file);
}

static void write_idx(const char *path, const char *prefix, int count, int missing) {
    char name[64];
    unsigned char pixels[side * side];
    FILE *images, *labels;
    int i;
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", prefix);
    images = create(path, name);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", prefix);
    labels = create(path, name);
    word(images, 0x803), word(images, (unsigned)count), word(images, side), word(images, side);
    word(labels, 0x801), word(labels, (unsigned)count);
    for (i = 0; i < count; ++i) {
        fill(pixels, i % classes);
        if (i < count - missing) fwrite(pixels, 1, sizeof pixels, images);
        fputc(i % classes, labels);
    }
    fclose(images);
    fclose(labels);
}

static void write_image(const char *path, const char *name, int label) {
    char file[1300];
    unsigned char pixels[side * side];
    fill(pixels, label);
    snprintf(file, sizeof file, "%s/%s", path, name);
    if (lem_image_write_png(file, pixels, sizeof pixels, side, side, 1) < 0) {
        fprintf(stderr, "%s\n", lem_last_error());
        exit(1);
    }
}

/* A grey picture with one rectangle, and its line in boxes.csv. */
static void write_rectangle(const char *path, FILE *boxes, int index, int test) {
    enum { size = 64 };
    char file[1300];
    unsigned char pixels[size * size * 3];
    int x, y, dark, left, top, width, height;
    state = state * 1664525u + 1013904223u;
    dark = (int)(state >> 28) & 1;
    width = 20 + (int)(state >> 8) % 24, height = 20 + (int)(state >> 13) % 24;
    state = state * 1664525u + 1013904223u;
    left = (int)(state >> 8) % (size - width), top = (int)(state >> 16) % (size - height);
    for (y = 0; y < size; ++y)
        for (x = 0; x < size; ++x)
            memset(pixels + 3 * (y * size + x),
                   x >= left && x < left + width && y >= top && y < top + height ? (dark ? 16 : 240) : 128, 3);
    snprintf(file, sizeof file, "%s/%d.png", path, index);
    if (lem_image_write_png(file, pixels, sizeof pixels, size, size, 3) < 0) {
        fprintf(stderr, "%s\n", lem_last_error());
        exit(1);
    }
    fprintf(boxes, "%d.png,%d,%d,%s,%d,%d,%d,%d,%s\n", index, size, size, dark ? "dark" : "bright", left, top, left + width,
            top + height, test ? "val" : "train");
}

static void write_boxes(const char *root, const char *name, int bad) {
    char path[1100], images[1200];
    FILE *boxes, *text;
    int i;
    folder(root, name, path, sizeof path);
    folder(path, "images", images, sizeof images);
    boxes = create(path, "boxes.csv");
    fputs("file,width,height,class,xmin,ymin,xmax,ymax,split\n", boxes);
    for (i = 0; i < 40; ++i) write_rectangle(images, boxes, i, i >= 32);
    if (bad) {
        fputs("0.png,64,64,dark,10,10,90,20,train\n", boxes); /* outside */
        fputs("1.png,64,64,dark,10,10,10,20,train\n", boxes); /* without an area */
        fputs("text.png,64,64,dark,1,1,9,9,train\n", boxes);  /* no picture */
        text = create(images, "text.png");
        fputs("This is no image.", text);
        fclose(text);
    }
    fclose(boxes);
}

int main(int argc, char **argv) {
    static const char *const names[classes] = {"north-west", "north-east", "south-west", "south-east"};
    char path[1024], split_path[1100], class_path[1200], name[64];
    FILE *text;
    int split, label, i;
    if (argc != 2) return 2;
    folder(argv[1], "idx", path, sizeof path);
    write_idx(path, "train", 210, 0);
    write_idx(path, "t10k", 42, 0);
    folder(argv[1], "broken", path, sizeof path);
    write_idx(path, "train", 40, 1);
    folder(argv[1], "folder", path, sizeof path);
    for (split = 0; split < 2; ++split) {
        folder(path, split ? "test" : "train", split_path, sizeof split_path);
        for (label = 0; label < classes; ++label) {
            folder(split_path, names[label], class_path, sizeof class_path);
            for (i = 0; i < (split ? 3 : 8); ++i) {
                snprintf(name, sizeof name, "%d.png", i);
                write_image(class_path, name, label);
            }
        }
    }
    write_boxes(argv[1], "boxes", 0);
    write_boxes(argv[1], "bad", 1);
    write_image(argv[1], "image.png", 2);
    text = create(argv[1], "text.png");
    fputs("This is no image.", text);
    fclose(text);
    return 0;
}
