// R-Net and O-Net on batches of windows, one window per element of a vector register.
//
// Values between two layers are in the order column, row, channel, register element. So every layer, whatever its size,
// is the same few instructions on whole registers. A network's output for a window is the same to the last bit,
// whatever other windows are in the batch.

#include "areas.hpp"
#include "simd.hpp"

namespace {

// Sums of a block of channels at a few positions are kept in registers. The weights of a layer are in this order:
// block of channels, kernel position (column, row), input channel, channel of the block (see packing.py).
constexpr int CHANNELS = 4;
constexpr int DENSE_CHANNELS = 8;

// A convolution without padding, its PReLU, and max-pooling over REACH x REACH positions in steps of two, unless REACH
// is one. Pooling windows are clipped at the last position.
template <int SIDE, int IN, int OUT, int KERNEL, int REACH> struct Convolution {
    static constexpr int PLACES = SIDE - KERNEL + 1;
    static constexpr int STEP = REACH == 1 ? 1 : 2;
    static constexpr int RESULT = (PLACES - REACH + STEP - 1) / STEP + 1;
    static constexpr int SIZE = RESULT * RESULT * OUT;
    static constexpr int TAPS = KERNEL * KERNEL * IN;
    static constexpr int WEIGHTS = OUT * TAPS + 2 * OUT;
    static constexpr int GROUPS = (PLACES * (CHANNELS + 1) - 1) / (REGISTERS - 1) + 1;
    static constexpr int ROWS = (PLACES - 1) / GROUPS + 1;

    // The results of ROWS positions below one another, for a block of channels.
    static INLINE void rows(const Vector *from, const float *weights, const float *bias, const float *slopes, Vector *to) {
        Vector sum[ROWS][CHANNELS];
        for (int row = 0; row < ROWS; row++)
            for (int channel = 0; channel < CHANNELS; channel++) sum[row][channel] = all(bias[channel]);
        for (int column = 0; column < KERNEL; column++, from += SIDE * IN)
#pragma GCC unroll 1
            for (int tap = 0; tap < KERNEL * IN; tap++, weights += CHANNELS)
                for (int channel = 0; channel < CHANNELS; channel++)
                    for (int row = 0; row < ROWS; row++)
                        sum[row][channel] += all(weights[channel]) * from[row * IN + tap];
        for (int row = 0; row < ROWS; row++)
            for (int channel = 0; channel < CHANNELS; channel++)
                to[row * CHANNELS + channel] = prelu(sum[row][channel], all(slopes[channel]));
    }

    static void apply(const Vector *in, const float *weights, Vector *out) {
        const float *bias = weights + OUT * TAPS, *slopes = bias + OUT;
        Vector column[PLACES * CHANNELS];
        for (int first = 0; first < OUT; first += CHANNELS, weights += TAPS * CHANNELS)
            for (int x = 0; x < PLACES; x++) {
                const Vector *from = in + x * SIDE * IN;
                for (int group = 0; group < GROUPS; group++) {
                    // The last group may repeat positions of the group before.
                    const int y = group * ROWS < PLACES - ROWS ? group * ROWS : PLACES - ROWS;
                    rows(from + y * IN, weights, bias + first, slopes + first, column + y * CHANNELS);
                }
                pool(column, x, out + first);
            }
    }

    // Pool column x of the positions into its columns of the result: it begins or continues one, and with a reach of
    // three it can also end the column before.
    static INLINE void pool(const Vector *column, int x, Vector *out) {
        const int at = x / STEP;
        for (int row = 0; row < RESULT; row++)
            for (int channel = 0; channel < CHANNELS; channel++) {
                Vector most = column[row * STEP * CHANNELS + channel];
                for (int down = 1; down < REACH && row * STEP + down < PLACES; down++)
                    most = maximum(most, column[(row * STEP + down) * CHANNELS + channel]);
                if (at < RESULT) {
                    Vector &here = out[(at * RESULT + row) * OUT + channel];
                    here = x % STEP ? maximum(here, most) : most;
                }
                if (REACH == 3 && x % 2 == 0 && x > 0) {
                    Vector &before = out[((at - 1) * RESULT + row) * OUT + channel];
                    before = maximum(before, most);
                }
            }
    }
};

// The same as Convolution for a 3 x 3 kernel, with fewer than half as many products: Winograd's F(2 x 2, 3 x 3). Two by
// two positions are computed together from four by four. Inputs and weights are transformed to sixteen points (see
// packing.py). At each point, a position is one product per pair of channels.
//
// Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1.
template <int SIDE, int IN, int OUT, int REACH> struct Winograd : Convolution<SIDE, IN, OUT, 3, REACH> {
    using Plain = Convolution<SIDE, IN, OUT, 3, REACH>;
    static constexpr int PLACES = Plain::PLACES;
    static constexpr int TILES = (PLACES + 1) / 2;
    static constexpr int POINTS = 16;
    static constexpr int WEIGHTS = POINTS * IN * OUT + 2 * OUT;
    static constexpr int GROUPS = (TILES * (CHANNELS + 1) - 1) / (REGISTERS - 1) + 1;
    static constexpr int ROWS = (TILES - 1) / GROUPS + 1;

    // The first position of a tile. With an odd number of positions the last tile repeats one of the tile before.
    static INLINE int place(int tile) { return tile * 2 < PLACES - 2 ? tile * 2 : PLACES - 2; }

    static INLINE void points(const Vector *from, int step, Vector (&to)[4]) {
        to[0] = from[0] - from[2 * step], to[1] = from[step] + from[2 * step];
        to[2] = from[2 * step] - from[step], to[3] = from[step] - from[3 * step];
    }

    // The points of the tiles that begin in a column, in the order point, tile, channel.
    static void points_of(const Vector *column, Vector *out) {
        for (int tile = 0; tile < TILES; tile++)
            for (int channel = 0; channel < IN; channel++, out++) {
                const Vector *from = column + place(tile) * IN + channel;
                Vector across[4][4], down[4];
                for (int row = 0; row < 4; row++) points(from + row * IN, SIDE * IN, across[row]);
                for (int x = 0; x < 4; x++) {
                    points(&across[0][x], 4, down);
                    for (int y = 0; y < 4; y++) out[(x * 4 + y) * TILES * IN] = down[y];
                }
            }
    }

    // ROWS tiles at one point, for a block of channels.
    static INLINE void multiply(const Vector *from, const float *weights, Vector (&sum)[ROWS][CHANNELS]) {
        for (int row = 0; row < ROWS; row++)
            for (int channel = 0; channel < CHANNELS; channel++) sum[row][channel] = Vector{};
#pragma GCC unroll 1
        for (int tap = 0; tap < IN; tap++, weights += CHANNELS)
            for (int channel = 0; channel < CHANNELS; channel++)
                for (int row = 0; row < ROWS; row++) sum[row][channel] += all(weights[channel]) * from[row * IN + tap];
    }

    // The positions of a tile from its sixteen points: column, row.
    static INLINE void places(const Vector (&points)[POINTS][ROWS][CHANNELS], int row, int channel, Vector (&to)[2][2]) {
        Vector half[2][4];
        for (int y = 0; y < 4; y++) {
            const Vector one = points[y][row][channel], two = points[4 + y][row][channel];
            const Vector three = points[8 + y][row][channel], four = points[12 + y][row][channel];
            half[0][y] = one + two + three, half[1][y] = two - three - four;
        }
        for (int x = 0; x < 2; x++) {
            to[x][0] = half[x][0] + half[x][1] + half[x][2];
            to[x][1] = half[x][1] - half[x][2] - half[x][3];
        }
    }

    static void apply(const Vector *in, const float *weights, Vector *out) {
        const float *bias = weights + POINTS * IN * OUT, *slopes = bias + OUT;
        Vector *seen = reinterpret_cast<Vector *>(scratch<2>(POINTS * TILES * IN * VECTOR_SIZE));
        for (int right = 0; right < TILES; right++) {
            points_of(in + place(right) * SIDE * IN, seen);
            for (int first = 0; first < OUT; first += CHANNELS) {
                const float *block = weights + first * POINTS * IN;
                Vector columns[2][PLACES * CHANNELS], sums[POINTS][ROWS][CHANNELS], four[2][2];
                for (int group = 0; group < GROUPS; group++) {
                    const int top = group * ROWS < TILES - ROWS ? group * ROWS : TILES - ROWS;
                    for (int point = 0; point < POINTS; point++)
                        multiply(seen + (point * TILES + top) * IN, block + point * IN * CHANNELS, sums[point]);
                    for (int row = 0; row < ROWS; row++)
                        for (int channel = 0; channel < CHANNELS; channel++) {
                            places(sums, row, channel, four);
                            for (int x = 0; x < 2; x++)
                                for (int y = 0; y < 2; y++)
                                    columns[x][(place(top + row) + y) * CHANNELS + channel] =
                                        prelu(four[x][y] + bias[first + channel], all(slopes[first + channel]));
                        }
                }
                // The tile before contained the first column of the last tile.
                if (place(right) == right * 2) Plain::pool(columns[0], place(right), out + first);
                Plain::pool(columns[1], place(right) + 1, out + first);
            }
        }
    }
};

// A dense layer, with its PReLU if it has one.
template <int IN, int OUT, bool HAS_PRELU> struct Dense {
    static constexpr int SIZE = OUT;
    static constexpr int WEIGHTS = IN * OUT + OUT + (HAS_PRELU ? OUT : 0);

    static void apply(const Vector *in, const float *weights, Vector *out) {
        const float *bias = weights + IN * OUT, *slopes = bias + OUT;
        for (int first = 0; first < OUT; first += DENSE_CHANNELS) {
            Vector sum[DENSE_CHANNELS];
            for (int channel = 0; channel < DENSE_CHANNELS; channel++) sum[channel] = all(bias[first + channel]);
            for (int place = 0; place < IN; place++, weights += DENSE_CHANNELS)
                for (int channel = 0; channel < DENSE_CHANNELS; channel++)
                    sum[channel] += all(weights[channel]) * in[place];
            for (int channel = 0; channel < DENSE_CHANNELS; channel++)
                out[first + channel] = HAS_PRELU ? prelu(sum[channel], all(slopes[first + channel])) : sum[channel];
        }
    }
};

// Layers in sequence, with their weights in the same order.
template <int INPUT, typename... Layers> struct Network {
    static constexpr int SIDE = INPUT;
    static constexpr int NUMBERS = (Layers::SIZE + ...);
    static constexpr std::int64_t WEIGHTS = (Layers::WEIGHTS + ...);

    // The last layer's outputs for crops.
    static const Vector *apply(const Vector *in, const float *weights) {
        Vector *out = reinterpret_cast<Vector *>(scratch<1>(NUMBERS * VECTOR_SIZE));
        ((Layers::apply(in, weights, out), in = out, out += Layers::SIZE, weights += Layers::WEIGHTS), ...);
        return in;
    }
};

using RNet = Network<24, Convolution<24, 3, 28, 3, 3>, Winograd<11, 28, 48, 3>, Convolution<4, 48, 64, 2, 1>,
                     Dense<576, 128, true>, Dense<128, 8, false>>;
using ONet = Network<48, Convolution<48, 3, 32, 3, 3>, Winograd<23, 32, 64, 3>, Winograd<10, 64, 64, 2>,
                     Convolution<4, 64, 128, 2, 1>, Dense<1152, 256, true>, Dense<256, 16, false>>;

// Write a network's outputs for windows, (count, OUTPUTS). Return false before any work if a window is not inside its
// picture or the weights belong to another network.
template <typename Network, int OUTPUTS>
bool run(const Pictures &pictures, const Window *windows, std::int64_t count, const float *weights,
         std::int64_t weight_count, float *outputs) {
    if (weight_count != Network::WEIGHTS) return false;
    for (std::int64_t number = 0; number < count; number++)
        if (!windows[number].is_inside(pictures)) return false;
    float *crops = scratch<0>(Network::SIDE * Network::SIDE * 3 * VECTOR_SIZE);
    for (std::int64_t first = 0; first < count; first += VECTOR_SIZE) {
        const int some = count - first < VECTOR_SIZE ? static_cast<int>(count - first) : VECTOR_SIZE;
        // Register elements without a window repeat the last one.
        for (int element = 0; element < VECTOR_SIZE; element++)
            crop<Network::SIDE, VECTOR_SIZE>(pictures, windows[first + (element < some ? element : some - 1)],
                                             crops + element);
        const Vector *results = Network::apply(reinterpret_cast<const Vector *>(crops), weights);
        for (int element = 0; element < some; element++)
            for (int output = 0; output < OUTPUTS; output++)
                outputs[(first + element) * OUTPUTS + output] = results[output][element];
    }
    return true;
}

} // namespace

extern "C" {

std::int32_t fertools_rnet(const Picture *pictures, std::int64_t picture_count, const Window *windows,
                           std::int64_t count, const float *weights, std::int64_t weight_count, float *outputs) {
    return run<RNet, 8>({pictures, picture_count}, windows, count, weights, weight_count, outputs);
}

std::int32_t fertools_onet(const Picture *pictures, std::int64_t picture_count, const Window *windows,
                           std::int64_t count, const float *weights, std::int64_t weight_count, float *outputs) {
    return run<ONet, 16>({pictures, picture_count}, windows, count, weights, weight_count, outputs);
}
}
