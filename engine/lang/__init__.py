"""The front end: Python functions → typed, structured SSA over scalars.

What the language means, where Python, C and CUDA differ:

- Types: a Python number takes the type of what it meets (`x * 2.0` for a half or a double); two typed operands must
  agree, conversions are written (`float(i)`). A whole number may stand for an unsigned or a signed bit pattern that
  fits.
- Integers: `/`, `//` and `%` truncate towards zero as in C and CUDA; division by zero gives 0, the smallest number by
  -1 wraps. Unsigned, 8- and 16-bit arithmetic wraps; a signed 32- or 64-bit result that does not fit is unspecified
  (hash in unsigned types). Shifts by the width or more give 0, or the sign.
- Floats convert to integers by truncation; what does not fit saturates, NaN gives 0. Doubles round once to half.
- `a[i] += x` and `a[i] -= x` on an array are atomic, so that many threads lose no update; other assignments are not.
  `config.deterministic = True` runs kernels with float atomics on one thread in order: the same bits every time.
- A negative constant index counts from the end. Other indices are not checked, except in debug mode (`config.mode =
  "debug"`), where a bad one raises KernelAssertionError and touches no array.
- `for` over a constant range of up to `config.max_unroll` passes, a tuple or a vector is unrolled; other ranges loop.
  A name first set inside a loop or branch that does not run is zero.
- Vectors, matrices and structs are values: a function that changes its argument changes a copy. Arrays are
  references.
- Names from outside (numbers, vectors, structs, functions, types) are captured when the kernel is compiled.
"""
