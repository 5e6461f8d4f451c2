"""The launch runtime: a pool of worker threads that lives in compiled code.

A *job* is a function `(args, begin, end)` over a range, cut into chunks. Jobs run one after the other; the chunks of one
job run on all threads. Between jobs nothing returns to Python: replaying a graph costs a fraction of a microsecond a job.

The whole state of a job in progress is one 64-bit ticket: epoch (32 bits) | number of chunks (16) | next chunk (16). A
thread takes a chunk by compare-and-swap, so a late thread can never take a chunk of a job that it did not see published.
Idle workers spin for some 50 microseconds, then sleep on a condition variable.

One thread at a time spreads jobs over the pool. Whoever calls while the pool is busy runs its jobs alone.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading

from engine.cpu import entry, jit
from engine.device import cpu_count

# pool layout in bytes: 0 ticket, 64 done, 128 current job, 192 shutdown, 200 sleepers, 208 threads, 216 busy, 256 mutex, 384 condition
_POOL_BYTES = 1024
# fields of a job: function, args, total, grain (all 8 bytes)

_TEXT = r"""
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @sched_yield()
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define void @pool_init(ptr %pool) {
  %mutex = getelementptr i8, ptr %pool, i64 256
  %cond = getelementptr i8, ptr %pool, i64 384
  call i32 @pthread_mutex_init(ptr %mutex, ptr null)
  call i32 @pthread_cond_init(ptr %cond, ptr null)
  ret void
}

; takes chunks of the published job until none is left; returns how many it ran
define internal i64 @drain(ptr %pool) {
entry:
  %donep = getelementptr i8, ptr %pool, i64 64
  %jobp = getelementptr i8, ptr %pool, i64 128
  br label %again
again:
  %ran = phi i64 [ 0, %entry ], [ %ran, %race ], [ %ran1, %finish ]
  %t = load atomic i64, ptr %pool acquire, align 8
  %chunk = and i64 %t, 65535
  %n0 = lshr i64 %t, 16
  %n = and i64 %n0, 65535
  %some = icmp ult i64 %chunk, %n
  br i1 %some, label %try, label %out
try:
  %t1 = add i64 %t, 1
  %pair = cmpxchg ptr %pool, i64 %t, i64 %t1 acq_rel acquire
  %won = extractvalue { i64, i1 } %pair, 1
  br i1 %won, label %run, label %race
race:
  br label %again
run:
  %job = load atomic ptr, ptr %jobp monotonic, align 8
  %fn = load ptr, ptr %job, align 8
  %argsp = getelementptr i8, ptr %job, i64 8
  %args = load ptr, ptr %argsp, align 8
  %totalp = getelementptr i8, ptr %job, i64 16
  %total = load i64, ptr %totalp, align 8
  ; chunk boundaries fall on multiples of 16 threads, the widest SIMD group
  %up = add i64 %total, %n
  %up1 = sub i64 %up, 1
  %size0 = udiv i64 %up1, %n
  %size1 = add i64 %size0, 15
  %size = and i64 %size1, -16
  %begin0 = mul i64 %size, %chunk
  %b.over = icmp ugt i64 %begin0, %total
  %begin = select i1 %b.over, i64 %total, i64 %begin0
  %end0 = add i64 %begin, %size
  %e.over = icmp ugt i64 %end0, %total
  %end = select i1 %e.over, i64 %total, i64 %end0
  %any = icmp ult i64 %begin, %end
  br i1 %any, label %call, label %finish
call:
  call void %fn(ptr %args, i64 %begin, i64 %end)
  br label %finish
finish:
  %ran1 = add i64 %ran, 1
  %old = atomicrmw add ptr %donep, i64 1 acq_rel
  br label %again
out:
  ret i64 %ran
}

define internal void @run_job(ptr %pool, ptr %job, i64 %threads) {
entry:
  %totalp = getelementptr i8, ptr %job, i64 16
  %total = load i64, ptr %totalp, align 8
  %grainp = getelementptr i8, ptr %job, i64 24
  %grain = load i64, ptr %grainp, align 8
  %small = icmp ule i64 %total, %grain
  %lone = icmp ule i64 %threads, 1
  %inline = or i1 %small, %lone
  br i1 %inline, label %here, label %spread
here:
  %fn = load ptr, ptr %job, align 8
  %argsp = getelementptr i8, ptr %job, i64 8
  %args = load ptr, ptr %argsp, align 8
  call void %fn(ptr %args, i64 0, i64 %total)
  ret void
spread:
  %donep = getelementptr i8, ptr %pool, i64 64
  %jobp = getelementptr i8, ptr %pool, i64 128
  %most = mul i64 %threads, 4
  %up = add i64 %total, %grain
  %up1 = sub i64 %up, 1
  %want = udiv i64 %up1, %grain
  %many = icmp ugt i64 %want, %most
  %n = select i1 %many, i64 %most, i64 %want
  store atomic i64 0, ptr %donep monotonic, align 8
  store atomic ptr %job, ptr %jobp monotonic, align 8
  %t = load atomic i64, ptr %pool monotonic, align 8
  %epoch0 = lshr i64 %t, 32
  %epoch = add i64 %epoch0, 1
  %hi = shl i64 %epoch, 32
  %mid = shl i64 %n, 16
  %ticket = or i64 %hi, %mid
  store atomic i64 %ticket, ptr %pool seq_cst, align 8
  %sleepp = getelementptr i8, ptr %pool, i64 200
  %sleepers = load atomic i64, ptr %sleepp seq_cst, align 8
  %wake = icmp ne i64 %sleepers, 0
  br i1 %wake, label %rouse, label %work
rouse:
  %mutex = getelementptr i8, ptr %pool, i64 256
  %cond = getelementptr i8, ptr %pool, i64 384
  call i32 @pthread_mutex_lock(ptr %mutex)
  call i32 @pthread_cond_broadcast(ptr %cond)
  call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %work
work:
  %ran = call i64 @drain(ptr %pool)
  br label %wait
wait:
  %spins = phi i64 [ 0, %work ], [ %spins1, %pause ], [ 0, %yield ]
  %done = load atomic i64, ptr %donep acquire, align 8
  %ready = icmp uge i64 %done, %n
  br i1 %ready, label %out, label %check
check:
  %spins1 = add i64 %spins, 1
  %long = icmp ugt i64 %spins1, 2000
  br i1 %long, label %yield, label %pause
yield:
  call i32 @sched_yield()
  br label %wait
pause:
  PAUSE
  br label %wait
out:
  ret void
}

; a job without a function decides; its args: whether it repeats, address of an i32, two lists of jobs with their lengths
define internal void @decide(ptr %pool, ptr %job, i64 %threads) {
entry:
  %argsp = getelementptr i8, ptr %job, i64 8
  %args = load ptr, ptr %argsp, align 8
  %repeat = load i64, ptr %args, align 8
  %repeats = icmp ne i64 %repeat, 0
  %numberp = getelementptr i8, ptr %args, i64 8
  %number = load ptr, ptr %numberp, align 8
  br label %look
look:
  %value = load volatile i32, ptr %number, align 4
  %true = icmp ne i32 %value, 0
  %offset = select i1 %true, i64 16, i64 32
  %listp = getelementptr i8, ptr %args, i64 %offset
  %list = load ptr, ptr %listp, align 8
  %countp = getelementptr i8, ptr %listp, i64 8
  %count = load i64, ptr %countp, align 8
  call void @run_list(ptr %pool, ptr %list, i64 %count, i64 %threads)
  %again = and i1 %repeats, %true
  br i1 %again, label %look, label %out
out:
  ret void
}

define internal void @run_list(ptr %pool, ptr %jobs, i64 %count, i64 %threads) {
entry:
  br label %head
head:
  %k = phi i64 [ 0, %entry ], [ %k1, %next ]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %body, label %out
body:
  %off = shl i64 %k, 5
  %job = getelementptr i8, ptr %jobs, i64 %off
  %fn = load ptr, ptr %job, align 8
  %decides = icmp eq ptr %fn, null
  br i1 %decides, label %choice, label %work
choice:
  call void @decide(ptr %pool, ptr %job, i64 %threads)
  br label %next
work:
  call void @run_job(ptr %pool, ptr %job, i64 %threads)
  br label %next
next:
  %k1 = add i64 %k, 1
  br label %head
out:
  ret void
}

define void @run_jobs(ptr %pool, ptr %jobs, i64 %count) {
entry:
  %busyp = getelementptr i8, ptr %pool, i64 216
  %threadsp = getelementptr i8, ptr %pool, i64 208
  %all = load atomic i64, ptr %threadsp monotonic, align 8
  %pair = cmpxchg ptr %busyp, i64 0, i64 1 acquire monotonic
  %mine = extractvalue { i64, i1 } %pair, 1
  %threads = select i1 %mine, i64 %all, i64 1
  call void @run_list(ptr %pool, ptr %jobs, i64 %count, i64 %threads)
  br i1 %mine, label %release, label %end
release:
  store atomic i64 0, ptr %busyp release, align 8
  br label %end
end:
  ret void
}

define void @worker(ptr %pool) {
entry:
  %stopp = getelementptr i8, ptr %pool, i64 192
  %sleepp = getelementptr i8, ptr %pool, i64 200
  %mutex = getelementptr i8, ptr %pool, i64 256
  %cond = getelementptr i8, ptr %pool, i64 384
  br label %loop
loop:
  %idle = phi i64 [ 0, %entry ], [ %idle.next, %spin ], [ 0, %awake ]
  %ran = call i64 @drain(ptr %pool)
  %stop = load atomic i64, ptr %stopp monotonic, align 8
  %quit = icmp ne i64 %stop, 0
  br i1 %quit, label %out, label %think
think:
  %worked = icmp ne i64 %ran, 0
  %idle1 = add i64 %idle, 1
  %idle.next = select i1 %worked, i64 0, i64 %idle1
  %tired = icmp ugt i64 %idle.next, SPINS
  br i1 %tired, label %sleep, label %spin
spin:
  PAUSE
  br label %loop
sleep:
  call i32 @pthread_mutex_lock(ptr %mutex)
  %s0 = atomicrmw add ptr %sleepp, i64 1 seq_cst
  %t = load atomic i64, ptr %pool seq_cst, align 8
  %chunk = and i64 %t, 65535
  %n0 = lshr i64 %t, 16
  %n = and i64 %n0, 65535
  %some = icmp ult i64 %chunk, %n
  %stop2 = load atomic i64, ptr %stopp seq_cst, align 8
  %quit2 = icmp ne i64 %stop2, 0
  %stay = or i1 %some, %quit2
  br i1 %stay, label %up, label %doze
doze:
  call i32 @pthread_cond_wait(ptr %cond, ptr %mutex)
  br label %up
up:
  %s1 = atomicrmw sub ptr %sleepp, i64 1 seq_cst
  call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %awake
awake:
  br label %loop
out:
  ret void
}

define void @pool_stop(ptr %pool) {
  %stopp = getelementptr i8, ptr %pool, i64 192
  %mutex = getelementptr i8, ptr %pool, i64 256
  %cond = getelementptr i8, ptr %pool, i64 384
  store atomic i64 1, ptr %stopp seq_cst, align 8
  call i32 @pthread_mutex_lock(ptr %mutex)
  call i32 @pthread_cond_broadcast(ptr %cond)
  call i32 @pthread_mutex_unlock(ptr %mutex)
  ret void
}

; args: destination, source; the range counts bytes
define void @job_copy(ptr %args, i64 %begin, i64 %end) {
  %dst = load ptr, ptr %args, align 8
  %srcp = getelementptr i8, ptr %args, i64 8
  %src = load ptr, ptr %srcp, align 8
  %n = sub i64 %end, %begin
  %d = getelementptr i8, ptr %dst, i64 %begin
  %s = getelementptr i8, ptr %src, i64 %begin
  call void @llvm.memcpy.p0.p0.i64(ptr %d, ptr %s, i64 %n, i1 false)
  ret void
}

define void @job_zero(ptr %args, i64 %begin, i64 %end) {
  %dst = load ptr, ptr %args, align 8
  %n = sub i64 %end, %begin
  %d = getelementptr i8, ptr %dst, i64 %begin
  call void @llvm.memset.p0.i64(ptr %d, i8 0, i64 %n, i1 false)
  ret void
}
"""

_SYMBOLS = ["pool_init", "run_jobs", "worker", "pool_stop", "job_copy", "job_zero", "py_run", "py_launch"]


def _pause() -> str:
    machine = os.uname().machine if hasattr(os, "uname") else "x86_64"
    text = "pause" if machine in ("x86_64", "AMD64", "i686") else "yield" if machine in ("aarch64", "arm64") else ""
    return f'call void asm sideeffect "{text}", ""()'


class Runtime:
    """Worker threads and the entry points of the runtime module; made at the first launch."""

    def __init__(self, threads: int):
        text = (_TEXT + entry.TEXT).replace("PAUSE", _pause()).replace("SPINS", "3000")
        self.symbols = jit.load_object(jit.compile_text(text, level=2), _SYMBOLS)
        raw = self._raw = (ctypes.c_uint8 * (_POOL_BYTES + 64))()
        self.pool = ctypes.addressof(raw) + (-ctypes.addressof(raw) % 64)
        voidp = ctypes.c_void_p
        ctypes.CFUNCTYPE(None, voidp)(self.symbols["pool_init"])(self.pool)
        self._threads = ctypes.c_int64.from_address(self.pool + 208)
        self._run = entry.python_function("run", self.symbols["py_run"])
        self._launch = entry.python_function("launch", self.symbols["py_launch"])
        self._worker = ctypes.CFUNCTYPE(None, voidp)(self.symbols["worker"])
        self._stop = ctypes.CFUNCTYPE(None, voidp)(self.symbols["pool_stop"])
        self._workers: list[threading.Thread] = []
        self.set_threads(threads)

    def set_threads(self, threads: int) -> None:
        if sys.platform == "win32":  # no pthreads: launches run on the calling thread
            threads = 1
        while len(self._workers) < threads - 1:
            worker = threading.Thread(target=self._worker, args=(self.pool,), daemon=True, name="simrun-worker")
            worker.start()
            self._workers.append(worker)
        self._threads.value = max(1, threads)

    @property
    def threads(self) -> int:
        return self._threads.value

    def run(self, jobs_address: int, count: int) -> None:
        """Runs `count` jobs in order; every one is finished when this returns."""
        self._run(self.pool, jobs_address, count)

    def launch(self, function: int, block: bytes, total: int, grain: int) -> None:
        """Runs one job, `function` over `total` indices with the arguments in `block`; finished when this returns."""
        self._launch(self.pool, function, block, total, grain)

    def stop(self) -> None:
        entry.runtime_place.set()
        self._stop(self.pool)
        for worker in self._workers:
            worker.join(timeout=1.0)
        self._workers.clear()


_runtime: Runtime | None = None
_wanted = 0
_making = threading.Lock()


def runtime() -> Runtime:
    """The runtime of this process, made when first needed."""
    global _runtime
    if _runtime is None:
        with _making:  # a second one would be dropped while its workers run its code
            if _runtime is None:
                _runtime = Runtime(_wanted or int(os.environ.get("SIMRUN_THREADS", 0)) or cpu_count())
                entry.runtime_place.set(_runtime.pool, _runtime.symbols["run_jobs"])
    return _runtime


def set_threads(threads: int) -> None:
    """Number of threads for launches from now on, the calling thread included (default: all cores)."""
    global _wanted
    _wanted = max(1, int(threads))
    if _runtime is not None:
        _runtime.set_threads(_wanted)


def get_threads() -> int:
    return runtime().threads


def _forget() -> None:
    # after fork() the worker threads do not exist in the child, nor one that may have held the lock: start afresh
    global _runtime, _making
    _runtime, _making = None, threading.Lock()
    entry.runtime_place.set()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _shutdown() -> None:
    if _runtime is not None:
        _runtime.stop()


atexit.register(_shutdown)
