// Crops that enlarge, turned at the same time, by cubic convolution: see align.py.
//
// Source: Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 29(6), 1981, with the slope
// of -0.75 that OpenCV takes.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "lanes.hpp"

namespace {

// Two pixels of three colours side by side, and two numbers that count nothing.
typedef float Two __attribute__((vector_size(32)));
typedef float One __attribute__((vector_size(16)));
typedef std::int32_t Whole __attribute__((vector_size(16)));
typedef std::uint8_t Bytes __attribute__((vector_size(16)));

// Positions are counted in 2^-32 of a pixel, and read to the nearest 128th.
constexpr int FRACTION_BITS = 32, STEP_BITS = 7, STEPS = 1 << STEP_BITS;

// Of each row four pixels are read, which are twelve bytes, as two times eight from the first and the third on.
constexpr int TAPS = 4, PAIR_BYTES = 6, BYTES = 14;

struct Picture {
    const std::uint8_t *pixels;
    std::int64_t height, width, row_bytes;
};

// How much each of four pixels in a row counts for a position between the two in the middle.
struct Weights {
    float down[STEPS][TAPS];
    Two across[STEPS][2] = {};

    Weights() {
        for (int step = 0; step < STEPS; step++)
            for (int tap = 0; tap < TAPS; tap++) {
                down[step][tap] = static_cast<float>(of(std::abs(tap - 1 - step / double(STEPS))));
                for (int colour = 0; colour < 3; colour++)
                    across[step][tap / 2][tap % 2 * 3 + colour] = down[step][tap];
            }
    }

    static double of(double x) {
        constexpr double slope = -0.75;
        if (x <= 1) return ((slope + 2) * x - (slope + 3)) * x * x + 1;
        return ((slope * x - 5 * slope) * x + 8 * slope) * x - 4 * slope;
    }
};

// Return the two pixels that begin at a byte, which is followed by seven others.
INLINE Two pixels(const std::uint8_t *from) {
#if defined(__AVX2__)
    // GCC 12 makes of the lines below one conversion after the other.
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i *>(from))));
#else
    typedef std::uint8_t Eight __attribute__((vector_size(8)));
    Eight bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    return __builtin_convertvector(bytes, Two);
#endif
}

// Copy what a picture shows around a place near its edge or beyond, where its outermost pixels go on.
__attribute__((noinline)) void copy(const Picture &picture, std::int64_t left, std::int64_t top,
                                    std::uint8_t (&copies)[TAPS][BYTES + 2]) {
    for (int down = 0; down < TAPS; down++) {
        const std::int64_t y = std::clamp<std::int64_t>(top + down, 0, picture.height - 1);
        for (int right = 0; right < TAPS; right++) {
            const std::int64_t x = std::clamp<std::int64_t>(left + right, 0, picture.width - 1);
            std::memcpy(copies[down] + right * 3, picture.pixels + y * picture.row_bytes + x * 3, 3);
        }
    }
}

// Return a position as a whole number; a million pixels outside is as far as any further.
INLINE std::int64_t fixed(double position) {
    return std::llround(std::clamp(position, -1e6, 1e6) * double(std::int64_t(1) << FRACTION_BITS));
}

INLINE int step_of(std::int64_t position) {
    return static_cast<int>(position >> (FRACTION_BITS - STEP_BITS)) & (STEPS - 1);
}

} // namespace

// Write the crop (side, side, 3) of a picture. MATRIX (2, 3) leads from pixels of the crop to pixels of the picture.
extern "C" void fertools_warp(const std::uint8_t *pixels_of_it, std::int64_t height, std::int64_t width,
                              std::int64_t row_bytes, const double *matrix, std::int64_t side, std::uint8_t *out) {
    static const Weights weights;
    const Picture picture = {pixels_of_it, height, width, row_bytes};
    const std::int64_t half_a_step = std::int64_t(1) << (FRACTION_BITS - STEP_BITS - 1);
    const std::int64_t right_x = fixed(matrix[0]), right_y = fixed(matrix[3]);
    std::uint8_t copies[TAPS][BYTES + 2] = {};
    for (std::int64_t row = 0; row < side; row++) {
        std::int64_t x = fixed(matrix[2] + matrix[1] * static_cast<double>(row)) + half_a_step;
        std::int64_t y = fixed(matrix[5] + matrix[4] * static_cast<double>(row)) + half_a_step;
        for (std::int64_t column = 0; column < side; column++, x += right_x, y += right_y, out += 3) {
            const std::int64_t left = (x >> FRACTION_BITS) - 1, top = (y >> FRACTION_BITS) - 1;
            const std::uint8_t *from = pixels_of_it + top * row_bytes + left * 3;
            std::int64_t next = row_bytes;
            if (left < 0 || left * 3 + BYTES > width * 3 || top < 0 || top + TAPS > height) {
                copy(picture, left, top, copies);
                from = copies[0], next = sizeof copies[0];
            }
            const float *down = weights.down[step_of(y)];
            const Two *across = weights.across[step_of(x)];
            Two first = pixels(from) * down[0], second = pixels(from + PAIR_BYTES) * down[0];
            for (int tap = 1; tap < TAPS; tap++) {
                first += pixels(from + tap * next) * down[tap];
                second += pixels(from + tap * next + PAIR_BYTES) * down[tap];
            }
            const Two sums = first * across[0] + second * across[1];
            One colours = __builtin_shufflevector(sums, sums, 0, 1, 2, 2) +
                          __builtin_shufflevector(sums, sums, 3, 4, 5, 5) + 0.5f;
            colours = colours < 0.0f ? One{} : colours;
            colours = colours > 255.0f ? One{} + 255.0f : colours;
            const Bytes bytes = reinterpret_cast<Bytes>(__builtin_convertvector(colours, Whole));
            out[0] = bytes[0], out[1] = bytes[4], out[2] = bytes[8];
        }
    }
}
