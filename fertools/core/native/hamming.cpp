// Search for pairs of perceptual hashes that differ in few bits, plain or mirrored, among all pairs.
//
// A hash has four words. Its bits are sorted: first those that the mirrored picture has too (even), then those that
// mirroring inverts (odd). With e different even bits and o different ones among ODD odd bits, the distance is
// e + min(o, ODD - o). Nearly all pairs are rejected by three of the four words.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "simd.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

constexpr std::int64_t WORDS = 4, LOOKED_AT = 3, TILE = 1024;

struct Match {
    std::int32_t distance, other, mirrored;

    bool operator<(const Match &that) const {
        return distance != that.distance ? distance < that.distance : other < that.other;
    }
};

// The nearest matches of a row. Matches come in the order of `other`, so among equal distances the first ones stay.
struct Nearest {
    std::vector<Match> held;
    std::int32_t limit;

    void add(const Match &match, std::size_t most) {
        held.push_back(match);
        if (held.size() < 4 * most) return;
        reduce(most);
        limit = held.back().distance - 1;
    }

    void reduce(std::size_t most) {
        std::sort(held.begin(), held.end());
        held.resize(std::min(held.size(), most));
    }
};

// The hashes of a tile: word by word for each few of them, which are compared with another hash at once.
struct Tile {
#if defined(__AVX2__)
    static constexpr std::int64_t AT_ONCE = 4;
#else
    static constexpr std::int64_t AT_ONCE = 1;
#endif
    alignas(32) std::uint64_t words[TILE * LOOKED_AT];

    void fill(const std::uint64_t *hashes, std::int64_t count) {
        for (std::int64_t one = 0; one < count; one++)
            for (std::int64_t word = 0; word < LOOKED_AT; word++)
                words[(one / AT_ONCE * LOOKED_AT + word) * AT_ONCE + one % AT_ONCE] = hashes[one * WORDS + word];
    }
};

// A lower bound of the distance: different bits of the two words of even bits, and of the third word, where the mirrored
// picture differs in at least `odd` bits less those.
#if defined(__AVX2__)
struct Bound {
    __m256i words[LOOKED_AT], odd;

    Bound(const std::uint64_t *hash, std::int32_t odd_count) : odd(_mm256_set1_epi64x(odd_count)) {
        for (std::int64_t word = 0; word < LOOKED_AT; word++) words[word] = _mm256_set1_epi64x(hash[word]);
    }

    static INLINE __m256i count(__m256i bits) {
        const __m256i table = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
        const __m256i low = _mm256_set1_epi8(15);
        return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(bits, low)),
                               _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(bits, 4), low)));
    }

    // Return a bit for each of the hashes at `place` that is near enough.
    INLINE unsigned near(const Tile &tile, std::int64_t place, std::int32_t limit) const {
        const auto *other = reinterpret_cast<const __m256i *>(tile.words + place * LOOKED_AT);
        const __m256i none = _mm256_setzero_si256();
        const __m256i first = count(_mm256_xor_si256(words[0], other[0]));
        const __m256i second = count(_mm256_xor_si256(words[1], other[1]));
        const __m256i even = _mm256_sad_epu8(_mm256_add_epi8(first, second), none);
        const __m256i third = _mm256_sad_epu8(count(_mm256_xor_si256(words[2], other[2])), none);
        const __m256i rest = _mm256_min_epi32(third, _mm256_sub_epi32(odd, third));
        const __m256i far = _mm256_cmpgt_epi32(_mm256_add_epi32(even, rest), _mm256_set1_epi64x(limit));
        // The upper half of each 64 bits is no number.
        return ~_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_slli_epi64(far, 32))) & 15;
    }
};
#else
struct Bound {
    const std::uint64_t *words;
    std::int32_t odd;

    Bound(const std::uint64_t *hash, std::int32_t odd_count) : words(hash), odd(odd_count) {}

    INLINE unsigned near(const Tile &tile, std::int64_t place, std::int32_t limit) const {
        const std::uint64_t *other = tile.words + place * LOOKED_AT;
        const std::int32_t third = __builtin_popcountll(words[2] ^ other[2]);
        const std::int32_t even = __builtin_popcountll(words[0] ^ other[0]) + __builtin_popcountll(words[1] ^ other[1]);
        return even + std::min(third, odd - third) <= limit;
    }
};
#endif

} // namespace

// Find the later hashes that differ from each of the hashes [first, last) in at most `limit` bits and have another
// group. Write the `most` nearest of each to `found`, as (distance, other, mirrored), and their number to `counts`.
extern "C" void fertools_near(const std::uint64_t *hashes, const std::int64_t *groups, std::int64_t count,
                              const std::uint64_t *mirror, std::int64_t first, std::int64_t last, std::int32_t limit,
                              std::int64_t most, std::int32_t *found, std::int64_t *counts) {
    std::int32_t odd = 0;
    for (std::int64_t word = 0; word < WORDS; word++) odd += __builtin_popcountll(mirror[word]);
    const std::int32_t odd_third = __builtin_popcountll(mirror[2]);
    std::vector<Nearest> rows(last - first, Nearest{{}, limit});
    const auto tile = std::make_unique<Tile>();
    for (std::int64_t start = first; start < count; start += TILE) {
        const std::int64_t size = std::min(TILE, count - start);
        tile->fill(hashes + start * WORDS, size);
        for (std::int64_t row = first; row < std::min(last, start + size); row++) {
            const std::uint64_t *own = hashes + row * WORDS;
            const Bound bound(own, odd_third);
            Nearest &nearest = rows[row - first];
            for (std::int64_t place = 0; place < size; place += Tile::AT_ONCE) {
                for (unsigned near = bound.near(*tile, place, nearest.limit); near; near &= near - 1) {
                    const std::int64_t other = start + place + __builtin_ctz(near);
                    if (other <= row || other >= count || groups[other] == groups[row]) continue;
                    std::int32_t plain = 0, turned = 0;
                    for (std::int64_t word = 0; word < WORDS; word++) {
                        const std::uint64_t differ = own[word] ^ hashes[other * WORDS + word];
                        plain += __builtin_popcountll(differ);
                        turned += __builtin_popcountll(differ ^ mirror[word]);
                    }
                    const std::int32_t distance = std::min(plain, turned);
                    if (distance <= nearest.limit)
                        nearest.add({distance, static_cast<std::int32_t>(other), turned < plain}, most);
                }
            }
        }
    }
    for (std::int64_t row = first; row < last; row++) {
        Nearest &nearest = rows[row - first];
        nearest.reduce(most);
        counts[row - first] = static_cast<std::int64_t>(nearest.held.size());
        std::int32_t *to = found + (row - first) * most * 3;
        for (const Match &match : nearest.held) *to++ = match.distance, *to++ = match.other, *to++ = match.mirrored;
    }
}
