"""Fitting all boxes of a hierarchy in one kernel on a GPU: whoever completes a node goes on with its parent.

Eight threads work on a node, one for each child. A node is complete when its leaves and all nodes below have arrived; minima and
maxima come out the same in whatever order they do. (Karras 2012, "Maximizing Parallelism in the Construction of BVHs", goes up
a binary tree like this.)
"""

from __future__ import annotations

from typing import Any

import engine as en
from engine.cuda.native import NativeKernel, keep_for_graph, may_skip_launches, runs_on
from engine.spatial.bvh import EMPTY
from engine.spatial.bvh_layout import BLOCK_ROWS, LANES
from engine.spatial.mesh_layout import PACKET_ROWS

_TEXT = r"""
struct Args { const int* child; const int* parents; const float* leaves; float* nodes; u32* arrived; i64 count; };
constexpr int ROWS = LEAF_ROWS, CORNERS = LEAF_CORNERS, NODE = NODE_FLOATS;

__device__ __forceinline__ void extend(float& low, float& high, const float* a, const float* b) {
  #pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float4 l = ((const float4*)a)[half], h = ((const float4*)b)[half];
    low = fminf(low, fminf(fminf(l.x, l.y), fminf(l.z, l.w)));
    high = fmaxf(high, fmaxf(fmaxf(h.x, h.y), fmaxf(h.z, h.w)));
  }
}
extern "C" __global__ void __launch_bounds__(256) fit_all(const Args a) {
  const i64 index = blockIdx.x * 256ll + threadIdx.x;
  if (index >= a.count * 8) return;
  const int slot = threadIdx.x & 7, leader = threadIdx.x & 24;
  const u32 group = 0xffu << leader;
  i64 node = index >> 3;
  int code = a.child[index];
  if (code < 0 && code != EMPTY_CODE) {
    const float* leaf = a.leaves + i64(-(code + 1) / 8) * (ROWS * 8);
    #pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
      float low = __int_as_float(0x7f800000), high = -low;
      if (CORNERS) {
        #pragma unroll
        for (int corner = 0; corner < 3; ++corner) {
          const float* row = leaf + (3 * corner + axis) * 8;
          extend(low, high, row, row);
        }
      } else {
        extend(low, high, leaf + axis * 8, leaf + (axis + 3) * 8);
      }
      a.nodes[node * NODE + axis * 8 + slot] = low;
      a.nodes[node * NODE + (axis + 3) * 8 + slot] = high;
    }
  }
  while (true) {
    // what was written for this node is there before the arrival is
    __threadfence();
    __syncwarp(group);
    const int below = __popc(__ballot_sync(group, code >= 0));
    int last = 0;
    if (slot == 0) last = atomicAdd(&a.arrived[node], 1u) == u32(below);
    if (!__shfl_sync(group, last, leader)) return;
    if (slot == 0) a.arrived[node] = 0;
    __threadfence();
    __syncwarp(group);
    const i64 parent = a.parents[node];
    if (parent < 0) return;
    float low[3], high[3];
    #pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
      low[axis] = __ldcg(a.nodes + node * NODE + axis * 8 + slot);
      high[axis] = __ldcg(a.nodes + node * NODE + (axis + 3) * 8 + slot);
      #pragma unroll
      for (int d = 4; d; d >>= 1) {
        low[axis] = fminf(low[axis], __shfl_xor_sync(group, low[axis], d));
        high[axis] = fmaxf(high[axis], __shfl_xor_sync(group, high[axis], d));
      }
    }
    code = a.child[parent * 8 + slot];
    if (code == int(node)) {
      #pragma unroll
      for (int axis = 0; axis < 3; ++axis) {
        a.nodes[parent * NODE + axis * 8 + slot] = low[axis];
        a.nodes[parent * NODE + (axis + 3) * 8 + slot] = high[axis];
      }
    }
    node = parent;
  }
}
"""


def _kernel(rows: int, corners: bool) -> NativeKernel:
    numbers = {"LEAF_ROWS": rows, "LEAF_CORNERS": int(corners), "NODE_FLOATS": BLOCK_ROWS * LANES}
    text = _TEXT.replace("EMPTY_CODE", f"({int(EMPTY) + 1} - 1)")
    for name, value in numbers.items():
        text = text.replace(name, str(value))
    return NativeKernel(text, "fit_all", "<QQQQQq", 256)


#: for leaves with the corners of triangles, and with boxes
fit_triangles, fit_boxes_at_once = _kernel(PACKET_ROWS, True), _kernel(BLOCK_ROWS, False)


def arrivals(count: int, device: Any) -> Any:
    """What `fit` needs for `count` nodes; None where it cannot be used."""
    return en.zeros(count, dtype=en.int32, device=device) if runs_on(device) else None


def fit(kernel: NativeKernel, child: Any, parents: Any, leaves: Any, nodes: Any, arrived: Any) -> bool:
    """Fits the boxes of all nodes; False where launches have to do it, level by level.

    `arrived` comes from `arrivals`: zero for each node before and afterwards.
    """
    device = child.device
    if arrived is None or not may_skip_launches(device):
        return False
    keep_for_graph(device, child, parents, leaves, nodes, arrived)
    count = child.shape[0]
    places = (a.ptr for a in (child, parents, leaves, nodes, arrived))
    kernel.launch(device, -(-count * LANES // 256), *places, count)
    return True
