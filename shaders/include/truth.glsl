// True boxes, [images][truths][5] = (class, top, left, bottom, right), of which those of a class of 0 or more
// are boxes. valid_truths.comp lists them: of every image their number and then their indices, rising. For a
// shader that includes boxes.glsl and declares list.
#define READ_TRUTH(number) layout(binding = number) readonly buffer Truth { float truth[]; };
#define TRUTH_CLASS(image, t) truth[5 * ((image) * truths + (t))]
#define TRUTH_BOX(image, t) \
    vec4(truth[5 * ((image) * truths + (t)) + 1], truth[5 * ((image) * truths + (t)) + 2], \
         truth[5 * ((image) * truths + (t)) + 3], truth[5 * ((image) * truths + (t)) + 4])
#define TRUTH_COUNT(image) list[(image) * list_stride]
#define TRUTH_AT(image, j) list[(image) * list_stride + 1 + (j)]
