"""The CPU backend: IR → LLVM IR → machine code in this process, run on all cores."""
