"""The standard library: builtins as short rules over scalar operations, and functions written in the kernel language."""
