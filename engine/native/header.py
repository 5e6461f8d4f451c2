"""What snippets of native code find around them: types and functions in the namespace `wp`, the same on both targets.

Values have the layout that kernels use in memory: vectors, matrices (row by row), quaternions and transforms are their
components; an array is an address with shape and strides in bytes.
"""

from __future__ import annotations

_CPU = r"""
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <algorithm>
#define NATIVE inline
#define NATIVE_SINK  // a local of the thread
#define __device__
#define __host__
#define __forceinline__ inline
#if defined(_WIN32)
#define NATIVE_ENTRY extern "C" __declspec(dllexport)
#else
#define NATIVE_ENTRY extern "C" __attribute__((visibility("default")))
#endif
using std::min; using std::max; using std::abs; using std::isnan; using std::isinf; using std::isfinite;
"""

_CUDA = r"""
#define NATIVE __device__ __forceinline__
// in global memory, as gradients are: NVRTC 13.0 drops code after an atomic that may go to either kind of memory
#define NATIVE_SINK static __device__
#define NATIVE_ENTRY __device__ __forceinline__
"""

_COMMON = r"""
namespace wp {
typedef signed char int8; typedef unsigned char uint8; typedef short int16; typedef unsigned short uint16;
typedef int int32; typedef unsigned int uint32; typedef long long int64; typedef unsigned long long uint64;
typedef float float32; typedef double float64;

template <unsigned N, class T> struct vec_t {
  T c[N];
  NATIVE vec_t() : c{} {}
  NATIVE explicit vec_t(T s) { for (unsigned k = 0; k < N; ++k) c[k] = s; }
  template <class A, class B, class... R> NATIVE vec_t(A a, B b, R... r) : c{T(a), T(b), T(r)...} {
    static_assert(2 + sizeof...(R) == N, "a vector takes one number for each component"); }
  template <class I> NATIVE T& operator[](I i) { return c[i]; }
  template <class I> NATIVE const T& operator[](I i) const { return c[i]; }
  template <class I> NATIVE T& operator()(I i) { return c[i]; }
  template <class I> NATIVE const T& operator()(I i) const { return c[i]; }
};
template <unsigned R, unsigned C, class T> struct mat_t {
  T data[R][C];
  NATIVE mat_t() : data{} {}
  NATIVE explicit mat_t(T s) { for (unsigned i = 0; i < R; ++i) for (unsigned j = 0; j < C; ++j) data[i][j] = s; }
  template <class A, class B, class... X> NATIVE mat_t(A a, B b, X... x) {
    static_assert(2 + sizeof...(X) == R * C, "a matrix takes one number for each component");
    const T all[] = {T(a), T(b), T(x)...};
    for (unsigned i = 0; i < R; ++i) for (unsigned j = 0; j < C; ++j) data[i][j] = all[i * C + j]; }
  NATIVE T& operator()(int i, int j) { return data[i][j]; }
  NATIVE const T& operator()(int i, int j) const { return data[i][j]; }
  template <class I> NATIVE T (&operator[](I i))[C] { return data[i]; }
};
template <class T> struct quat_t {
  T x, y, z, w;
  NATIVE quat_t() : x(0), y(0), z(0), w(0) {}
  NATIVE quat_t(T a, T b, T c, T d) : x(a), y(b), z(c), w(d) {}
  NATIVE T& operator[](int i) { return (&x)[i]; }
  NATIVE const T& operator[](int i) const { return (&x)[i]; }
};
template <class T> struct transform_t {
  vec_t<3, T> p; quat_t<T> q;
  NATIVE transform_t() {}
  NATIVE transform_t(const vec_t<3, T>& position, const quat_t<T>& rotation) : p(position), q(rotation) {}
};
template <int N, class T> struct fixedarray_t {
  T data[N];
  NATIVE fixedarray_t() : data{} {}
  NATIVE T& operator[](int i) { return data[i]; }
  NATIVE const T& operator[](int i) const { return data[i]; }
};

// element by element; a number stands for itself in every place
#define WP_EACH(N_, expression) for (unsigned k = 0; k < N_; ++k) out.c[k] = (expression); return out
#define WP_VECTOR(op) \
  template <unsigned N, class T> NATIVE vec_t<N, T> operator op(const vec_t<N, T>& a, const vec_t<N, T>& b) { vec_t<N, T> out; WP_EACH(N, a.c[k] op b.c[k]); } \
  template <unsigned N, class T> NATIVE vec_t<N, T>& operator op##=(vec_t<N, T>& a, const vec_t<N, T>& b) { a = a op b; return a; }
#define WP_SCALED(op) \
  template <unsigned N, class T> NATIVE vec_t<N, T> operator op(const vec_t<N, T>& a, T s) { vec_t<N, T> out; WP_EACH(N, a.c[k] op s); } \
  template <unsigned N, class T> NATIVE vec_t<N, T>& operator op##=(vec_t<N, T>& a, T s) { a = a op s; return a; }
WP_VECTOR(+) WP_VECTOR(-) WP_SCALED(*) WP_SCALED(/)
template <unsigned N, class T> NATIVE vec_t<N, T> operator*(T s, const vec_t<N, T>& a) { return a * s; }
template <unsigned N, class T> NATIVE vec_t<N, T> operator-(const vec_t<N, T>& a) { vec_t<N, T> out; WP_EACH(N, -a.c[k]); }
template <unsigned N, class T> NATIVE bool operator==(const vec_t<N, T>& a, const vec_t<N, T>& b) {
  for (unsigned k = 0; k < N; ++k) if (a.c[k] != b.c[k]) return false;
  return true; }
template <unsigned N, class T> NATIVE T dot(const vec_t<N, T>& a, const vec_t<N, T>& b) { T s = 0; for (unsigned k = 0; k < N; ++k) s += a.c[k] * b.c[k]; return s; }
template <class T> NATIVE vec_t<3, T> cross(const vec_t<3, T>& a, const vec_t<3, T>& b) {
  return vec_t<3, T>(a.c[1] * b.c[2] - a.c[2] * b.c[1], a.c[2] * b.c[0] - a.c[0] * b.c[2], a.c[0] * b.c[1] - a.c[1] * b.c[0]); }
template <unsigned N, class T> NATIVE T length_sq(const vec_t<N, T>& a) { return dot(a, a); }
template <unsigned N, class T> NATIVE T length(const vec_t<N, T>& a) { return T(sqrt(dot(a, a))); }
template <unsigned N, class T> NATIVE vec_t<N, T> normalize(const vec_t<N, T>& a) { const T l = length(a); return l > T(0) ? a / l : vec_t<N, T>(); }
template <unsigned R, unsigned C, class T> NATIVE mat_t<R, C, T> operator+(const mat_t<R, C, T>& a, const mat_t<R, C, T>& b) {
  mat_t<R, C, T> out; for (unsigned i = 0; i < R; ++i) for (unsigned j = 0; j < C; ++j) out.data[i][j] = a.data[i][j] + b.data[i][j]; return out; }
template <unsigned R, unsigned C, class T> NATIVE mat_t<R, C, T>& operator+=(mat_t<R, C, T>& a, const mat_t<R, C, T>& b) { a = a + b; return a; }
template <unsigned R, unsigned C, class T> NATIVE mat_t<R, C, T> operator*(const mat_t<R, C, T>& a, T s) {
  mat_t<R, C, T> out; for (unsigned i = 0; i < R; ++i) for (unsigned j = 0; j < C; ++j) out.data[i][j] = a.data[i][j] * s; return out; }
template <unsigned R, unsigned C, class T> NATIVE vec_t<R, T> operator*(const mat_t<R, C, T>& a, const vec_t<C, T>& v) {
  vec_t<R, T> out; for (unsigned i = 0; i < R; ++i) for (unsigned j = 0; j < C; ++j) out.c[i] += a.data[i][j] * v.c[j]; return out; }
template <unsigned R, unsigned K, unsigned C, class T> NATIVE mat_t<R, C, T> operator*(const mat_t<R, K, T>& a, const mat_t<K, C, T>& b) {
  mat_t<R, C, T> out; for (unsigned i = 0; i < R; ++i) for (unsigned k = 0; k < K; ++k) for (unsigned j = 0; j < C; ++j) out.data[i][j] += a.data[i][k] * b.data[k][j]; return out; }
template <unsigned R, unsigned C, class T> NATIVE mat_t<C, R, T> transpose(const mat_t<R, C, T>& a) {
  mat_t<C, R, T> out; for (unsigned i = 0; i < R; ++i) for (unsigned j = 0; j < C; ++j) out.data[j][i] = a.data[i][j]; return out; }

// x[i] is element i in row-major order; x(i, j) and address(x, i, j) take one index for each dimension
template <class T, int N = 1> struct array_t {
  T* data; int64 shape[N]; int64 strides[N];
  NATIVE int64 place(int64 i) const {
    if (N == 1) return i * strides[0];
    int64 at = 0;
    for (int d = N - 1; d >= 0; --d) { at += (i % shape[d]) * strides[d]; i /= shape[d]; }
    return at;
  }
  template <class... I> NATIVE int64 place(int64 i, int64 j, I... more) const {
    static_assert(2 + sizeof...(I) == N, "one index for each dimension");
    const int64 all[] = {i, j, int64(more)...};
    int64 at = 0;
    for (int d = 0; d < N; ++d) at += all[d] * strides[d];
    return at;
  }
  template <class I> NATIVE T& operator[](I i) const { return *(T*)((char*)data + place(int64(i))); }
  template <class... I> NATIVE T& operator()(I... i) const { return *(T*)((char*)data + place(int64(i)...)); }
  NATIVE operator T*() const { return data; }
};
// the gradients of an array; what is added where there are none goes nowhere
template <class T, int N = 1> struct gradients_t : array_t<T, N> {
  T* sink;
  template <class I> NATIVE T& operator[](I i) const { return this->data ? array_t<T, N>::operator[](i) : *sink; }
  template <class... I> NATIVE T& operator()(I... i) const { return this->data ? array_t<T, N>::operator()(i...) : *sink; }
  NATIVE operator T*() const { return this->data; }
};
template <class A, class... I> NATIVE auto address(const A& a, I... i) -> decltype(&a(i...)) { return &a(i...); }
template <class A, class... I> NATIVE auto index(const A& a, I... i) -> decltype(a(i...)) { return a(i...); }
template <class T> NATIVE T load(const T* p) { return *p; }
template <class T> NATIVE void store(T* p, T v) { *p = v; }
@ATOMICS@
}  // namespace wp
"""

_CPU_ATOMICS = r"""
template <class T, class F> inline T change(T* p, F f) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 1 || sizeof(T) == 2, "atomics take numbers");
  T old, next;
  __atomic_load(p, &old, __ATOMIC_RELAXED);
  do next = f(old); while (!__atomic_compare_exchange(p, &old, &next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return old;
}
template <class T> struct same_t { typedef T type; };
template <class T> using same = typename same_t<T>::type;
template <class T> inline T atomicAdd(T* p, same<T> v) { return change(p, [v](T o) { return T(o + v); }); }
template <class T> inline T atomicSub(T* p, same<T> v) { return change(p, [v](T o) { return T(o - v); }); }
template <class T> inline T atomicMin(T* p, same<T> v) { return change(p, [v](T o) { return v < o ? v : o; }); }
template <class T> inline T atomicMax(T* p, same<T> v) { return change(p, [v](T o) { return o < v ? v : o; }); }
template <class T> inline T atomicExch(T* p, same<T> v) { return change(p, [v](T) { return v; }); }
template <class T> inline T atomicCAS(T* p, same<T> e, same<T> v) { return change(p, [e, v](T o) { return o == e ? v : o; }); }
#define WP_OF_ARRAY(name) template <class T, int N> inline T name(const array_t<T, N>& a, same<T> v) { return name(a.data, v); }
WP_OF_ARRAY(atomicAdd) WP_OF_ARRAY(atomicSub) WP_OF_ARRAY(atomicMin) WP_OF_ARRAY(atomicMax) WP_OF_ARRAY(atomicExch)
"""

_ATOMICS = r"""
template <class T, class V> NATIVE T atomic_add(T* p, V v) { return atomicAdd(p, T(v)); }
template <unsigned N, class T> NATIVE void atomic_add(vec_t<N, T>* p, const vec_t<N, T>& v) { for (unsigned k = 0; k < N; ++k) atomicAdd(&p->c[k], v.c[k]); }
template <class T, class V> NATIVE auto atomic_add(const array_t<T, 1>& a, int64 i, V v) { return atomic_add(&a(i), v); }
template <class T, class V> NATIVE auto atomic_add(const array_t<T, 2>& a, int64 i, int64 j, V v) { return atomic_add(&a(i, j), v); }
template <class T, class V> NATIVE auto atomic_add(const array_t<T, 3>& a, int64 i, int64 j, int64 k, V v) { return atomic_add(&a(i, j, k), v); }
template <class T, class V> NATIVE auto atomic_add(const gradients_t<T, 1>& a, int64 i, V v) { return atomic_add(&a(i), v); }
template <class T, class V> NATIVE auto atomic_add(const gradients_t<T, 2>& a, int64 i, int64 j, V v) { return atomic_add(&a(i, j), v); }
template <class T, class V> NATIVE auto atomic_add(const gradients_t<T, 3>& a, int64 i, int64 j, int64 k, V v) { return atomic_add(&a(i, j, k), v); }
"""

#: Text before any snippet, for a system C++ compiler and for NVRTC.
CPU = _CPU + _COMMON.replace("@ATOMICS@", _CPU_ATOMICS + _ATOMICS)
CUDA = _CUDA + _COMMON.replace("@ATOMICS@", _ATOMICS)
