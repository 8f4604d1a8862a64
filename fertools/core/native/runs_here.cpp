// Whether this processor has the instructions that the rest of this library was compiled for.

#include <cstdint>

// This function itself must need none of them.
#if defined(__x86_64__)
#define ANYWHERE __attribute__((target("arch=x86-64")))
#else
#define ANYWHERE
#endif

extern "C" ANYWHERE int32_t fertools_runs_here() {
#if defined(__AVX512F__)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2") &&
           __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#elif defined(__AVX2__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2");
#else
    return 1;
#endif
}
