// Crops of pictures in integer arithmetic; the NumPy code in faces/resampling.py gives the same result to the bit.

#include <algorithm>
#include <cstdlib>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "simd.hpp"

namespace {

// Positions have units of 2^-32 of a pixel and are rounded to the nearest 128th.
constexpr int FRACTION_BITS = 32, STEP_BITS = 7, STEPS = 1 << STEP_BITS;
constexpr int TAPS = 4, WEIGHT_BITS = 14, SUM_BITS = 6;
constexpr int PIXEL_BYTES = 3;

struct Picture {
    const std::uint8_t *pixels;
    std::int64_t height, width, row_bytes;
};

#if defined(__AVX2__)
// Four pixels of a row per register; column sums are in 64ths of a grey level, in 16 bits.
class Sampler {
    static constexpr int PAIR = 2, HALF = 8;

    alignas(32) std::int16_t across[STEPS][2 * HALF];
    // For each step and tap, the weight twice, for two 16-bit numbers.
    std::int32_t down[STEPS][TAPS];

public:
    explicit Sampler(const std::int16_t *weights) : across{} {
        for (int step = 0; step < STEPS; step++)
            for (int tap = 0; tap < TAPS; tap++) {
                const std::uint32_t weight = static_cast<std::uint16_t>(weights[step * TAPS + tap]);
                down[step][tap] = static_cast<std::int32_t>(weight << 16 | weight);
                for (int colour = 0; colour < PIXEL_BYTES; colour++)
                    across[step][tap / PAIR * HALF + colour * PAIR + tap % PAIR] = weights[step * TAPS + tap];
            }
    }

    static constexpr int bytes() { return sizeof(__m128i); }

    INLINE std::uint32_t at(const std::uint8_t *from, std::int64_t next, int step_x, int step_y) const {
        // Each channel of the first two pixels side by side, then of the other two, in the upper half of 16 bits.
        const __m256i order = _mm256_setr_epi8(-1, 0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1,
                                               -1, 6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1);
        __m256i sums = _mm256_setzero_si256();
        for (int tap = 0; tap < TAPS; tap++, from += next) {
            const __m128i pixels = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from));
            const __m256i spread = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(pixels), order);
            // A brightness times 2^7 and a weight times 2^14, shifted right by 15 bits.
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
#else
class Sampler {
    const std::int16_t *weights;

public:
    explicit Sampler(const std::int16_t *given) : weights(given) {}

    static constexpr int bytes() { return TAPS * PIXEL_BYTES; }

    INLINE std::uint32_t at(const std::uint8_t *from, std::int64_t next, int step_x, int step_y) const {
        const std::int16_t *across = weights + step_x * TAPS, *down = weights + step_y * TAPS;
        std::int32_t sums[TAPS * PIXEL_BYTES] = {};
        for (int tap = 0; tap < TAPS; tap++, from += next)
            for (int byte = 0; byte < TAPS * PIXEL_BYTES; byte++)
                sums[byte] += (from[byte] * 128 * down[tap] + (1 << 14)) >> 15;
        std::uint32_t colours = 0;
        for (int colour = 0; colour < PIXEL_BYTES; colour++) {
            std::int32_t total = 1 << (SUM_BITS + WEIGHT_BITS - 1);
            for (int tap = 0; tap < TAPS; tap++) total += sums[tap * PIXEL_BYTES + colour] * across[tap];
            const int level = std::clamp(total >> (SUM_BITS + WEIGHT_BITS), 0, 255);
            colours |= static_cast<std::uint32_t>(level) << 8 * colour;
        }
        return colours;
    }
};
#endif

// Copy the pixels around a position near or beyond the edge of a picture, where the outermost pixels are repeated.
__attribute__((noinline)) void copy(const Picture &picture, std::int64_t left, std::int64_t top, int bytes,
                                    std::uint8_t *copies) {
    for (int down = 0; down < TAPS; down++, copies += bytes) {
        const std::uint8_t *row =
            picture.pixels + std::clamp<std::int64_t>(top + down, 0, picture.height - 1) * picture.row_bytes;
        for (int right = 0; right * PIXEL_BYTES + PIXEL_BYTES <= bytes; right++)
            std::memcpy(copies + right * PIXEL_BYTES,
                        row + std::clamp<std::int64_t>(left + right, 0, picture.width - 1) * PIXEL_BYTES, PIXEL_BYTES);
    }
}

INLINE int step_of(std::int64_t position) {
    return static_cast<int>(position >> (FRACTION_BITS - STEP_BITS)) & (STEPS - 1);
}

} // namespace

// Write the crop (side, side, 3) of a picture. POSITIONS are x and y of the first pixel that its first pixel reads, and
// their steps to the right and down; WEIGHTS are (STEPS, TAPS).
extern "C" void fertools_resample(const std::uint8_t *pixels_of_it, std::int64_t height, std::int64_t width,
                                  std::int64_t row_bytes, const std::int64_t *positions, const std::int16_t *weights,
                                  std::int64_t side, std::uint8_t *out) {
    const Picture picture = {pixels_of_it, height, width, row_bytes};
    const Sampler sampler(weights);
    constexpr int bytes = Sampler::bytes();
    const std::int64_t right_x = positions[2], right_y = positions[3], down_x = positions[4], down_y = positions[5];
    const auto is_inside = [&](std::int64_t x, std::int64_t y) {
        const std::int64_t left = x >> FRACTION_BITS, top = y >> FRACTION_BITS;
        return left >= 0 && left * PIXEL_BYTES + bytes <= width * PIXEL_BYTES && top >= 0 && top + TAPS <= height;
    };
    // Prefetch the rows that the next row of the crop reads, because reading them from main memory is slow.
    constexpr std::int64_t AHEAD_EVERY = 16;
    const std::int64_t rows_ahead = std::max(std::abs(right_x), std::abs(right_y)) >> FRACTION_BITS;
    const std::int64_t ahead = (TAPS + 1 + rows_ahead) * row_bytes;
    std::vector<std::uint8_t> copies(TAPS * bytes);
    for (std::int64_t row = 0; row < side; row++) {
        std::int64_t x = positions[0] + row * down_x, y = positions[1] + row * down_y;
        // Positions between two inside positions are inside.
        const bool all_inside = is_inside(x, y) && is_inside(x + (side - 1) * right_x, y + (side - 1) * right_y);
        for (std::int64_t column = 0; column < side; column++, x += right_x, y += right_y, out += PIXEL_BYTES) {
            const std::int64_t left = x >> FRACTION_BITS, top = y >> FRACTION_BITS;
            const std::uint8_t *from = picture.pixels + top * row_bytes + left * PIXEL_BYTES;
            std::int64_t next = row_bytes;
            if (!all_inside && !is_inside(x, y)) {
                copy(picture, left, top, bytes, copies.data());
                from = copies.data(), next = bytes;
            } else if (column % AHEAD_EVERY == 0) {
                __builtin_prefetch(from + ahead);
            }
            const std::uint32_t colours = sampler.at(from, next, step_of(x), step_of(y));
            // The next pixel overwrites the fourth byte, except at the end of the crop.
            if (row + 1 < side || column + 1 < side)
                std::memcpy(out, &colours, sizeof colours);
            else
                std::memcpy(out, &colours, PIXEL_BYTES);
        }
    }
}
