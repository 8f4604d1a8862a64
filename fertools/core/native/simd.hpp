// A vector of as many float32 as one instruction of the processor processes, and its operations.
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
    Vector values;
    std::memcpy(&values, from, sizeof values);
    return values;
}

static INLINE void store(float *to, Vector values) { std::memcpy(to, &values, sizeof values); }

static INLINE Vector maximum(Vector one, Vector other) { return one > other ? one : other; }

// PReLU: negative values are multiplied by a slope.
static INLINE Vector prelu(Vector x, Vector slope) { return x > 0.0f ? x : x * slope; }

// Memory that a thread keeps between calls, because allocating it again takes longer than some of the work.
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
