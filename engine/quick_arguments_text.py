"""The part of `quick_launch_text` that turns Python objects into slots of an argument block.

Each function returns whether the object is what the recipe expects, and leaves no error set if it is not.
"""

TEXT = r"""
declare ptr @PyTuple_GetItem(ptr, i64)
declare i64 @PyTuple_Size(ptr)
declare ptr @PyList_GetItem(ptr, i64)
declare i64 @PyList_Size(ptr)
declare i64 @PySet_Size(ptr)
declare ptr @PyDict_GetItem(ptr, ptr)
declare ptr @PyObject_GetAttr(ptr, ptr)
declare ptr @PyObject_Type(ptr)
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare double @PyFloat_AsDouble(ptr)
declare ptr @PyBytes_AsString(ptr)
declare ptr @PyErr_Occurred()
declare void @PyErr_Clear()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare double @llvm.fabs.f64(double)

define internal i1 @is_a(ptr %object, ptr %type) {
  %own = call ptr @PyObject_Type(ptr %object)
  call void @Py_DecRef(ptr %own)
  %same = icmp eq ptr %own, %type
  ret i1 %same
}

define internal i64 @number(ptr %numbers, i64 %k) {
  %place = getelementptr i64, ptr %numbers, i64 %k
  %value = load i64, ptr %place, align 8
  ret i64 %value
}

define internal i1 @failed() {
  %error = call ptr @PyErr_Occurred()
  %bad = icmp ne ptr %error, null
  br i1 %bad, label %clear, label %out
clear:
  call void @PyErr_Clear()
  br label %out
out:
  ret i1 %bad
}

; a whole number within bounds
define internal i1 @whole(ptr %object, i64 %low, i64 %high, ptr %to) {
  %v = call i64 @PyLong_AsLongLong(ptr %object)
  %odd = icmp eq i64 %v, -1
  br i1 %odd, label %look, label %bounds
look:
  %bad = call i1 @failed()
  br i1 %bad, label %no, label %bounds
bounds:
  %a = icmp sge i64 %v, %low
  %b = icmp sle i64 %v, %high
  %fits = and i1 %a, %b
  br i1 %fits, label %keep, label %no
keep:
  store i64 %v, ptr %to, align 8
  ret i1 true
no:
  ret i1 false
}

define internal i1 @real(ptr %object, i1 %single, ptr %to) {
  %v = call double @PyFloat_AsDouble(ptr %object)
  %odd = fcmp oeq double %v, -1.0
  br i1 %odd, label %look, label %good
look:
  %bad = call i1 @failed()
  br i1 %bad, label %no, label %good
good:
  br i1 %single, label %short, label %long
short:
  %f = fptrunc double %v to float
  %w = fpext float %f to double
  %size = call double @llvm.fabs.f64(double %w)
  %infinite = fcmp oeq double %size, 0x7FF0000000000000
  %changed = fcmp one double %w, %v
  %lost = and i1 %infinite, %changed
  br i1 %lost, label %no, label %keep
keep:
  store i64 0, ptr %to, align 8
  store float %f, ptr %to, align 8
  ret i1 true
long:
  store double %v, ptr %to, align 8
  ret i1 true
no:
  ret i1 false
}

; a number of one of the kinds $whole_, $single_, $double_
define internal i1 @scalar(ptr %object, i64 %kind, ptr %row, ptr %to) {
  %is.whole = icmp eq i64 %kind, $whole_
  br i1 %is.whole, label %integer, label %floating
integer:
  %low = call i64 @number(ptr %row, i64 $low)
  %high = call i64 @number(ptr %row, i64 $high)
  %w = call i1 @whole(ptr %object, i64 %low, i64 %high, ptr %to)
  ret i1 %w
floating:
  %single = icmp eq i64 %kind, $single_
  %r = call i1 @real(ptr %object, i1 %single, ptr %to)
  ret i1 %r
}

; numbers of a tuple as they are
define internal i1 @copy_slots(ptr %env, ptr %object, ptr %name, i64 %count, ptr %to) {
entry:
  %slots = call ptr @PyObject_GetAttr(ptr %object, ptr %name)
  %none = icmp eq ptr %slots, null
  br i1 %none, label %missing, label %measure
missing:
  call void @PyErr_Clear()
  ret i1 false
measure:
  %size = call i64 @PyTuple_Size(ptr %slots)
  %agrees = icmp eq i64 %size, %count
  br i1 %agrees, label %loop, label %wrong
wrong:
  %ignored = call i1 @failed()
  br label %end
loop:
  %k = phi i64 [ 0, %measure ], [ %k1, %next ]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %one, label %end
one:
  %item = call ptr @PyTuple_GetItem(ptr %slots, i64 %k)
  %place = getelementptr i64, ptr %to, i64 %k
  %good = call i1 @whole(ptr %item, i64 -9223372036854775808, i64 9223372036854775807, ptr %place)
  br i1 %good, label %next, label %end
next:
  %k1 = add i64 %k, 1
  br label %loop
end:
  %ok = phi i1 [ false, %wrong ], [ true, %loop ], [ false, %one ]
  call void @Py_DecRef(ptr %slots)
  ret i1 %ok
}

define internal i1 @fill_array(ptr %env, ptr %object, ptr %expected, ptr %row, i64 %overlap, ptr %to, ptr %span) {
  %array = call ptr @PyTuple_GetItem(ptr %env, i64 $array)
  %right = call i1 @is_a(ptr %object, ptr %array)
  br i1 %right, label %look, label %no
look:
  %layout.name = call ptr @PyTuple_GetItem(ptr %env, i64 $_layout)
  %layout = call ptr @PyObject_GetAttr(ptr %object, ptr %layout.name)
  %none = icmp eq ptr %layout, null
  br i1 %none, label %missing, label %compare
missing:
  call void @PyErr_Clear()
  ret i1 false
compare:
  call void @Py_DecRef(ptr %layout)
  %same = icmp eq ptr %layout, %expected
  br i1 %same, label %take, label %no
take:
  %slots.name = call ptr @PyTuple_GetItem(ptr %env, i64 $_slots)
  %count = call i64 @number(ptr %row, i64 $slots)
  %taken = call i1 @copy_slots(ptr %env, ptr %object, ptr %slots.name, i64 %count, ptr %to)
  %matters = icmp ne i64 %overlap, 0
  %further = and i1 %taken, %matters
  br i1 %further, label %where, label %done
where:
  %span.name = call ptr @PyTuple_GetItem(ptr %env, i64 $_span)
  %found = call i1 @copy_slots(ptr %env, ptr %object, ptr %span.name, i64 2, ptr %span)
  ret i1 %found
done:
  ret i1 %taken
no:
  ret i1 false
}

; components of a vector, matrix, quaternion or transform
define internal i1 @fill_composite(ptr %env, ptr %object, i64 %kind, ptr %row, ptr %to) {
entry:
  %name = call ptr @PyTuple_GetItem(ptr %env, i64 $_values)
  %values = call ptr @PyObject_GetAttr(ptr %object, ptr %name)
  %none = icmp eq ptr %values, null
  br i1 %none, label %missing, label %look
missing:
  call void @PyErr_Clear()
  ret i1 false
look:
  %list = call ptr @PyTuple_GetItem(ptr %env, i64 $list)
  %right = call i1 @is_a(ptr %values, ptr %list)
  br i1 %right, label %measure, label %end
measure:
  %count = call i64 @number(ptr %row, i64 $slots)
  %size = call i64 @PyList_Size(ptr %values)
  %agrees = icmp eq i64 %size, %count
  %inner = sub i64 %kind, 3
  br i1 %agrees, label %loop, label %end
loop:
  %k = phi i64 [ 0, %measure ], [ %k1, %next ]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %one, label %end
one:
  %item = call ptr @PyList_GetItem(ptr %values, i64 %k)
  %place = getelementptr i64, ptr %to, i64 %k
  %good = call i1 @scalar(ptr %item, i64 %inner, ptr %row, ptr %place)
  br i1 %good, label %next, label %end
next:
  %k1 = add i64 %k, 1
  br label %loop
end:
  %ok = phi i1 [ false, %look ], [ false, %measure ], [ true, %loop ], [ false, %one ]
  call void @Py_DecRef(ptr %values)
  ret i1 %ok
}

; one argument to its slots, if it is what the recipe expects
define internal i1 @fill(ptr %env, ptr %object, ptr %expected, ptr %row, i64 %overlap, ptr %to, ptr %span) {
entry:
  %kind = call i64 @number(ptr %row, i64 $kind)
  store i64 0, ptr %span, align 8
  %high = getelementptr i64, ptr %span, i64 1
  store i64 0, ptr %high, align 8
  %is.array = icmp eq i64 %kind, $array_
  br i1 %is.array, label %array, label %other
array:
  %a = call i1 @fill_array(ptr %env, ptr %object, ptr %expected, ptr %row, i64 %overlap, ptr %to, ptr %span)
  ret i1 %a
other:
  %right = call i1 @is_a(ptr %object, ptr %expected)
  br i1 %right, label %choose, label %no
choose:
  switch i64 %kind, label %composite [ i64 $none_, label %zeros i64 $whole_, label %plain i64 $single_, label %plain i64 $double_, label %plain ]
plain:
  %s = call i1 @scalar(ptr %object, i64 %kind, ptr %row, ptr %to)
  ret i1 %s
composite:
  %c = call i1 @fill_composite(ptr %env, ptr %object, i64 %kind, ptr %row, ptr %to)
  ret i1 %c
zeros:
  %count = call i64 @number(ptr %row, i64 $slots)
  br label %zero
zero:
  %k = phi i64 [ 0, %zeros ], [ %k1, %clear ]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %clear, label %cleared
clear:
  %place = getelementptr i64, ptr %to, i64 %k
  store i64 0, ptr %place, align 8
  %k1 = add i64 %k, 1
  br label %zero
cleared:
  ret i1 true
no:
  ret i1 false
}

; whether any two of the spans overlap
define internal i1 @overlaps(ptr %spans, i64 %count) {
entry:
  br label %outer
outer:
  %i = phi i64 [ 0, %entry ], [ %i1, %outer.next ]
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, %count
  br i1 %more, label %first, label %none
first:
  %i2 = shl i64 %i, 1
  %low = call i64 @number(ptr %spans, i64 %i2)
  %i3 = or i64 %i2, 1
  %high = call i64 @number(ptr %spans, i64 %i3)
  br label %inner
inner:
  %j = phi i64 [ %i1, %first ], [ %j1, %inner.next ]
  %left = icmp ult i64 %j, %count
  br i1 %left, label %pair, label %outer.next
pair:
  %j2 = shl i64 %j, 1
  %low.j = call i64 @number(ptr %spans, i64 %j2)
  %j3 = or i64 %j2, 1
  %high.j = call i64 @number(ptr %spans, i64 %j3)
  %a = icmp ult i64 %low, %high.j
  %b = icmp ult i64 %low.j, %high
  %both = and i1 %a, %b
  br i1 %both, label %some, label %inner.next
inner.next:
  %j1 = add i64 %j, 1
  br label %inner
outer.next:
  br label %outer
some:
  ret i1 true
none:
  ret i1 false
}

; the argument block of a recipe that fits the objects; false if it does not
define internal i1 @prepare(ptr %env, ptr %recipe, ptr %numbers, ptr %objects, i64 %count, ptr %dims, ptr %block, ptr %spans) {
entry:
  %overlap = call i64 @number(ptr %numbers, i64 $overlap)
  %rows = getelementptr i64, ptr %numbers, i64 $HEAD
  %lanes = call i64 @number(ptr %numbers, i64 $lanes)
  %any.lanes = icmp ne i64 %lanes, 0
  br i1 %any.lanes, label %divide, label %begin
divide:
  %innermost = call i64 @number(ptr %numbers, i64 $innermost)
  %extent = call i64 @number(ptr %dims, i64 %innermost)
  %rest = urem i64 %extent, %lanes
  %whole = icmp eq i64 %rest, 0
  br i1 %whole, label %begin, label %no
begin:
  br label %loop
loop:
  %k = phi i64 [ 0, %begin ], [ %k1, %next ]
  %at = phi i64 [ 5, %begin ], [ %at1, %next ]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %one, label %filled
one:
  %object.place = getelementptr ptr, ptr %objects, i64 %k
  %object = load ptr, ptr %object.place, align 8
  %which = add i64 %k, $expected
  %expected = call ptr @PyTuple_GetItem(ptr %recipe, i64 %which)
  %row.at = mul i64 %k, $ROW
  %row = getelementptr i64, ptr %rows, i64 %row.at
  %to = getelementptr i64, ptr %block, i64 %at
  %span.at = shl i64 %k, 1
  %span = getelementptr i64, ptr %spans, i64 %span.at
  %good = call i1 @fill(ptr %env, ptr %object, ptr %expected, ptr %row, i64 %overlap, ptr %to, ptr %span)
  br i1 %good, label %next, label %no
next:
  %slots = call i64 @number(ptr %row, i64 $slots)
  %at1 = add i64 %at, %slots
  %k1 = add i64 %k, 1
  br label %loop
filled:
  %matters = icmp ne i64 %overlap, 0
  br i1 %matters, label %compare, label %head
compare:
  %found = call i1 @overlaps(ptr %spans, i64 %count)
  %wanted = icmp eq i64 %overlap, 2
  %agrees = icmp eq i1 %found, %wanted
  br i1 %agrees, label %head, label %no
head:
  %d0 = call i64 @number(ptr %dims, i64 0)
  %d1 = call i64 @number(ptr %dims, i64 1)
  %d2 = call i64 @number(ptr %dims, i64 2)
  %d3 = call i64 @number(ptr %dims, i64 3)
  %b1 = getelementptr i64, ptr %block, i64 1
  %b2 = getelementptr i64, ptr %block, i64 2
  %b3 = getelementptr i64, ptr %block, i64 3
  %b4 = getelementptr i64, ptr %block, i64 4
  store i64 %d0, ptr %block, align 8
  store i64 %d1, ptr %b1, align 8
  store i64 %d2, ptr %b2, align 8
  store i64 %d3, ptr %b3, align 8
  store i64 0, ptr %b4, align 8
  ret i1 true
no:
  ret i1 false
}
"""
