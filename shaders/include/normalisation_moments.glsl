// Moments of parts of a channel and how they are merged (Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm
// for Computing Sample Variances", 1979).
struct Moments {
    float origin;  // an estimate of the mean
    float offset;  // the mean's distance from it
    float squares; // about the mean
    float cells;
};

// With its mean as the origin, for the first value of a part may be far from all others.
Moments about_its_mean(Moments part) {
    precise float origin = part.origin + part.offset;
    part.offset -= origin - part.origin;
    part.origin = origin;
    return part;
}

void add(inout Moments sum, Moments part) {
    if (part.cells == 0) return;
    if (sum.cells == 0) {
        sum = part;
        return;
    }
    precise float distance = (part.origin - sum.origin) + (part.offset - sum.offset);
    const float share = part.cells / (sum.cells + part.cells);
    sum.offset += distance * share;
    sum.squares += part.squares + distance * distance * (sum.cells * share);
    sum.cells += part.cells;
}

struct MeanAndVariance {
    float mean, rest; // rounded to f32, and what rounding took from it
    float variance;
};

MeanAndVariance mean_and_variance(Moments sum) {
    precise float centre = sum.origin + sum.offset;
    // A compiler that reorders sums would make this 0.
    precise float rest = sum.offset - (centre - sum.origin);
    return MeanAndVariance(centre, rest, sum.cells > 0 ? sum.squares / sum.cells : 0);
}
