"""The stack on which differentiated loops keep values, as LLVM text: it grows, and serves one thread after the other.

State: {address, top, capacity}. Frames are multiples of 8 bytes; what is popped stays readable until the next push.
"""

TEXT = r"""
declare ptr @realloc(ptr, i64)
declare void @free(ptr)

define internal ptr @tape_grow(ptr %tape, i64 %need) noinline nounwind {
  %capp = getelementptr i8, ptr %tape, i64 16
  %cap = load i64, ptr %capp, align 8
  %twice = mul i64 %cap, 2
  %enough = icmp ugt i64 %twice, %need
  %most = select i1 %enough, i64 %twice, i64 %need
  %some = icmp ugt i64 %most, 8192
  %new = select i1 %some, i64 %most, i64 8192
  %old = load ptr, ptr %tape, align 8
  %base = call ptr @realloc(ptr %old, i64 %new)
  store ptr %base, ptr %tape, align 8
  store i64 %new, ptr %capp, align 8
  ret ptr %base
}

define internal ptr @tape_push(ptr %tape, i64 %size) alwaysinline nounwind {
entry:
  %topp = getelementptr i8, ptr %tape, i64 8
  %capp = getelementptr i8, ptr %tape, i64 16
  %top = load i64, ptr %topp, align 8
  %cap = load i64, ptr %capp, align 8
  %next = add i64 %top, %size
  store i64 %next, ptr %topp, align 8
  %full = icmp ugt i64 %next, %cap
  br i1 %full, label %grow, label %fits
grow:
  %moved = call ptr @tape_grow(ptr %tape, i64 %next)
  br label %out
fits:
  %here = load ptr, ptr %tape, align 8
  br label %out
out:
  %base = phi ptr [ %moved, %grow ], [ %here, %fits ]
  %frame = getelementptr i8, ptr %base, i64 %top
  ret ptr %frame
}

define internal ptr @tape_pop(ptr %tape, i64 %size) alwaysinline nounwind {
  %topp = getelementptr i8, ptr %tape, i64 8
  %top = load i64, ptr %topp, align 8
  %next = sub i64 %top, %size
  store i64 %next, ptr %topp, align 8
  %base = load ptr, ptr %tape, align 8
  %frame = getelementptr i8, ptr %base, i64 %next
  ret ptr %frame
}
"""

#: Lines of the kernel's entry that make an empty stack, and those that free it.
BEGIN = [
    "  %tape = alloca [24 x i8], align 16",
    "  call void @llvm.memset.p0.i64(ptr align 16 %tape, i8 0, i64 24, i1 false)",
]
END = ["  %tape.memory = load ptr, ptr %tape, align 8", "  call void @free(ptr %tape.memory)"]
