// Area averages of pictures; summed_area.py defines which pixels belong to an average.
//
// Here each average is computed from the pixels. A byte is a quarter of a float, and sixteen are added at once. While
// each pixel is read a few dozen times at most, that is faster than building a summed-area table.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "simd.hpp"

// Pixels enter the networks as (value - CENTRE) / SPAN; see proposals.py.
constexpr float CENTRE = 127.5f, SPAN = 128.0f;

// An RGB picture, one byte per channel, row by row.
struct Picture {
    const std::uint8_t *pixels;
    std::int64_t row_bytes, width, height;
};

// The pictures of a call. Every window is checked against its picture before anything is read.
struct Pictures {
    const Picture *first;
    std::int64_t count;

    const Picture &operator[](std::int64_t number) const { return first[number]; }
    bool has(std::int64_t number) const { return number >= 0 && number < count; }
};

// A window of a picture, in pixels.
struct Window {
    std::int64_t picture, left, top, width, height;

    bool is_inside(const Pictures &pictures) const {
        return pictures.has(picture) && is_part(left, width, pictures[picture].width) &&
               is_part(top, height, pictures[picture].height);
    }

private:
    static bool is_part(std::int64_t first, std::int64_t length, std::int64_t whole) {
        return first >= 0 && length > 0 && length <= whole && first <= whole - length;
    }
};

// Sums of three channels and one unused value.
typedef std::int32_t Colours __attribute__((vector_size(16)));
typedef float Mean __attribute__((vector_size(16)));

// Memory for the sums of a row with a number of pixels.
static inline std::int32_t *sums_of(std::int64_t pixels) {
    return reinterpret_cast<std::int32_t *>(scratch<5>(3 * pixels + 1));
}

constexpr int AT_ONCE = 16;
typedef std::uint16_t Shorts __attribute__((vector_size(AT_ONCE * 2)));
typedef std::int32_t Half __attribute__((vector_size(AT_ONCE * 2)));

static INLINE Shorts bytes_at(const std::uint8_t *from) {
#if defined(__AVX2__)
    // GCC 12 compiles the lines below to several instructions.
    return reinterpret_cast<Shorts>(_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(from))));
#else
    typedef std::uint8_t Bytes __attribute__((vector_size(AT_ONCE)));
    Bytes bytes;
    std::memcpy(&bytes, from, sizeof bytes);
    return __builtin_convertvector(bytes, Shorts);
#endif
}

static INLINE void widen(Shorts numbers, Half (&halves)[2]) {
#if defined(__AVX2__)
    const __m256i all = reinterpret_cast<__m256i>(numbers);
    halves[0] = reinterpret_cast<Half>(_mm256_cvtepu16_epi32(_mm256_castsi256_si128(all)));
    halves[1] = reinterpret_cast<Half>(_mm256_cvtepu16_epi32(_mm256_extracti128_si256(all, 1)));
#else
    for (int at = 0; at < AT_ONCE; at++) halves[at / (AT_ONCE / 2)][at % (AT_ONCE / 2)] = numbers[at];
#endif
}

// Write the column sums of COUNT times AT_ONCE bytes over several rows.
template <int COUNT>
static INLINE void add(const std::uint8_t *from, std::int64_t row_bytes, std::int64_t rows, std::int32_t *to) {
    // The maximum number of bytes whose sum fits in 16 bits.
    constexpr std::int64_t MOST = 257;
    Half sums[COUNT][2], some[2];
    for (auto &both : sums) both[0] = both[1] = Half{};
    for (; rows > 0; rows -= MOST) {
        Shorts added[COUNT];
        for (auto &one : added) one = Shorts{};
        for (std::int64_t row = std::min(rows, MOST); row > 0; row--, from += row_bytes)
            for (int number = 0; number < COUNT; number++) added[number] += bytes_at(from + number * AT_ONCE);
        for (int number = 0; number < COUNT; number++) {
            widen(added[number], some);
            sums[number][0] += some[0], sums[number][1] += some[1];
        }
    }
    for (auto &both : sums)
        for (Half &half : both) {
            std::memcpy(to, &half, sizeof half);
            to += AT_ONCE / 2;
        }
}

// Write the column sums of a number of bytes over several rows.
static inline void add_rows(const std::uint8_t *from, std::int64_t row_bytes, std::int64_t rows, std::int64_t bytes,
                            std::int32_t *to) {
    constexpr int MANY = 4;
    std::int64_t x = 0;
    for (; bytes - x >= MANY * AT_ONCE; x += MANY * AT_ONCE) add<MANY>(from + x, row_bytes, rows, to + x);
    for (; bytes - x >= AT_ONCE; x += AT_ONCE) add<1>(from + x, row_bytes, rows, to + x);
    if (x == bytes) return;
    if (bytes >= AT_ONCE) return add<1>(from + bytes - AT_ONCE, row_bytes, rows, to + bytes - AT_ONCE);
    for (; x < bytes; x++) {
        to[x] = 0;
        for (std::int64_t row = 0; row < rows; row++) to[x] += from[row * row_bytes + x];
    }
}

// The input of a network for the columns from FIRST until LAST of row sums. WIDE and TALL are the weights of one
// column, divided by SPAN, and of one row.
static INLINE Mean mean(const std::int32_t *sums, std::int64_t first, std::int64_t last, float wide, float tall) {
    Colours added = {};
    for (const std::int32_t *at = sums + 3 * first; at < sums + 3 * last; at += 3) {
        Colours pixel;
        std::memcpy(&pixel, at, sizeof pixel);
        added += pixel;
    }
    return __builtin_convertvector(added, Mean) * wide * tall - CENTRE / SPAN;
}

// Write a window resized to SIDE x SIDE, in the order column, row, channel, with STEP floats between two values.
template <int SIDE, int STEP> static void crop(const Pictures &pictures, const Window &window, float *out) {
    const Picture &picture = pictures[window.picture];
    const std::uint8_t *corner = picture.pixels + window.top * picture.row_bytes + window.left * 3;
    std::int32_t *sums = sums_of(window.width);
    std::int64_t left[SIDE], right[SIDE];
    float wide[SIDE];
    for (int x = 0; x < SIDE; x++) {
        left[x] = x * window.width / SIDE, right[x] = ((x + 1) * window.width + SIDE - 1) / SIDE;
        wide[x] = 1.0f / static_cast<float>(right[x] - left[x]) / SPAN;
    }
    for (int y = 0; y < SIDE; y++) {
        const std::int64_t first = y * window.height / SIDE, last = ((y + 1) * window.height + SIDE - 1) / SIDE;
        add_rows(corner + first * picture.row_bytes, picture.row_bytes, last - first, window.width * 3, sums);
        const float tall = 1.0f / static_cast<float>(last - first);
        for (int x = 0; x < SIDE; x++) {
            const Mean means = mean(sums, left[x], right[x], wide[x], tall);
            for (int colour = 0; colour < 3; colour++) out[((x * SIDE + y) * 3 + colour) * STEP] = means[colour];
        }
    }
}
