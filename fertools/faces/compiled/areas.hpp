// Averages of areas of pictures, read from tables of sums: see area.py.
#pragma once

#include <cstdint>

// Pixels go into the networks as (value - CENTRE) / SPAN: see proposals.py.
constexpr float CENTRE = 127.5f, SPAN = 128.0f;

// A window of a picture: where in the tables its first pixel is, entries to a row there, and its size in pixels.
struct Window {
    std::int64_t start, across, width, height;
};

// The sum over a bin wraps around with the table's: as an unsigned difference it is right.
static inline float sum(std::int32_t a, std::int32_t b, std::int32_t c, std::int32_t d) {
    return static_cast<float>(static_cast<std::int32_t>(
        (static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b)) -
        (static_cast<std::uint32_t>(c) - static_cast<std::uint32_t>(d))));
}

// Write a window resized to SIDE x SIDE, in the order column, row, colour, with STEP numbers from one to the next.
template <int SIDE, int STEP> static void crop(const std::int32_t *sums, const Window &window, float *out) {
    std::int64_t left[SIDE], right[SIDE];
    float wide[SIDE];
    for (int x = 0; x < SIDE; x++) {
        const std::int64_t first = x * window.width / SIDE, last = ((x + 1) * window.width + SIDE - 1) / SIDE;
        left[x] = first * 3, right[x] = last * 3;
        wide[x] = 1.0f / static_cast<float>(last - first) / SPAN;
    }
    for (int y = 0; y < SIDE; y++) {
        const std::int64_t first = y * window.height / SIDE, last = ((y + 1) * window.height + SIDE - 1) / SIDE;
        const std::int32_t *top = sums + (window.start + first * window.across) * 3;
        const std::int32_t *bottom = sums + (window.start + last * window.across) * 3;
        const float tall = 1.0f / static_cast<float>(last - first);
        for (int x = 0; x < SIDE; x++)
            for (int colour = 0; colour < 3; colour++)
                out[((x * SIDE + y) * 3 + colour) * STEP] =
                    sum(bottom[right[x] + colour], top[right[x] + colour], bottom[left[x] + colour],
                        top[left[x] + colour]) * wide[x] * tall - CENTRE / SPAN;
    }
}
