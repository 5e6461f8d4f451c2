"""Functions of the kernel language whose body is C++ or CUDA text of the user: `func_native`."""
