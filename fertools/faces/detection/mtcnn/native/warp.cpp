// Crops of pictures, turned and scaled: see align.py.
//
// A pixel of a crop is a weighted sum of a square of pixels, whose weights are those of its row times those of its
// column. Crops that enlarge take cubic convolution; crops that shrink take each pixel for as much of it as lies below
// a square of the size of the crop's own.
//
// Source: Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 29(6), 1981, with the slope
// of -0.75 that OpenCV takes.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "simd.hpp"

namespace {

// Positions are counted in 2^-32 of a pixel, and read to the nearest 128th.
constexpr int FRACTION_BITS = 32, STEP_BITS = 7, STEPS = 1 << STEP_BITS;

constexpr int PIXEL_BYTES = 3;

struct Picture {
    const std::uint8_t *pixels;
    std::int64_t height, width, row_bytes;
};

// The weights of the pixels of a row, or of a column, around a position, by where it is within a pixel.
struct Kernel {
    int taps;
    // From a position to where the first pixel's is counted from.
    double offset;
    std::vector<float> weights;

    Kernel(int count, double from) : taps(count), offset(from), weights(STEPS * count) {}
    float &weight(int step, int tap) { return weights[step * taps + tap]; }
    float weight(int step, int tap) const { return weights[step * taps + tap]; }
};

double convolved(double x) {
    constexpr double slope = -0.75;
    if (x <= 1) return ((slope + 2) * x - (slope + 3)) * x * x + 1;
    return ((slope * x - 5 * slope) * x + 8 * slope) * x - 4 * slope;
}

Kernel enlarging() {
    Kernel kernel(4, -1);
    for (int step = 0; step < STEPS; step++)
        for (int tap = 0; tap < kernel.taps; tap++)
            kernel.weight(step, tap) = static_cast<float>(convolved(std::abs(tap - 1 - step / double(STEPS))));
    return kernel;
}

// SPAN is the side of a crop's pixel in those of the picture.
Kernel shrinking(double span) {
    Kernel kernel(static_cast<int>(std::ceil(span)) + 1, 0.5 - span / 2);
    for (int step = 0; step < STEPS; step++) {
        const double begin = step / double(STEPS), end = begin + span;
        for (int tap = 0; tap < kernel.taps; tap++) {
            const double covered = std::min(tap + 1.0, end) - std::max(double(tap), begin);
            kernel.weight(step, tap) = static_cast<float>(std::max(0.0, covered) / span);
        }
    }
    return kernel;
}

// Applies a kernel of any size.
class Sampler {
    // Two pixels of three colours side by side, and two numbers that count nothing.
    typedef float Two __attribute__((vector_size(32)));
    typedef float One __attribute__((vector_size(16)));
    typedef std::int32_t Whole __attribute__((vector_size(16)));
    typedef std::uint8_t Bytes __attribute__((vector_size(8)));

    const Kernel &kernel;
    const int pairs;
    std::vector<Two> across;

    static INLINE Two two_at(const std::uint8_t *from) {
#if defined(__AVX2__)
        // GCC 12 makes of the lines below one conversion after the other.
        return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(from))));
#else
        Bytes bytes;
        std::memcpy(&bytes, from, sizeof bytes);
        return __builtin_convertvector(bytes, Two);
#endif
    }

public:
    explicit Sampler(const Kernel &made) : kernel(made), pairs((made.taps + 1) / 2), across(STEPS * pairs) {
        for (int step = 0; step < STEPS; step++)
            for (int tap = 0; tap < kernel.taps; tap++)
                for (int colour = 0; colour < PIXEL_BYTES; colour++)
                    across[step * pairs + tap / 2][tap % 2 * PIXEL_BYTES + colour] = kernel.weight(step, tap);
    }

    // Rows that are read, and bytes of each.
    int rows() const { return kernel.taps; }
    int bytes() const { return (pairs - 1) * 2 * PIXEL_BYTES + static_cast<int>(sizeof(Bytes)); }

    // The colours at a position whose first pixel is at FROM, the first one lowest; NEXT is from one row to the next.
    INLINE std::uint32_t at(const std::uint8_t *from, std::int64_t next, int step_x, int step_y) const {
        const float *down = &kernel.weights[step_y * kernel.taps];
        Two sums = {};
        for (int pair = 0; pair < pairs; pair++, from += 2 * PIXEL_BYTES) {
            Two column_sums = two_at(from) * down[0];
            for (int tap = 1; tap < kernel.taps; tap++) column_sums += two_at(from + tap * next) * down[tap];
            sums += column_sums * across[step_x * pairs + pair];
        }
        One colours = __builtin_shufflevector(sums, sums, 0, 1, 2, 2) +
                      __builtin_shufflevector(sums, sums, 3, 4, 5, 5) + 0.5f;
        colours = colours < 0.0f ? One{} : colours;
        colours = colours > 255.0f ? One{} + 255.0f : colours;
        const Whole numbers = __builtin_convertvector(colours, Whole);
        return static_cast<std::uint32_t>(numbers[0] | numbers[1] << 8 | numbers[2] << 16);
    }
};

#if defined(__AVX2__)
// Applies a kernel of up to four taps, which is nearly every one, in whole numbers: a row of four pixels to a register.
// Sums down are in 64ths of a grey level, so colours are off by a fifth of one at the very most before they are rounded.
class FourTaps {
    static constexpr int TAPS = 4, WEIGHT_BITS = 14, SUM_BITS = 6, PAIR = 2, HALF = 8;

    alignas(32) std::int16_t across[STEPS][2 * HALF];
    // Of each step and tap the weight twice, for two numbers of sixteen bits.
    std::int32_t down[STEPS][TAPS];

public:
    explicit FourTaps(const Kernel &kernel) : across{} {
        for (int step = 0; step < STEPS; step++) {
            int weights[TAPS] = {}, most = 0, left = 1 << WEIGHT_BITS;
            for (int tap = 0; tap < kernel.taps; tap++) {
                weights[tap] = static_cast<int>(std::lround(kernel.weight(step, tap) * (1 << WEIGHT_BITS)));
                left -= weights[tap];
                if (weights[tap] > weights[most]) most = tap;
            }
            // Together they are one, so that what is even stays as bright.
            weights[most] += left;
            for (int tap = 0; tap < TAPS; tap++) {
                down[step][tap] = static_cast<std::int32_t>(static_cast<std::uint32_t>(weights[tap]) << 16 |
                                                            (static_cast<std::uint32_t>(weights[tap]) & 0xffff));
                for (int colour = 0; colour < PIXEL_BYTES; colour++)
                    across[step][tap / PAIR * HALF + colour * PAIR + tap % PAIR] = static_cast<std::int16_t>(weights[tap]);
            }
        }
    }

    static constexpr int rows() { return TAPS; }
    static constexpr int bytes() { return sizeof(__m128i); }

    INLINE std::uint32_t at(const std::uint8_t *from, std::int64_t next, int step_x, int step_y) const {
        // Each colour of the first two pixels side by side, then of the other two, in the upper half of sixteen bits.
        const __m256i order = _mm256_setr_epi8(-1, 0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1,
                                               -1, 6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1);
        __m256i sums = _mm256_setzero_si256();
        for (int tap = 0; tap < TAPS; tap++, from += next) {
            const __m128i pixels = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from));
            const __m256i spread = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(pixels), order);
            // A brightness times 2^7 and a weight times 2^14, and 15 bits less.
            const __m256i weight = _mm256_set1_epi32(down[step_y][tap]);
            sums = _mm256_add_epi16(sums, _mm256_mulhrs_epi16(_mm256_srli_epi16(spread, 1), weight));
        }
        const __m256i weights = _mm256_load_si256(reinterpret_cast<const __m256i *>(across[step_x]));
        const __m256i pairs = _mm256_madd_epi16(sums, weights);
        __m128i colours = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
        colours = _mm_add_epi32(colours, _mm_set1_epi32(1 << (SUM_BITS + WEIGHT_BITS - 1)));
        colours = _mm_srai_epi32(colours, SUM_BITS + WEIGHT_BITS);
        colours = _mm_packs_epi32(colours, colours);
        return static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_packus_epi16(colours, colours)));
    }
};

using Quickest = FourTaps;
#else
using Quickest = Sampler;
#endif

// Copy what a picture shows around a place near its edge or beyond, where its outermost pixels go on.
__attribute__((noinline)) void copy(const Picture &picture, std::int64_t left, std::int64_t top, int rows, int bytes,
                                    std::uint8_t *copies) {
    const bool above_or_below = left >= 0 && left * PIXEL_BYTES + bytes <= picture.width * PIXEL_BYTES;
    for (int down = 0; down < rows; down++, copies += bytes) {
        const std::uint8_t *row =
            picture.pixels + std::clamp<std::int64_t>(top + down, 0, picture.height - 1) * picture.row_bytes;
        if (above_or_below) {
            std::memcpy(copies, row + left * PIXEL_BYTES, bytes);
            continue;
        }
        for (int right = 0; right * PIXEL_BYTES + PIXEL_BYTES <= bytes; right++)
            std::memcpy(copies + right * PIXEL_BYTES,
                        row + std::clamp<std::int64_t>(left + right, 0, picture.width - 1) * PIXEL_BYTES, PIXEL_BYTES);
    }
}

// Return a position as a whole number; a million pixels outside is as far as any further.
INLINE std::int64_t fixed(double position) {
    return std::llround(std::clamp(position, -1e6, 1e6) * double(std::int64_t(1) << FRACTION_BITS));
}

INLINE int step_of(std::int64_t position) {
    return static_cast<int>(position >> (FRACTION_BITS - STEP_BITS)) & (STEPS - 1);
}

template <typename Applied>
void warp(const Picture &picture, const Applied &kernel, double offset, const double *matrix, std::int64_t side,
          std::uint8_t *out) {
    const int rows = kernel.rows(), bytes = kernel.bytes();
    const std::int64_t right_x = fixed(matrix[0]), right_y = fixed(matrix[3]);
    const std::int64_t half_a_step = std::int64_t(1) << (FRACTION_BITS - STEP_BITS - 1);
    const auto is_inside = [&](std::int64_t x, std::int64_t y) {
        const std::int64_t left = x >> FRACTION_BITS, top = y >> FRACTION_BITS;
        return left >= 0 && left * PIXEL_BYTES + bytes <= picture.width * PIXEL_BYTES && top >= 0 &&
               top + rows <= picture.height;
    };
    // Where the next row of the crop goes on below what this one reads; from where the picture lies it takes long.
    constexpr std::int64_t AHEAD_EVERY = 16;
    const std::int64_t ahead = (rows + static_cast<std::int64_t>(std::hypot(matrix[0], matrix[3]))) * picture.row_bytes;
    std::vector<std::uint8_t> copies(rows * bytes);
    for (std::int64_t row = 0; row < side; row++) {
        std::int64_t x = fixed(matrix[2] + matrix[1] * static_cast<double>(row) + offset) + half_a_step;
        std::int64_t y = fixed(matrix[5] + matrix[4] * static_cast<double>(row) + offset) + half_a_step;
        // What lies between two places that are inside is.
        const bool all_inside = is_inside(x, y) && is_inside(x + (side - 1) * right_x, y + (side - 1) * right_y);
        for (std::int64_t column = 0; column < side; column++, x += right_x, y += right_y, out += PIXEL_BYTES) {
            const std::int64_t left = x >> FRACTION_BITS, top = y >> FRACTION_BITS;
            const std::uint8_t *from = picture.pixels + top * picture.row_bytes + left * PIXEL_BYTES;
            std::int64_t next = picture.row_bytes;
            if (!all_inside && !is_inside(x, y)) {
                copy(picture, left, top, rows, bytes, copies.data());
                from = copies.data(), next = bytes;
            } else if (column % AHEAD_EVERY == 0) {
                __builtin_prefetch(from + ahead);
            }
            const std::uint32_t colours = kernel.at(from, next, step_of(x), step_of(y));
            // One byte more than there are is written over by the next pixel, where there is one.
            if (row + 1 < side || column + 1 < side)
                std::memcpy(out, &colours, sizeof colours);
            else
                std::memcpy(out, &colours, PIXEL_BYTES);
        }
    }
}

} // namespace

// Write the crop (side, side, 3) of a picture. MATRIX (2, 3) is the similarity from pixels of the crop to pixels of the
// picture.
extern "C" void fertools_warp(const std::uint8_t *pixels_of_it, std::int64_t height, std::int64_t width,
                              std::int64_t row_bytes, const double *matrix, std::int64_t side, std::uint8_t *out) {
    static const Kernel cubic = enlarging();
    const Picture picture = {pixels_of_it, height, width, row_bytes};
    const double span = std::hypot(matrix[0], matrix[3]);
    // Rounding must not make a shrunk crop of one that has the picture's own size.
    if (span <= 1 + 1e-6) {
        static const Quickest sampler(cubic);
        return warp(picture, sampler, cubic.offset, matrix, side, out);
    }
    const Kernel kernel = shrinking(span);
    if (kernel.taps <= cubic.taps) return warp(picture, Quickest(kernel), kernel.offset, matrix, side, out);
    warp(picture, Sampler(kernel), kernel.offset, matrix, side, out);
}
