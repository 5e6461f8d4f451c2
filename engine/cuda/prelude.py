"""What the text of every kernel on a GPU begins with: operations that C++ has no operator for, atomics, the tape of loops."""

from __future__ import annotations

WAIT = r"""
// A node of a graph is brought to the GPU while the one before ends, and waits here for what that has written.
__device__ __forceinline__ void wait_for_kernel_before() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
__device__ __forceinline__ void let_next_kernel_come() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}
"""

PRELUDE = (
    r"""
typedef long long i64; typedef unsigned long long u64; typedef unsigned int u32; typedef char* ptr_t;
struct half_t { unsigned short bits; };
__device__ __forceinline__ float from_half(half_t h) { float f; asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h.bits)); return f; }
__device__ __forceinline__ half_t to_half(double f) { half_t h; asm("cvt.rn.f16.f64 %0, %1;" : "=h"(h.bits) : "d"(f)); return h; }
__device__ __forceinline__ half_t to_half(float f) { half_t h; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h.bits) : "f"(f)); return h; }
template <class A> __device__ __forceinline__ A read(const char* p) { return *(const A*)p; }
template <class A> __device__ __forceinline__ void write(char* p, A v) { *(A*)p = v; }
template <class A, class B> __device__ __forceinline__ A same_bits(B b) { union { B b; A a; } u; u.b = b; return u.a; }
// division that never faults: a zero divisor gives 0, the smallest integer by -1 wraps
template <class A> __device__ __forceinline__ A divide(A a, A b) { return b == 0 ? A(0) : b == A(-1) && A(-1) < A(1) ? A(A(0) - a) : A(a / b); }
template <class A> __device__ __forceinline__ A modulo(A a, A b) { return b == 0 || (b == A(-1) && A(-1) < A(1)) ? A(0) : A(a % b); }
template <class A> __device__ __forceinline__ A shift_left(A a, A b) { return u64(b) < 8 * sizeof(A) ? A(a << b) : A(0); }
template <class A> __device__ __forceinline__ A shift_right(A a, A b) { return u64(b) < 8 * sizeof(A) ? A(a >> b) : A(A(-1) < A(1) && a < A(0) ? A(-1) : A(0)); }
template <class A> __device__ __forceinline__ A smaller(A a, A b) { return a < b ? a : b; }
template <class A> __device__ __forceinline__ A larger(A a, A b) { return a > b ? a : b; }
__device__ __forceinline__ half_t smaller(half_t a, half_t b) { return from_half(a) < from_half(b) ? a : b; }
__device__ __forceinline__ half_t larger(half_t a, half_t b) { return from_half(a) > from_half(b) ? a : b; }
// floats to integers saturate, nan gives 0
template <class A> __device__ __forceinline__ A to_integer(double f, double lo, double hi, A most) {
  return f != f ? A(0) : f <= lo ? A(lo) : f >= hi ? most : A(f); }
// any read-modify-write on a 1, 2, 4 or 8 byte element, by compare-and-swap of the word around it
// (memory private to the thread has no atomics and needs none)
template <class A, class F> __device__ __forceinline__ A plain_any(char* p, F change) { A o = read<A>(p); write<A>(p, change(o)); return o; }
template <class A, class F> __device__ A atomic_any(char* p, F change) {
  if (__isLocal(p)) return plain_any<A>(p, change);
  if (sizeof(A) == 8) {
    u64 old = *(volatile u64*)p, seen;
    do { seen = old; A v; v = same_bits<A, u64>(seen); A n = change(v); u64 w = 0; union { A a; u64 u; } c; c.u = 0; c.a = n; w = c.u;
         if (w == seen) return v;  // as most minima and maxima do
         old = atomicCAS((u64*)p, seen, w); } while (old != seen);
    return same_bits<A, u64>(old);
  } else {
    u32* word = (u32*)((u64)p & ~3ull); u32 shift = ((u64)p & 3) * 8; u32 mask = sizeof(A) == 4 ? 0xffffffffu : ((1u << (8 * sizeof(A))) - 1) << shift;
    u32 old = *(volatile u32*)word, seen;
    union { A a; u32 u; } c;
    do { seen = old; c.u = (seen & mask) >> shift; A n = change(c.a); c.u = 0; c.a = n;
         const u32 w = (seen & ~mask) | (c.u << shift); if (w == seen) { c.u = (seen & mask) >> shift; return c.a; } old = atomicCAS(word, seen, w); } while (old != seen);
    c.u = (old & mask) >> shift; return c.a;
  }
}
__device__ __forceinline__ float atomic_add(char* p, float v) { return __isLocal(p) ? plain_any<float>(p, [v](float o) { return o + v; }) : atomicAdd((float*)p, v); }
__device__ __forceinline__ double atomic_add(char* p, double v) { return __isLocal(p) ? plain_any<double>(p, [v](double o) { return o + v; }) : atomicAdd((double*)p, v); }
__device__ __forceinline__ int atomic_add(char* p, int v) { return __isLocal(p) ? plain_any<int>(p, [v](int o) { return o + v; }) : atomicAdd((int*)p, v); }
__device__ __forceinline__ u32 atomic_add(char* p, u32 v) { return __isLocal(p) ? plain_any<u32>(p, [v](u32 o) { return o + v; }) : atomicAdd((u32*)p, v); }
__device__ __forceinline__ u64 atomic_add(char* p, u64 v) { return __isLocal(p) ? plain_any<u64>(p, [v](u64 o) { return o + v; }) : atomicAdd((u64*)p, v); }
__device__ __forceinline__ i64 atomic_add(char* p, i64 v) { return (i64)atomic_add(p, (u64)v); }
template <class A> __device__ __forceinline__ A atomic_add(char* p, A v) { return atomic_any<A>(p, [v](A o) { return A(o + v); }); }
__device__ __forceinline__ half_t atomic_add(char* p, half_t v) { return atomic_any<half_t>(p, [v](half_t o) { return to_half(from_half(o) + from_half(v)); }); }
// a sum whose former value nobody reads: where all threads of a warp add to one place, one of them adds what all have
template <class A> __device__ __forceinline__ A over_warp(A v) {
  #pragma unroll
  for (int d = 16; d; d >>= 1) v = v + __shfl_down_sync(0xffffffffu, v, d);
  return v;
}
#if __CUDA_ARCH__ >= 800
__device__ __forceinline__ u32 over_warp(u32 v) { return __reduce_add_sync(0xffffffffu, v); }
__device__ __forceinline__ int over_warp(int v) { return (int)__reduce_add_sync(0xffffffffu, (u32)v); }
#endif
template <class A> __device__ __forceinline__ void sum_up(char* p, A v) {
  if (!__isLocal(p) && __activemask() == 0xffffffffu && __all_sync(0xffffffffu, (u64)p == __shfl_sync(0xffffffffu, (u64)p, 0))) {
    v = over_warp(v);
    if (threadIdx.x & 31) return;
  }
  atomic_add(p, v);
}
template <class A> __device__ __forceinline__ A atomic_min(char* p, A v) { return atomic_any<A>(p, [v](A o) { return smaller(o, v); }); }
template <class A> __device__ __forceinline__ A atomic_max(char* p, A v) { return atomic_any<A>(p, [v](A o) { return larger(o, v); }); }
__device__ __forceinline__ int atomic_min(char* p, int v) { return __isLocal(p) ? plain_any<int>(p, [v](int o) { return smaller(o, v); }) : atomicMin((int*)p, v); }
__device__ __forceinline__ int atomic_max(char* p, int v) { return __isLocal(p) ? plain_any<int>(p, [v](int o) { return larger(o, v); }) : atomicMax((int*)p, v); }
__device__ __forceinline__ u32 atomic_min(char* p, u32 v) { return __isLocal(p) ? plain_any<u32>(p, [v](u32 o) { return smaller(o, v); }) : atomicMin((u32*)p, v); }
__device__ __forceinline__ u32 atomic_max(char* p, u32 v) { return __isLocal(p) ? plain_any<u32>(p, [v](u32 o) { return larger(o, v); }) : atomicMax((u32*)p, v); }
template <class A> __device__ __forceinline__ A atomic_exch(char* p, A v) { return atomic_any<A>(p, [v](A) { return v; }); }
template <class A> __device__ __forceinline__ A atomic_and(char* p, A v) { return atomic_any<A>(p, [v](A o) { return A(o & v); }); }
template <class A> __device__ __forceinline__ A atomic_or(char* p, A v) { return atomic_any<A>(p, [v](A o) { return A(o | v); }); }
template <class A> __device__ __forceinline__ A atomic_xor(char* p, A v) { return atomic_any<A>(p, [v](A o) { return A(o ^ v); }); }
template <class A> __device__ __forceinline__ bool equal(A a, A b) { return a == b; }
__device__ __forceinline__ bool equal(half_t a, half_t b) { return a.bits == b.bits || from_half(a) == from_half(b); }
template <class A> __device__ __forceinline__ A atomic_cas(char* p, A e, A n) { return atomic_any<A>(p, [e, n](A o) { return equal(o, e) ? n : o; }); }
extern "C" __device__ int printf(const char*, ...);
__device__ __forceinline__ void sync_lanes(int width) {
  if (width > 32) __syncthreads();
  else __syncwarp((0xffffffffu >> (32 - width)) << (threadIdx.x & (32 - width)));
}
"""
    + WAIT
)

#: The stack on which differentiated loops keep values: it starts in the thread's own memory and moves to the heap. What
#: is popped stays readable until the next push.
TAPE = r"""
struct Tape { char* base; i64 top, capacity; char* heap; };
__device__ __noinline__ void tape_grow(Tape* t, i64 used, i64 need, i64* err, i64 code) {
  i64 size = t->capacity * 2 > need ? t->capacity * 2 : need;
  if (size < 4096) size = 4096;
  char* fresh = (char*)malloc(size);
  if (!fresh) { if (atomicCAS((u64*)err, 0ull, (u64)code) == 0ull) err[1] = size; asm("exit;"); }
  for (i64 k = 0; k < used; k += 8) *(i64*)(fresh + k) = *(const i64*)(t->base + k);
  if (t->heap) free(t->heap);
  t->base = t->heap = fresh; t->capacity = size;
}
__device__ __forceinline__ char* tape_push(Tape* t, i64 size, i64* err, i64 code) {
  i64 top = t->top; t->top = top + size;
  if (t->top > t->capacity) tape_grow(t, top, t->top, err, code);
  return t->base + top;
}
__device__ __forceinline__ char* tape_pop(Tape* t, i64 size) { t->top -= size; return t->base + t->top; }
"""
TAPE_BYTES = 512  # of a thread's stack before it moves to the heap
