// P-Net on regions of pyramid levels.
//
// Adjacent steps are computed together, one per element of a vector register. A region is computed row by row. Each
// layer keeps only the rows that the next one needs, so everything stays in the cache. The first layer's results are
// pooled two by two, so columns with even and odd numbers are stored apart.

#include <algorithm>
#include <vector>

#include "areas.hpp"
#include "simd.hpp"

namespace {

constexpr int FIRST = 10, SECOND = 16, THIRD = 32, OFFSETS = 4;

// A region of a pyramid level, in steps of P-Net. Pixels of the level are averages of pixels of a picture. Beyond the
// level its edge is repeated.
struct Region {
    std::int64_t picture, level_width, level_height;
    std::int64_t first_row, last_row, first_column, last_column; // steps, half-open

    bool is_empty() const { return last_row <= first_row || last_column <= first_column; }

    bool is_inside(const Pictures &pictures) const {
        // Larger products of two lengths would overflow 64 bits.
        constexpr std::int64_t LONGEST = 1 << 30;
        return pictures.has(picture) && first_row >= 0 && first_column >= 0 && level_width <= LONGEST &&
               level_height <= LONGEST && last_row <= steps(level_height) && last_column <= steps(level_width);
    }

private:
    // Steps of a window of twelve pixels by two along a level; for the last window the edge is repeated.
    static std::int64_t steps(std::int64_t length) { return (length + 1) / 2 - 5; }
};

struct Found {
    std::int32_t region, row, column;
    float logit, offsets[OFFSETS];
};

// The network's weights in the order of its layers: kernels, biases, slopes.
struct Weights {
    const float *first, *second, *third, *logit, *offsets;
    static constexpr std::int64_t COUNT = FIRST * (27 + 2) + SECOND * (FIRST * 9 + 2) + THIRD * (SECOND * 9 + 2) +
                                          THIRD + 1 + OFFSETS * (THIRD + 1);
    explicit Weights(const float *all)
        : first(all), second(first + FIRST * (27 + 2)), third(second + SECOND * (FIRST * 9 + 2)),
          logit(third + THIRD * (SECOND * 9 + 2)), offsets(logit + THIRD + 1) {}
};

// The rows or columns of a picture that a row or column of the level averages.
struct Bin {
    std::int64_t first, last;
    Bin(std::int64_t index, std::int64_t count, std::int64_t length) {
        index = std::min(index, count - 1);
        first = index * length / count, last = ((index + 1) * length + count - 1) / count;
    }
};

// A layer's results in the order row, channel, column; only the last HELD rows are kept.
template <int CHANNELS, int HELD> struct Rows {
    float *memory;
    std::int64_t stride;
    float *at(std::int64_t row, int channel) const { return memory + (row % HELD * CHANNELS + channel) * stride; }
};

// Columns of pixels with even and odd numbers are separate channels.
using Pixels = Rows<6, 4>;

void read_pixels(const Picture &picture, const Region &region, const std::vector<Bin> &bins, const float *wide,
                 std::int64_t row, const Pixels &pixels) {
    const Bin bin(2 * region.first_row + row, region.level_height, picture.height);
    const std::int64_t begin = bins.front().first, width = bins.back().last - begin;
    const std::uint8_t *from = picture.pixels + bin.first * picture.row_bytes + begin * 3;
    std::int32_t *sums = sums_of(width);
    add_rows(from, picture.row_bytes, bin.last - bin.first, width * 3, sums);
    const float tall = 1.0f / static_cast<float>(bin.last - bin.first);
    float *to[6];
    for (int channel = 0; channel < 6; channel++) to[channel] = pixels.at(row, channel);
    for (std::size_t column = 0; column < bins.size(); column++) {
        const Mean means = mean(sums, bins[column].first - begin, bins[column].last - begin, wide[column], tall);
        for (int colour = 0; colour < 3; colour++) to[2 * colour + column % 2][column / 2] = means[colour];
    }
}

// One row of the first layer after max-pooling, from four rows of pixels.
void first_layer(const Pixels &pixels, std::int64_t row, const float *weights, std::int64_t columns,
                 std::int64_t columns_in_pairs, bool rows_in_pairs, const Rows<FIRST, 3> &out) {
    constexpr int CHANNELS = REGISTERS < 32 ? 2 : 5;
    const float *bias = weights + FIRST * 27, *slopes = bias + FIRST;
    Flags number;
    for (int element = 0; element < VECTOR_SIZE; element++) number[element] = element;
    for (int first = 0; first < FIRST; first += CHANNELS)
        for (std::int64_t x = 0; x < columns; x += VECTOR_SIZE) {
            Vector sum[2][2][CHANNELS];
            for (int channel = 0; channel < CHANNELS; channel++)
                sum[0][0][channel] = sum[0][1][channel] = sum[1][0][channel] = sum[1][1][channel] =
                    all(bias[first + channel]);
            const float *weight = weights + first * 27;
#pragma GCC unroll 1
            for (int colour = 0; colour < 3; colour++)
#pragma GCC unroll 1
                for (int down = 0; down < 3; down++, weight += 3) {
                    const float *upper = pixels.at(2 * row + down, 2 * colour) + x;
                    const float *lower = pixels.at(2 * row + down + 1, 2 * colour) + x;
                    for (int right = 0; right < 3; right++)
                        for (int channel = 0; channel < CHANNELS; channel++) {
                            const Vector times = all(weight[channel * 27 + right]);
                            for (int odd = 0; odd < 2; odd++) {
                                const std::int64_t at = (odd + right) % 2 * pixels.stride + (odd + right) / 2;
                                sum[0][odd][channel] += times * load(upper + at);
                                sum[1][odd][channel] += times * load(lower + at);
                            }
                        }
                }
            // A last column or row with an even number is pooled alone.
            const Flags alone = number + static_cast<std::int32_t>(x) >= static_cast<std::int32_t>(columns_in_pairs);
            for (int channel = 0; channel < CHANNELS; channel++) {
                const Vector slope = all(slopes[first + channel]);
                Vector most[2];
                for (int lower = 0; lower < 2; lower++) {
                    const Vector even = prelu(sum[lower][0][channel], slope), odd = prelu(sum[lower][1][channel], slope);
                    most[lower] = alone ? even : maximum(even, odd);
                }
                store(out.at(row, first + channel) + x, rows_in_pairs ? maximum(most[0], most[1]) : most[0]);
            }
        }
}

// COUNT registers of positions and CHANNELS channels of one row of a layer with a 3 x 3 kernel.
template <int IN, int COUNT, int CHANNELS, typename From>
static INLINE void places(const From &from, std::int64_t row, const float *weights, const float *bias,
                          const float *slopes, std::int64_t x, float *to, std::int64_t stride) {
    Vector sum[CHANNELS][COUNT];
    for (int channel = 0; channel < CHANNELS; channel++)
        for (int place = 0; place < COUNT; place++) sum[channel][place] = all(bias[channel]);
#pragma GCC unroll 1
    for (int down = 0; down < 3; down++, weights += 3) {
        const float *here = from.at(row + down, 0) + x;
        const float *weight = weights;
#pragma GCC unroll 1
        for (int in = 0; in < IN; in++, weight += 9, here += from.stride)
            for (int right = 0; right < 3; right++)
                for (int channel = 0; channel < CHANNELS; channel++) {
                    const Vector times = all(weight[channel * IN * 9 + right]);
                    for (int place = 0; place < COUNT; place++)
                        sum[channel][place] += times * load(here + place * VECTOR_SIZE + right);
                }
    }
    for (int channel = 0; channel < CHANNELS; channel++)
        for (int place = 0; place < COUNT; place++)
            store(to + channel * stride + x + place * VECTOR_SIZE, prelu(sum[channel][place], all(slopes[channel])));
}

template <int IN, int OUT, typename From, typename To>
void layer(const From &from, std::int64_t row, const float *weights, std::int64_t columns, const To &to) {
    const float *bias = weights + OUT * IN * 9, *slopes = bias + OUT;
    constexpr int WIDE = 3, FEW = REGISTERS < 32 ? 4 : 8, MANY = 8;
    std::int64_t x = 0;
    for (; columns - x > 2 * VECTOR_SIZE; x += WIDE * VECTOR_SIZE)
        for (int first = 0; first < OUT; first += FEW)
            places<IN, WIDE, FEW>(from, row, weights + first * IN * 9, bias + first, slopes + first, x, to.at(row, first), to.stride);
    for (; columns - x > VECTOR_SIZE; x += 2 * VECTOR_SIZE)
        for (int first = 0; first < OUT; first += FEW)
            places<IN, 2, FEW>(from, row, weights + first * IN * 9, bias + first, slopes + first, x, to.at(row, first), to.stride);
    for (; x < columns; x += VECTOR_SIZE)
        for (int first = 0; first < OUT; first += MANY)
            places<IN, 1, MANY>(from, row, weights + first * IN * 9, bias + first, slopes + first, x, to.at(row, first), to.stride);
}

// Run P-Net on one region. Write steps with a logit of at least `least` to `found`, up to `room`; return their number.
std::int64_t run(const Picture &picture, const Region &region, std::int32_t number, const Weights &weights,
                 float least, Found *found, std::int64_t room) {
    const std::int64_t rows = region.last_row - region.first_row, columns = region.last_column - region.first_column;
    const std::int64_t halves = columns + 4, pairs = halves + 1;
    // Whole registers are read and written, up to three beyond the end.
    const std::int64_t stride = (pairs / VECTOR_SIZE + 4) * VECTOR_SIZE;
    float *memory = scratch<3>((6 * 4 + FIRST * 3 + SECOND * 3 + THIRD + 1 + 2) * stride);
    const Pixels pixels{memory, stride};
    const Rows<FIRST, 3> first{pixels.memory + 6 * 4 * stride, stride};
    const Rows<SECOND, 3> second{first.memory + FIRST * 3 * stride, stride};
    const Rows<THIRD, 1> third{second.memory + SECOND * 3 * stride, stride};
    float *logit = third.memory + THIRD * stride, *wide = logit + stride;
    thread_local std::vector<Bin> bins;
    bins.clear();
    for (std::int64_t column = 0; column < 2 * pairs; column++) {
        bins.emplace_back(2 * region.first_column + column, region.level_width, picture.width);
        wide[column] = 1.0f / static_cast<float>(bins.back().last - bins.back().first) / SPAN;
    }
    // Positions of the first layer with even numbers that have a neighbour with an odd one.
    const std::int64_t columns_in_pairs = (region.level_width - 2) / 2 - region.first_column;
    const std::int64_t rows_in_pairs = (region.level_height - 2) / 2 - region.first_row;
    std::int64_t read = 0, count = 0;
    for (std::int64_t half = 0; half < rows + 4; half++) {
        for (; read < 2 * half + 4; read++) read_pixels(picture, region, bins, wide, read, pixels);
        first_layer(pixels, half, weights.first, halves, columns_in_pairs, half < rows_in_pairs, first);
        if (half < 2) continue;
        layer<FIRST, SECOND>(first, half - 2, weights.second, columns + 2, second);
        if (half < 4) continue;
        const std::int64_t row = half - 4;
        layer<SECOND, THIRD>(second, row, weights.third, columns, third);
        for (std::int64_t x = 0; x < columns; x += VECTOR_SIZE) {
            Vector sum = all(weights.logit[THIRD]);
            for (int channel = 0; channel < THIRD; channel++)
                sum += all(weights.logit[channel]) * load(third.at(0, channel) + x);
            store(logit + x, sum);
        }
        for (std::int64_t x = 0; x < columns; x++) {
            if (!(logit[x] >= least)) continue;
            if (count < room) {
                Found &here = found[count];
                here = {number, static_cast<std::int32_t>(region.first_row + row),
                        static_cast<std::int32_t>(region.first_column + x), logit[x], {}};
                for (int offset = 0; offset < OFFSETS; offset++) {
                    here.offsets[offset] = weights.offsets[OFFSETS * THIRD + offset];
                    for (int channel = 0; channel < THIRD; channel++)
                        here.offsets[offset] += weights.offsets[offset * THIRD + channel] * third.at(0, channel)[x];
                }
            }
            count++;
        }
    }
    return count;
}

} // namespace

// Run P-Net on regions. Write at most `room` of the steps with a face logit of at least `least`, region by region in
// reading order, and return their total number. Return -1 before any work if a region is not inside its picture or the
// weights are not P-Net's.
extern "C" std::int64_t fertools_pnet(const Picture *of, std::int64_t of_count, const Region *regions,
                                      std::int64_t count, const float *weights, std::int64_t weight_count, float least,
                                      Found *found, std::int64_t room) {
    const Pictures pictures{of, of_count};
    if (weight_count != Weights::COUNT) return -1;
    for (std::int64_t number = 0; number < count; number++)
        if (!regions[number].is_empty() && !regions[number].is_inside(pictures)) return -1;
    const Weights all(weights);
    std::int64_t total = 0;
    for (std::int64_t number = 0; number < count; number++) {
        const Region &region = regions[number];
        if (region.is_empty()) continue;
        total += run(pictures[region.picture], region, static_cast<std::int32_t>(number), all, least,
                     found + std::min(total, room), std::max<std::int64_t>(room - total, 0));
    }
    return total;
}
