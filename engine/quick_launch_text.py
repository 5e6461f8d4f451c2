"""The machine code behind `quick_launch`: a launch from Python objects to the driver or the thread pool.

A built-in function `launch(kernel, dim, inputs, outputs, device)` in LLVM assembly, over CPython's stable ABI. It returns True
if it ran the launch, False, without an error set, if anything is not as a recipe of the kernel says: then the launch
in Python does it, or says what is wrong. `ENVIRONMENT` names the members of its `self`, `HEAD` and `ROW` the
fields of a recipe's numbers, which the text refers to by `$name`.
"""

from __future__ import annotations

from engine import quick_arguments_text

#: Members of the tuple that the function finds in its `self`.
ENVIRONMENT = (
    "Kernel array list tuple int str None False True config definitions devices onlookers watching state "
    "_layout _slots _span _values recipes deterministic mode epoch"
).split()
#: Members of a recipe, a tuple; what the arguments have to be follows: layouts of arrays, types of others.
RECIPE = "numbers mode epoch device variant expected".split()
#: 64-bit numbers in a recipe: where it runs (`is_cuda`), the function, bytes of the argument block, whether a device must
#: be named, whether arrays may overlap (0: any, 1: must not, 2: must), lanes, which dimension these divide; CPU: grain;
#: CUDA: table of the device, threads of a block, launches below how many threads get smaller blocks, multiprocessors, most blocks.
HEAD = "is_cuda function bytes needs_device overlap lanes innermost grain table block_dim spread_below sm_count most_blocks".split()
#: and four numbers for each argument.
ROW = "kind slots low high".split()
#: Kinds of arguments.
KINDS = "array_ none_ whole_ single_ double_ wholes_ singles_ doubles_".split()
#: Words of the state: pool of the CPU's runtime and its `run_jobs`, 0 before it is made.
STATE = "pool run_jobs".split()
#: Most arguments of a recipe.
MOST = 48

_TEXT = r"""
; member %k of a list or tuple (borrowed)
define internal ptr @member(ptr %sequence, i1 %is.list, i64 %k) {
  br i1 %is.list, label %list, label %tuple
list:
  %a = call ptr @PyList_GetItem(ptr %sequence, i64 %k)
  ret ptr %a
tuple:
  %b = call ptr @PyTuple_GetItem(ptr %sequence, i64 %k)
  ret ptr %b
}

; length of a list or tuple, -1 for anything else; %is.list tells which
define internal i64 @length(ptr %env, ptr %sequence, ptr %is.list) {
  %list = call ptr @PyTuple_GetItem(ptr %env, i64 $list)
  %a = call i1 @is_a(ptr %sequence, ptr %list)
  store i1 %a, ptr %is.list, align 1
  br i1 %a, label %as.list, label %look
as.list:
  %n = call i64 @PyList_Size(ptr %sequence)
  ret i64 %n
look:
  %tuple = call ptr @PyTuple_GetItem(ptr %env, i64 $tuple)
  %b = call i1 @is_a(ptr %sequence, ptr %tuple)
  br i1 %b, label %as.tuple, label %neither
as.tuple:
  %m = call i64 @PyTuple_Size(ptr %sequence)
  ret i64 %m
neither:
  ret i64 -1
}

; appends the members of a list or tuple to the objects, with a reference to each; the new count, or -1
define internal i64 @collect(ptr %env, ptr %sequence, ptr %objects, i64 %count) {
entry:
  %is.list.place = alloca i1, align 1
  %n = call i64 @length(ptr %env, ptr %sequence, ptr %is.list.place)
  %bad = icmp slt i64 %n, 0
  %whole = add i64 %n, %count
  %long = icmp sgt i64 %whole, $MOST
  %refused = or i1 %bad, %long
  br i1 %refused, label %no, label %start
start:
  %is.list = load i1, ptr %is.list.place, align 1
  br label %loop
loop:
  %k = phi i64 [ 0, %start ], [ %k1, %one ]
  %more = icmp ult i64 %k, %n
  br i1 %more, label %one, label %done
one:
  %item = call ptr @member(ptr %sequence, i1 %is.list, i64 %k)
  call void @Py_IncRef(ptr %item)
  %at = add i64 %count, %k
  %place = getelementptr ptr, ptr %objects, i64 %at
  store ptr %item, ptr %place, align 8
  %k1 = add i64 %k, 1
  br label %loop
done:
  ret i64 %whole
no:
  ret i64 -1
}

; the extents of a launch; their product, or -1 if they are not one to four plain numbers
define internal i64 @extents(ptr %env, ptr %dim, ptr %dims) {
entry:
  %is.list.place = alloca i1, align 1
  %p1 = getelementptr i64, ptr %dims, i64 1
  %p2 = getelementptr i64, ptr %dims, i64 2
  %p3 = getelementptr i64, ptr %dims, i64 3
  store i64 1, ptr %dims, align 8
  store i64 1, ptr %p1, align 8
  store i64 1, ptr %p2, align 8
  store i64 1, ptr %p3, align 8
  %int = call ptr @PyTuple_GetItem(ptr %env, i64 $int)
  %single = call i1 @is_a(ptr %dim, ptr %int)
  br i1 %single, label %number, label %several
number:
  %fits = call i1 @whole(ptr %dim, i64 0, i64 2147483647, ptr %dims)
  br i1 %fits, label %one.number, label %no
one.number:
  %d = load i64, ptr %dims, align 8
  ret i64 %d
several:
  %n = call i64 @length(ptr %env, ptr %dim, ptr %is.list.place)
  %few = icmp slt i64 %n, 1
  %many = icmp sgt i64 %n, 4
  %bad = or i1 %few, %many
  br i1 %bad, label %no, label %start
start:
  %is.list = load i1, ptr %is.list.place, align 1
  br label %loop
loop:
  %k = phi i64 [ 0, %start ], [ %k1, %multiply ]
  %total = phi i64 [ 1, %start ], [ %total1, %multiply ]
  %more = icmp ult i64 %k, %n
  br i1 %more, label %one, label %done
one:
  %item = call ptr @member(ptr %dim, i1 %is.list, i64 %k)
  %plain = call i1 @is_a(ptr %item, ptr %int)
  br i1 %plain, label %take, label %no
take:
  %place = getelementptr i64, ptr %dims, i64 %k
  %good = call i1 @whole(ptr %item, i64 0, i64 2147483647, ptr %place)
  br i1 %good, label %multiply, label %no
multiply:
  %extent = load i64, ptr %place, align 8
  %total1 = mul i64 %total, %extent
  ; both factors are below 2**31, so that a product above 2**31 is seen before it can overflow
  %huge = icmp ugt i64 %total1, 2147483647
  %k1 = add i64 %k, 1
  br i1 %huge, label %no, label %loop
done:
  ret i64 %total
no:
  ret i64 -1
}

define internal i1 @run_on_cpu(ptr %env, ptr %numbers, i64 %total, ptr %block) {
  %job = alloca [4 x i64], align 8
  %state.object = call ptr @PyTuple_GetItem(ptr %env, i64 $state)
  %state.i = call i64 @PyLong_AsLongLong(ptr %state.object)
  %state = inttoptr i64 %state.i to ptr
  %pool.i = call i64 @number(ptr %state, i64 $pool)
  %run.i = call i64 @number(ptr %state, i64 $run_jobs)
  %unmade = icmp eq i64 %pool.i, 0
  br i1 %unmade, label %no, label %go
go:
  %pool = inttoptr i64 %pool.i to ptr
  %run = inttoptr i64 %run.i to ptr
  %function = call i64 @number(ptr %numbers, i64 $function)
  %grain = call i64 @number(ptr %numbers, i64 $grain)
  %j1 = getelementptr i64, ptr %job, i64 1
  %j2 = getelementptr i64, ptr %job, i64 2
  %j3 = getelementptr i64, ptr %job, i64 3
  store i64 %function, ptr %job, align 8
  store ptr %block, ptr %j1, align 8
  store i64 %total, ptr %j2, align 8
  store i64 %grain, ptr %j3, align 8
  %thread = call ptr @PyEval_SaveThread()
  call void %run(ptr %pool, ptr %job, i64 1)
  call void @PyEval_RestoreThread(ptr %thread)
  ret i1 true
no:
  ret i1 false
}

; table of a device: cuCtxSetCurrent, cuLaunchKernel, context, …, at 5 the current stream (see engine.cuda.entry)
define internal i1 @run_on_cuda(ptr %numbers, i64 %total, ptr %block) {
entry:
  %params = alloca [1 x ptr], align 8
  store ptr %block, ptr %params, align 8
  %table.i = call i64 @number(ptr %numbers, i64 $table)
  %table = inttoptr i64 %table.i to ptr
  %set.i = call i64 @number(ptr %table, i64 0)
  %launch.i = call i64 @number(ptr %table, i64 1)
  %context.i = call i64 @number(ptr %table, i64 2)
  %stream.i = call i64 @number(ptr %table, i64 5)
  %function.i = call i64 @number(ptr %numbers, i64 $function)
  %set = inttoptr i64 %set.i to ptr
  %launch = inttoptr i64 %launch.i to ptr
  %context = inttoptr i64 %context.i to ptr
  %stream = inttoptr i64 %stream.i to ptr
  %function = inttoptr i64 %function.i to ptr
  %threads0 = call i64 @number(ptr %numbers, i64 $block_dim)
  %below = call i64 @number(ptr %numbers, i64 $spread_below)
  %processors = call i64 @number(ptr %numbers, i64 $sm_count)
  %most = call i64 @number(ptr %numbers, i64 $most_blocks)
  %few = icmp slt i64 %total, %below
  br i1 %few, label %shrink, label %sized
shrink:
  %t = phi i64 [ %threads0, %entry ], [ %half, %again ]
  %reach = mul i64 %t, %processors
  %idle = icmp slt i64 %total, %reach
  %large = icmp sgt i64 %t, 32
  %smaller = and i1 %idle, %large
  br i1 %smaller, label %again, label %sized
again:
  %half = lshr i64 %t, 1
  br label %shrink
sized:
  %threads = phi i64 [ %threads0, %entry ], [ %t, %shrink ]
  %up = add i64 %total, %threads
  %up1 = sub i64 %up, 1
  %blocks0 = udiv i64 %up1, %threads
  %over = icmp ugt i64 %blocks0, %most
  %blocks = select i1 %over, i64 %most, i64 %blocks0
  %grid.n = trunc i64 %blocks to i32
  %block.n = trunc i64 %threads to i32
  %state = call ptr @PyEval_SaveThread()
  %ready = call i32 %set(ptr %context)
  %code = call i32 %launch(ptr %function, i32 %grid.n, i32 1, i32 1, i32 %block.n, i32 1, i32 1, i32 0, ptr %stream, ptr %params, ptr null)
  call void @PyEval_RestoreThread(ptr %state)
  %good = icmp eq i32 %code, 0
  ret i1 %good
}

; tries one recipe: runs the launch if it fits
define internal i1 @follow(ptr %env, ptr %recipe, ptr %device, ptr %mode, ptr %epoch, ptr %objects, i64 %count, ptr %dims, i64 %total) {
entry:
  %spans = alloca [$SPANS x i64], align 8
  %size = call i64 @PyTuple_Size(ptr %recipe)
  %wanted = add i64 %count, $expected
  %same.count = icmp eq i64 %size, %wanted
  br i1 %same.count, label %look, label %no
look:
  %own.mode = call ptr @PyTuple_GetItem(ptr %recipe, i64 $RECIPE.mode)
  %own.epoch = call ptr @PyTuple_GetItem(ptr %recipe, i64 $RECIPE.epoch)
  %own.device = call ptr @PyTuple_GetItem(ptr %recipe, i64 $RECIPE.device)
  %bytes.object = call ptr @PyTuple_GetItem(ptr %recipe, i64 $numbers)
  %numbers = call ptr @PyBytes_AsString(ptr %bytes.object)
  %none = call ptr @PyTuple_GetItem(ptr %env, i64 $None)
  %needs = call i64 @number(ptr %numbers, i64 $needs_device)
  %free = icmp eq i64 %needs, 0
  %unnamed = icmp eq ptr %device, %none
  %anywhere = and i1 %free, %unnamed
  %here = icmp eq ptr %device, %own.device
  %place = or i1 %anywhere, %here
  %a = icmp eq ptr %own.mode, %mode
  %b = icmp eq ptr %own.epoch, %epoch
  %ab = and i1 %a, %b
  %as.then = and i1 %ab, %place
  br i1 %as.then, label %fit, label %no
fit:
  %bytes = call i64 @number(ptr %numbers, i64 $bytes)
  %block = alloca i8, i64 %bytes, align 16
  %fits = call i1 @prepare(ptr %env, ptr %recipe, ptr %numbers, ptr %objects, i64 %count, ptr %dims, ptr %block, ptr %spans)
  br i1 %fits, label %go, label %no
go:
  %empty = icmp eq i64 %total, 0
  br i1 %empty, label %yes, label %run
run:
  %is.cuda = call i64 @number(ptr %numbers, i64 $is_cuda)
  %on.cuda = icmp ne i64 %is.cuda, 0
  br i1 %on.cuda, label %gpu, label %cpu
gpu:
  %g = call i1 @run_on_cuda(ptr %numbers, i64 %total, ptr %block)
  ret i1 %g
cpu:
  %c = call i1 @run_on_cpu(ptr %env, ptr %numbers, i64 %total, ptr %block)
  ret i1 %c
yes:
  ret i1 true
no:
  ret i1 false
}

; tries the recipes of a kernel in turn
define internal i1 @try_all(ptr %env, ptr %kernel, ptr %device, ptr %mode, ptr %epoch, ptr %objects, i64 %count, ptr %dims, i64 %total) {
entry:
  %name = call ptr @PyTuple_GetItem(ptr %env, i64 $recipes)
  %recipes = call ptr @PyObject_GetAttr(ptr %kernel, ptr %name)
  %none = icmp eq ptr %recipes, null
  br i1 %none, label %missing, label %loop
missing:
  call void @PyErr_Clear()
  ret i1 false
loop:
  %k = phi i64 [ 0, %entry ], [ %k1, %next ]
  %n = call i64 @PyTuple_Size(ptr %recipes)
  %more = icmp slt i64 %k, %n
  br i1 %more, label %one, label %end
one:
  %recipe = call ptr @PyTuple_GetItem(ptr %recipes, i64 %k)
  %ran = call i1 @follow(ptr %env, ptr %recipe, ptr %device, ptr %mode, ptr %epoch, ptr %objects, i64 %count, ptr %dims, i64 %total)
  br i1 %ran, label %end, label %next
next:
  %k1 = add i64 %k, 1
  br label %loop
end:
  %done = phi i1 [ false, %loop ], [ true, %one ]
  call void @Py_DecRef(ptr %recipes)
  ret i1 %done
}

; whether nobody looks on: no tape, no graph being recorded, no deterministic mode
define internal i1 @is_calm(ptr %env) {
  %onlookers = call ptr @PyTuple_GetItem(ptr %env, i64 $onlookers)
  %recording = call i64 @PyList_Size(ptr %onlookers)
  %watching = call ptr @PyTuple_GetItem(ptr %env, i64 $watching)
  %watchers = call i64 @PySet_Size(ptr %watching)
  %some = or i64 %recording, %watchers
  %config = call ptr @PyTuple_GetItem(ptr %env, i64 $config)
  %name = call ptr @PyTuple_GetItem(ptr %env, i64 $deterministic)
  %setting = call ptr @PyDict_GetItem(ptr %config, ptr %name)
  %off = call ptr @PyTuple_GetItem(ptr %env, i64 $False)
  %free = icmp eq ptr %setting, %off
  %alone = icmp eq i64 %some, 0
  %calm = and i1 %free, %alone
  ret i1 %calm
}

; the device that an argument names: itself, None, or what its name stands for; null if unknown
define internal ptr @named_device(ptr %env, ptr %device) {
  %str = call ptr @PyTuple_GetItem(ptr %env, i64 $str)
  %is.name = call i1 @is_a(ptr %device, ptr %str)
  br i1 %is.name, label %find, label %itself
find:
  %devices = call ptr @PyTuple_GetItem(ptr %env, i64 $devices)
  %found = call ptr @PyDict_GetItem(ptr %devices, ptr %device)
  ret ptr %found
itself:
  ret ptr %device
}

define ptr @py_quick_launch(ptr %env, ptr %args, i64 %n) {
entry:
  %objects = alloca [$MOST x ptr], align 8
  %dims = alloca [4 x i64], align 8
  %yes = call ptr @PyTuple_GetItem(ptr %env, i64 $True)
  %not = call ptr @PyTuple_GetItem(ptr %env, i64 $False)
  %kernel = load ptr, ptr %args, align 8
  %dim.place = getelementptr ptr, ptr %args, i64 1
  %inputs.place = getelementptr ptr, ptr %args, i64 2
  %outputs.place = getelementptr ptr, ptr %args, i64 3
  %device.place = getelementptr ptr, ptr %args, i64 4
  %dim = load ptr, ptr %dim.place, align 8
  %inputs = load ptr, ptr %inputs.place, align 8
  %outputs = load ptr, ptr %outputs.place, align 8
  %device.given = load ptr, ptr %device.place, align 8
  %kind = call ptr @PyTuple_GetItem(ptr %env, i64 $Kernel)
  %is.kernel = call i1 @is_a(ptr %kernel, ptr %kind)
  %calm = call i1 @is_calm(ptr %env)
  %device = call ptr @named_device(ptr %env, ptr %device.given)
  %total = call i64 @extents(ptr %env, ptr %dim, ptr %dims)
  %known = icmp ne ptr %device, null
  %sized = icmp sge i64 %total, 0
  %c0 = and i1 %is.kernel, %calm
  %c1 = and i1 %known, %sized
  %ready = and i1 %c0, %c1
  br i1 %ready, label %gather, label %finish
gather:
  %first = call i64 @collect(ptr %env, ptr %inputs, ptr %objects, i64 0)
  %good.first = icmp sge i64 %first, 0
  br i1 %good.first, label %gather.more, label %finish
gather.more:
  %count = call i64 @collect(ptr %env, ptr %outputs, ptr %objects, i64 %first)
  %good = icmp sge i64 %count, 0
  br i1 %good, label %go, label %release
go:
  %config = call ptr @PyTuple_GetItem(ptr %env, i64 $config)
  %mode.name = call ptr @PyTuple_GetItem(ptr %env, i64 $mode)
  %mode = call ptr @PyDict_GetItem(ptr %config, ptr %mode.name)
  %definitions = call ptr @PyTuple_GetItem(ptr %env, i64 $definitions)
  %epoch.name = call ptr @PyTuple_GetItem(ptr %env, i64 $epoch)
  %epoch = call ptr @PyDict_GetItem(ptr %definitions, ptr %epoch.name)
  %ran = call i1 @try_all(ptr %env, ptr %kernel, ptr %device, ptr %mode, ptr %epoch, ptr %objects, i64 %count, ptr %dims, i64 %total)
  br label %release
release:
  %held = phi i64 [ %first, %gather.more ], [ %count, %go ]
  %did = phi i1 [ false, %gather.more ], [ %ran, %go ]
  br label %drop
drop:
  %k = phi i64 [ 0, %release ], [ %k1, %one ]
  %more = icmp ult i64 %k, %held
  br i1 %more, label %one, label %finish
one:
  %place = getelementptr ptr, ptr %objects, i64 %k
  %object = load ptr, ptr %place, align 8
  call void @Py_DecRef(ptr %object)
  %k1 = add i64 %k, 1
  br label %drop
finish:
  %done = phi i1 [ false, %entry ], [ false, %gather ], [ %did, %drop ]
  %out = select i1 %done, ptr %yes, ptr %not
  call void @Py_IncRef(ptr %out)
  ret ptr %out
}
"""


def text() -> str:
    """The function as LLVM assembly."""
    numbers = {name: k for names in (ENVIRONMENT, HEAD, ROW, KINDS, STATE) for k, name in enumerate(names)}
    numbers |= {f"RECIPE.{name}": k for k, name in enumerate(RECIPE)}
    numbers |= {"numbers": RECIPE.index("numbers"), "expected": RECIPE.index("expected")}
    numbers |= {"HEAD": len(HEAD), "ROW": len(ROW), "MOST": MOST, "SPANS": 2 * MOST}
    out = quick_arguments_text.TEXT + _TEXT
    for name in sorted(numbers, key=len, reverse=True):
        out = out.replace(f"${name}", str(numbers[name]))
    return out
