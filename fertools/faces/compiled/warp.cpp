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

#include "lanes.hpp"

namespace {

// Two pixels of three colours side by side, and two numbers that count nothing.
typedef float Two __attribute__((vector_size(32)));
typedef float One __attribute__((vector_size(16)));
typedef std::int32_t Whole __attribute__((vector_size(16)));
typedef std::uint8_t Bytes __attribute__((vector_size(16)));

// Positions are counted in 2^-32 of a pixel, and read to the nearest 128th.
constexpr int FRACTION_BITS = 32, STEP_BITS = 7, STEPS = 1 << STEP_BITS;

constexpr int PAIR_BYTES = 6, CUBIC = 4;

struct Picture {
    const std::uint8_t *pixels;
    std::int64_t height, width, row_bytes;
};

// The weights of the pixels around a position, by where it is within a pixel.
struct Kernel {
    int taps, pairs;
    // From a position to where the first pixel's is counted from.
    double offset;
    std::vector<float> down;
    std::vector<Two> across;

    Kernel(int count, double from) : taps(count), pairs((count + 1) / 2), offset(from), down(STEPS * count),
                                     across(STEPS * pairs) {}

    void set(int step, int tap, double weight) {
        down[step * taps + tap] = static_cast<float>(weight);
        for (int colour = 0; colour < 3; colour++)
            across[step * pairs + tap / 2][tap % 2 * 3 + colour] = static_cast<float>(weight);
    }
};

double convolved(double x) {
    constexpr double slope = -0.75;
    if (x <= 1) return ((slope + 2) * x - (slope + 3)) * x * x + 1;
    return ((slope * x - 5 * slope) * x + 8 * slope) * x - 4 * slope;
}

Kernel enlarging() {
    Kernel kernel(CUBIC, -1);
    for (int step = 0; step < STEPS; step++)
        for (int tap = 0; tap < CUBIC; tap++) kernel.set(step, tap, convolved(std::abs(tap - 1 - step / double(STEPS))));
    return kernel;
}

// SPAN is the side of a crop's pixel in those of the picture.
Kernel shrinking(double span) {
    Kernel kernel(static_cast<int>(std::ceil(span)) + 1, 0.5 - span / 2);
    for (int step = 0; step < STEPS; step++) {
        const double begin = step / double(STEPS), end = begin + span;
        for (int tap = 0; tap < kernel.taps; tap++)
            kernel.set(step, tap, std::max(0.0, std::min(tap + 1.0, end) - std::max(double(tap), begin)) / span);
    }
    return kernel;
}

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
__attribute__((noinline)) void copy(const Picture &picture, std::int64_t left, std::int64_t top, int taps,
                                    std::int64_t row_bytes, std::uint8_t *copies) {
    const bool above_or_below = left >= 0 && left * 3 + row_bytes <= picture.width * 3;
    for (int down = 0; down < taps; down++, copies += row_bytes) {
        const std::uint8_t *row =
            picture.pixels + std::clamp<std::int64_t>(top + down, 0, picture.height - 1) * picture.row_bytes;
        if (above_or_below) {
            std::memcpy(copies, row + left * 3, row_bytes);
            continue;
        }
        for (int right = 0; right < taps; right++)
            std::memcpy(copies + right * 3, row + std::clamp<std::int64_t>(left + right, 0, picture.width - 1) * 3, 3);
    }
}

// Return a position as a whole number; a million pixels outside is as far as any further.
INLINE std::int64_t fixed(double position) {
    return std::llround(std::clamp(position, -1e6, 1e6) * double(std::int64_t(1) << FRACTION_BITS));
}

INLINE int step_of(std::int64_t position) {
    return static_cast<int>(position >> (FRACTION_BITS - STEP_BITS)) & (STEPS - 1);
}

// TAPS is how many the kernel has, or 0 if that is known to it alone.
template <int TAPS>
void warp(const Picture picture, const Kernel &kernel, const double *matrix, std::int64_t side, std::uint8_t *out) {
    const float *all_down = kernel.down.data();
    const Two *all_across = kernel.across.data();
    const int taps = TAPS ? TAPS : kernel.taps, pairs = TAPS ? (TAPS + 1) / 2 : kernel.pairs;
    const std::int64_t bytes = pairs * PAIR_BYTES + 2, within = picture.width * 3 - bytes;
    const std::int64_t right_x = fixed(matrix[0]), right_y = fixed(matrix[3]);
    const std::int64_t half_a_step = std::int64_t(1) << (FRACTION_BITS - STEP_BITS - 1);
    std::vector<std::uint8_t> copies(taps * bytes);
    for (std::int64_t row = 0; row < side; row++) {
        std::int64_t x = fixed(matrix[2] + matrix[1] * static_cast<double>(row) + kernel.offset) + half_a_step;
        std::int64_t y = fixed(matrix[5] + matrix[4] * static_cast<double>(row) + kernel.offset) + half_a_step;
        for (std::int64_t column = 0; column < side; column++, x += right_x, y += right_y, out += 3) {
            const std::int64_t left = x >> FRACTION_BITS, top = y >> FRACTION_BITS;
            const std::uint8_t *from = picture.pixels + top * picture.row_bytes + left * 3;
            std::int64_t next = picture.row_bytes;
            if (left < 0 || left * 3 > within || top < 0 || top + taps > picture.height) {
                copy(picture, left, top, taps, bytes, copies.data());
                from = copies.data(), next = bytes;
            }
            const float *down = all_down + step_of(y) * taps;
            const Two *across = all_across + step_of(x) * pairs;
            Two sums = {};
            for (int pair = 0; pair < pairs; pair++, from += PAIR_BYTES) {
                Two column_sums = pixels(from) * down[0];
                for (int tap = 1; tap < taps; tap++) column_sums += pixels(from + tap * next) * down[tap];
                sums += column_sums * across[pair];
            }
            One colours = __builtin_shufflevector(sums, sums, 0, 1, 2, 2) +
                          __builtin_shufflevector(sums, sums, 3, 4, 5, 5) + 0.5f;
            colours = colours < 0.0f ? One{} : colours;
            colours = colours > 255.0f ? One{} + 255.0f : colours;
            const Bytes numbers = reinterpret_cast<Bytes>(__builtin_convertvector(colours, Whole));
            out[0] = numbers[0], out[1] = numbers[4], out[2] = numbers[8];
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
    if (span <= 1 + 1e-6) return warp<CUBIC>(picture, cubic, matrix, side, out);
    const Kernel kernel = shrinking(span);
    // Those of crops that are not much smaller than the face.
    if (kernel.taps == 3) return warp<3>(picture, kernel, matrix, side, out);
    if (kernel.taps == 4) return warp<4>(picture, kernel, matrix, side, out);
    warp<0>(picture, kernel, matrix, side, out);
}
