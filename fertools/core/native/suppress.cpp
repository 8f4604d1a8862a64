// Non-maximum suppression with the same arithmetic as boxes.py, to the bit.

#include <algorithm>
#include <cstdint>
#include <vector>

// A product that is not rounded before the subtraction would decide ties differently from NumPy.
#if defined(__clang__)
#pragma clang fp contract(off)
#else
#pragma GCC optimize("fp-contract=off")
#endif

namespace {

constexpr std::size_t AT_ONCE = 16;

// The boxes kept so far, as one array per coordinate.
struct Kept {
    std::vector<float> x1, y1, x2, y2, area;

    void add(const float *box, float own) {
        x1.push_back(box[0]), y1.push_back(box[1]), x2.push_back(box[2]), y2.push_back(box[3]), area.push_back(own);
    }

    void clear() { x1.clear(), y1.clear(), x2.clear(), y2.clear(), area.clear(); }

    bool cover(std::size_t one, const float *box, float own, float threshold, bool smaller, float extra) const {
        const float height = std::min(box[3], y2[one]) - std::max(box[1], y1[one]) + extra;
        const float width = std::min(box[2], x2[one]) - std::max(box[0], x1[one]) + extra;
        const float shared = std::max(width, 0.0f) * height;
        const float sum = own + area[one], other = smaller ? std::min(own, area[one]) : sum - shared;
        return (height > 0.0f) & (shared > threshold * other);
    }

    bool covers(const float *box, float own, float threshold, bool smaller, float extra) const {
        std::size_t one = 0;
        // Several boxes are compared at once, without a branch.
        for (; one + AT_ONCE <= area.size(); one += AT_ONCE) {
            int any = 0;
            for (std::size_t more = 0; more < AT_ONCE; more++)
                any |= cover(one + more, box, own, threshold, smaller, extra);
            if (any) return true;
        }
        for (; one < area.size(); one++)
            if (cover(one, box, own, threshold, smaller, extra)) return true;
        return false;
    }
};

} // namespace

// Write to `kept` whether each box (x1, y1, x2, y2) is kept. Boxes are sorted by group, best first. With `smaller`,
// overlap is relative to the smaller box, else to the union.
extern "C" void fertools_suppress(const float *boxes, const std::int64_t *groups, std::int64_t count, float threshold,
                                  std::int32_t smaller, float extra, std::uint8_t *kept) {
    Kept held;
    for (std::int64_t number = 0; number < count; number++) {
        if (number && groups[number] != groups[number - 1]) held.clear();
        const float *box = boxes + 4 * number;
        const float area = (box[2] - box[0] + extra) * (box[3] - box[1] + extra);
        kept[number] = !held.covers(box, area, threshold, smaller, extra);
        if (kept[number]) held.add(box, area);
    }
}
