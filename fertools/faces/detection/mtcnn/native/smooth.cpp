// A parabola fitted to points around a moment: see smoothing.py, which says what is done and why.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int MOST_POWERS = 3;

// The bounds of smoothing.py.
struct Bounds {
    double rounds, cut_off, counted, exact;
};

struct Moments {
    std::vector<double> distances;
    // Of each moment the numbers of its points.
    std::vector<const double *> values;
    std::int64_t numbers;

    int powers() const { return static_cast<int>(std::min<std::size_t>(distances.size(), MOST_POWERS)); }
};

// The coefficients of a parabola, power by power.
using Fit = std::vector<double>;

// Told by its bits: the compiler takes it that all numbers are.
bool is_finite(double number) {
    std::uint64_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    return (bits >> 52 & 0x7ff) != 0x7ff;
}

bool are_enough(const Moments &moments, const std::vector<double> &weights, double least) {
    std::vector<double> different;
    for (std::size_t moment = 0; moment < weights.size(); moment++)
        if (weights[moment] > least) different.push_back(moments.distances[moment]);
    std::sort(different.begin(), different.end());
    const auto count = std::unique(different.begin(), different.end()) - different.begin();
    return count >= moments.powers();
}

// Solve the normal equations; false if too few different moments count for a parabola.
bool fit(const Moments &moments, const std::vector<double> &weights, double counted, Fit &fitted) {
    const int powers = moments.powers();
    if (!are_enough(moments, weights, counted * *std::max_element(weights.begin(), weights.end()))) return false;
    double sums[MOST_POWERS][MOST_POWERS] = {};
    std::fill(fitted.begin(), fitted.end(), 0.0);
    for (std::size_t moment = 0; moment < weights.size(); moment++) {
        const double distance = moments.distances[moment];
        const double power[MOST_POWERS] = {1, distance, distance * distance};
        for (int row = 0; row < powers; row++) {
            const double weighted = weights[moment] * power[row];
            for (int column = 0; column < powers; column++) sums[row][column] += weighted * power[column];
            for (std::int64_t number = 0; number < moments.numbers; number++)
                fitted[row * moments.numbers + number] += weighted * moments.values[moment][number];
        }
    }
    const auto row_of = [&](int row) { return fitted.begin() + row * moments.numbers; };
    for (int pivot = 0; pivot < powers; pivot++) {
        int best = pivot;
        for (int row = pivot + 1; row < powers; row++)
            if (std::abs(sums[row][pivot]) > std::abs(sums[best][pivot])) best = row;
        std::swap(sums[pivot], sums[best]);
        if (best != pivot) std::swap_ranges(row_of(pivot), row_of(pivot) + moments.numbers, row_of(best));
        for (int row = 0; row < powers; row++) {
            if (row == pivot) continue;
            const double times = sums[row][pivot] / sums[pivot][pivot];
            for (int column = pivot; column < powers; column++) sums[row][column] -= times * sums[pivot][column];
            for (std::int64_t number = 0; number < moments.numbers; number++)
                row_of(row)[number] -= times * row_of(pivot)[number];
        }
    }
    for (int row = 0; row < powers; row++)
        for (std::int64_t number = 0; number < moments.numbers; number++) row_of(row)[number] /= sums[row][row];
    return true;
}

// How far the points of a moment lie from a fit, all of them together.
double away_from(const Fit &fitted, const Moments &moments, std::size_t moment) {
    double squares = 0;
    for (std::int64_t number = 0; number < moments.numbers; number++) {
        double rest = moments.values[moment][number], power = 1;
        for (int row = 0; row < moments.powers(); row++, power *= moments.distances[moment])
            rest -= power * fitted[row * moments.numbers + number];
        squares += rest * rest;
    }
    return std::sqrt(squares);
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

} // namespace

// Write where points were at a moment, from so many NUMBERS at each of COUNT times. Nothing is written, and zero
// returned, if their moments do not determine a parabola; and -1, if a number is not finite and so cannot be sorted.
extern "C" std::int32_t fertools_smooth(const double *times_s, const double *points, std::int64_t count,
                                        std::int64_t numbers, double at_s, double half_width_s, const Bounds *bounds,
                                        double *out) {
    Moments moments{{}, {}, numbers};
    std::vector<double> closeness;
    double largest = 0;
    for (std::int64_t moment = 0; moment < count; moment++) {
        const double distance = (times_s[moment] - at_s) / half_width_s;
        if (!is_finite(distance)) return -1;
        if (!(std::abs(distance) < 1)) continue;
        const double *values = points + moment * numbers;
        if (!std::all_of(values, values + numbers, is_finite)) return -1;
        moments.distances.push_back(distance);
        moments.values.push_back(values);
        closeness.push_back(std::pow(1 - std::pow(std::abs(distance), 3), 3));
        for (std::int64_t number = 0; number < numbers; number++) largest = std::max(largest, std::abs(values[number]));
    }
    if (closeness.empty()) return false;
    Fit fitted(MOST_POWERS * numbers);
    if (!fit(moments, closeness, bounds->counted, fitted)) return false;
    std::vector<double> away(closeness.size()), weights(closeness.size());
    for (int round = 0; round < bounds->rounds; round++) {
        for (std::size_t moment = 0; moment < away.size(); moment++) away[moment] = away_from(fitted, moments, moment);
        const double usual = median(away);
        // A parabola through so few moments fits all of them, and so says nothing about any.
        if (usual <= bounds->exact * (1 + largest)) break;
        for (std::size_t moment = 0; moment < away.size(); moment++) {
            const double share = std::min(away[moment] / (bounds->cut_off * usual), 1.0), rest = 1 - share * share;
            weights[moment] = closeness[moment] * rest * rest;
        }
        if (!fit(moments, weights, bounds->counted, fitted)) return false;
    }
    std::copy_n(fitted.begin(), numbers, out);
    return true;
}
