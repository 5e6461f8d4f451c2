"""The second half of a step of models with constraint rows: impulses, and the motion that they change."""

import engine as en
from sim.articulation.forward import place_child
from sim.articulation.inverse import measure_joint
from sim.articulation.joint_motion import advance_joint
from sim.articulation.joint_table import JointTable
from sim.articulation.trees import TreeTable
from sim.featherstone.constraint_rows import ConstraintRows, RowTable
from sim.featherstone.island_solve import solve_islands
from sim.featherstone.row_kernels import measure_rows


class ConstraintScratch:
    """Rows of a model and their scratch arrays, made when it is first stepped."""

    def __init__(self, model):
        self.rows = rows = ConstraintRows(model)

        def zeros(count: int, dtype=float):
            return en.zeros(max(1, count), dtype=dtype, device=model.device)

        self.J, self.Y = zeros(rows.vector_words), zeros(rows.vector_words)
        self.wrenches = zeros(rows.wrench_words)
        self.A, self.L = zeros(rows.square_words), zeros(rows.square_words)
        self.wanted, self.softness, self.low, self.high = (zeros(rows.count) for _ in range(4))
        self.missing, self.least, self.impulse = (zeros(rows.count) for _ in range(3))
        self.side = zeros(rows.count, int)


def constraints_of(model) -> ConstraintScratch:
    """The model's constraint rows."""
    if model.constraint_scratch is None:
        model.constraint_scratch = ConstraintScratch(model)
    return model.constraint_scratch


def constrain_step(model, scratch, body_com, state_out, dt: float) -> None:
    """Changes the velocities that a step without constraints has led to, and the poses after it.

    Args:
        model: The model.
        scratch: ``sim.featherstone.scratch.Scratch``, as that step left it.
        body_com: Centres of mass.
        state_out: Its result.
        dt: The step [s].
    """
    own, trees = constraints_of(model), model.kinematic_trees
    rows = own.rows
    if rows.count:
        en.launch(
            measure_rows,
            dim=rows.count,
            inputs=[
                model.joint_table, trees.table, trees.lanes, rows.table, model.joint_friction, scratch.q, scratch.joint,
                scratch.dof, dt,
            ],
            outputs=[own.J, own.Y, own.wrenches, own.wanted, own.softness, own.low, own.high],
        )  # fmt: skip
        en.launch(
            solve_islands,
            dim=rows.islands,
            inputs=[rows.table, own.J, own.Y, own.wanted, own.softness, own.low, own.high, state_out.joint_qd],
            outputs=[own.A, own.L, own.missing, own.least, own.side, own.impulse],
        )
        en.launch(
            move_trees,
            dim=len(rows.moved_trees),
            inputs=[
                model.joint_table, trees.table, rows.table, rows.tree_list, own.Y, own.impulse, scratch.q, body_com, dt,
            ],
            outputs=[
                state_out.joint_q, state_out.joint_qd, state_out.joint_qdd, state_out.body_q, state_out.body_qd,
            ],
        )  # fmt: skip
    if len(rows.loops):
        en.launch(
            measure_loops,
            dim=len(rows.loops),
            inputs=[rows.loop_list, model.joint_table, state_out.body_q, state_out.body_qd, body_com],
            outputs=[state_out.joint_q, state_out.joint_qd],
        )


@en.kernel
def move_trees(
    joints: JointTable,
    trees: TreeTable,
    rows: RowTable,
    chosen: en.array(dtype=int),
    Y: en.array(dtype=float),
    impulse: en.array(dtype=float),
    q_mid: en.array(dtype=float),
    body_com: en.array(dtype=en.vec3),
    dt: float,
    q: en.array(dtype=float),
    qd: en.array(dtype=float),
    qdd: en.array(dtype=float),
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
):
    tree = chosen[en.tid()]
    island = rows.tree_island[tree]
    first = trees.first[tree]
    for k in range(trees.first[tree + 1] - first):
        j = trees.order[first + k]
        start = joints.qd_start[j]
        for i in range(joints.qd_start[j + 1] - start):
            word = rows.tree_offset[tree] + trees.dof_at[first + k] + i
            change = 0.0
            for r in range(rows.row_first[island], rows.row_first[island + 1]):
                change = change + Y[rows.at[r] + word] * impulse[r]
            qd[start + i] = qd[start + i] + change
            qdd[start + i] = qdd[start + i] + change / dt
        advance_joint(joints, j, q_mid, qd, 0.5 * dt, q)
        place_child(joints, j, q, qd, body_com, body_q, body_qd)


@en.kernel
def measure_loops(
    chosen: en.array(dtype=int),
    joints: JointTable,
    body_q: en.array(dtype=en.transform),
    body_qd: en.array(dtype=en.spatial_vector),
    body_com: en.array(dtype=en.vec3),
    joint_q: en.array(dtype=float),
    joint_qd: en.array(dtype=float),
):
    measure_joint(joints, chosen[en.tid()], body_q, body_qd, body_com, joint_q, joint_qd)
