// log softmax(x)_c = x_c - largest - log_sum: subtracting the two parts one after the other neither overflows
// nor loses digits to a large row. For a shader that includes rows.glsl and declares x and x4.
struct Normaliser {
    float largest, sum; // of exp(x - largest)
};

Normaliser row_normaliser(uint begin) {
    Normaliser row;
    vec4 largest = vec4(lowest), sum = vec4(0);
    for (uint q = row_lane(); q < row_quads(); q += LANES) largest = max(largest, ROW_QUAD(x, x4, begin, q));
    row.largest = row_max(largest_of(largest));
    for (uint q = row_lane(); q < row_quads(); q += LANES)
        sum += row_inside(exp(ROW_QUAD(x, x4, begin, q) - row.largest), q, 0.0);
    row.sum = row_sum(sum_of(sum));
    return row;
}
