// Averages of areas of pictures: which pixels an average is of is told in area.py.
//
// Here they are added up anew for each average. A byte is a quarter of a number, and sixteen are added at once; so as
// long as a pixel is looked at a few dozen times, that takes less than a table of sums takes to be made.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "simd.hpp"

// Pixels go into the networks as (value - CENTRE) / SPAN: see proposals.py.
constexpr float CENTRE = 127.5f, SPAN = 128.0f;

// A picture of three colours, a byte each, row by row.
struct Picture {
    const std::uint8_t *pixels;
    std::int64_t row_bytes, width, height;
};

// The pictures of a call: nothing is read before it is known to be inside one of them.
struct Pictures {
    const Picture *first;
    std::int64_t count;

    const Picture &operator[](std::int64_t number) const { return first[number]; }
    bool has(std::int64_t number) const { return number >= 0 && number < count; }
};

// A window of a picture, in its pixels.
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

// Sums of three colours, and one that counts nothing.
typedef std::int32_t Colours __attribute__((vector_size(16)));
typedef float Mean __attribute__((vector_size(16)));

// Memory for the sums of a row of a picture, of so many pixels.
static inline std::int32_t *sums_of(std::int64_t pixels) {
    return reinterpret_cast<std::int32_t *>(scratch<5>(3 * pixels + 1));
}

constexpr int AT_ONCE = 16;
typedef std::uint16_t Shorts __attribute__((vector_size(AT_ONCE * 2)));
typedef std::int32_t Half __attribute__((vector_size(AT_ONCE * 2)));

static INLINE Shorts bytes_at(const std::uint8_t *from) {
#if defined(__AVX2__)
    // GCC 12 makes of the lines below several instructions.
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

// Write the sums of rows of COUNT times AT_ONCE bytes that lie one below the other.
template <int COUNT>
static INLINE void add(const std::uint8_t *from, std::int64_t row_bytes, std::int64_t rows, std::int32_t *to) {
    // As many as add up to no more than sixteen bits hold.
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

// Write the sums of rows of so many bytes that lie one below the other.
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

// What goes into a network for the columns from FIRST until LAST of added rows. WIDE and TALL are the shares of one
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

// Write a window resized to SIDE x SIDE, in the order column, row, colour, with STEP numbers from one to the next.
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
