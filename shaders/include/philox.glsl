// Philox4x32-10 and a number below a bound from 64 of its bits: the same functions as in
// engine/support/random.h, bit for bit. Everything random is keyed by the seed and counted by {sample, epoch,
// purpose, i}.
const uint RANDOM_CROP = 1;
const uint RANDOM_FLIP = 2;
const uint RANDOM_DROPOUT = 3; // | layer << 8

uvec4 philox(uvec4 counter, uvec2 key) {
    for (uint round = 0; round < 10; ++round) {
        uint first_high, first_low, second_high, second_low;
        umulExtended(0xD2511F53u, counter.x, first_high, first_low);
        umulExtended(0xCD9E8D57u, counter.z, second_high, second_low);
        counter = uvec4(second_high ^ counter.y ^ key.x, second_low, first_high ^ counter.w ^ key.y,
                        first_low);
        key += uvec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return counter;
}

uint random_below(uint low, uint high, uint bound) {
    uint high_high, high_low, low_high, low_low, carry;
    umulExtended(high, bound, high_high, high_low);
    umulExtended(low, bound, low_high, low_low);
    uaddCarry(high_low, low_high, carry);
    return high_high + carry;
}
