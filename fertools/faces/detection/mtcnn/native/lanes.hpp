// As many float32 as one instruction of the processor holds, and what the networks do with them.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#if defined(__AVX512F__)
constexpr int LANES = 16;
constexpr int REGISTERS = 32;
#elif defined(__AVX2__)
constexpr int LANES = 8;
constexpr int REGISTERS = 16;
#else
constexpr int LANES = 4;
constexpr int REGISTERS = 32;
#endif

typedef float Lanes __attribute__((vector_size(LANES * 4)));
typedef std::int32_t Flags __attribute__((vector_size(LANES * 4)));

#define INLINE inline __attribute__((always_inline))

static INLINE Lanes all(float value) { return value - Lanes{}; }

static INLINE Lanes load(const float *from) {
    Lanes lanes;
    std::memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

static INLINE void store(float *to, Lanes lanes) { std::memcpy(to, &lanes, sizeof lanes); }

static INLINE Lanes larger(Lanes one, Lanes other) { return one > other ? one : other; }

// PReLU: below zero a line of a slope of its own.
static INLINE Lanes bend(Lanes x, Lanes slope) { return x > 0.0f ? x : x * slope; }

// Memory that a thread keeps from call to call: to get it anew takes longer than some of what is done in it.
template <int NUMBER> static float *scratch(std::size_t floats) {
    struct Free {
        void operator()(float *memory) const { ::operator delete[](memory, std::align_val_t(64)); }
    };
    thread_local std::unique_ptr<float[], Free> memory;
    thread_local std::size_t held = 0;
    if (held < floats) {
        memory.reset(static_cast<float *>(::operator new[](floats * sizeof(float), std::align_val_t(64))));
        held = floats;
    }
    return memory.get();
}
