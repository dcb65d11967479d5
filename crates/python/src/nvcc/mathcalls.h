/* glibc declares rsqrt as noexcept from 2.42 on, the header of CUDA 13.0's nvcc without it: the two clash, and nothing
   compiles. This hides glibc's from who has this folder among its -I, as nvcc has. */
#define __DECL_SIMD_strata_rsqrt
#define __DECL_SIMD_strata_rsqrtf
#define __DECL_SIMD_strata_rsqrtl
#define __DECL_SIMD_strata_rsqrtf16
#define __DECL_SIMD_strata_rsqrtf32
#define __DECL_SIMD_strata_rsqrtf64
#define __DECL_SIMD_strata_rsqrtf128
#define __DECL_SIMD_strata_rsqrtf32x
#define __DECL_SIMD_strata_rsqrtf64x
#define rsqrt strata_rsqrt
#include_next <bits/mathcalls.h>
#undef rsqrt
