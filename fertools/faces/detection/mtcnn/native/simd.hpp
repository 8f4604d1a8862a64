// As many float32 as one instruction of the processor holds, and what the networks do with them.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#if defined(__AVX512F__)
constexpr int VECTOR_SIZE = 16;
constexpr int REGISTERS = 32;
#elif defined(__AVX2__)
constexpr int VECTOR_SIZE = 8;
constexpr int REGISTERS = 16;
#else
constexpr int VECTOR_SIZE = 4;
constexpr int REGISTERS = 32;
#endif

typedef float Vector __attribute__((vector_size(VECTOR_SIZE * 4)));
typedef std::int32_t Flags __attribute__((vector_size(VECTOR_SIZE * 4)));

#define INLINE inline __attribute__((always_inline))

static INLINE Vector all(float value) { return value - Vector{}; }

static INLINE Vector load(const float *from) {
    Vector lanes;
    std::memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

static INLINE void store(float *to, Vector lanes) { std::memcpy(to, &lanes, sizeof lanes); }

static INLINE Vector maximum(Vector one, Vector other) { return one > other ? one : other; }

// PReLU: below zero a line of a slope of its own.
static INLINE Vector prelu(Vector x, Vector slope) { return x > 0.0f ? x : x * slope; }

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
