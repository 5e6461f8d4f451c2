"""The CUDA backend: IR → CUDA C++ text → NVRTC → driver API. Needs pip packages only, no toolkit."""
