"""Iterative solvers of linear systems `A x = b`: CG, CR, BiCGSTAB, GMRES."""

from engine.optim.linear.conjugate import cg, cr
from engine.optim.linear.minimal_residual import bicgstab, gmres
from engine.optim.linear.operators import LinearOperator, aslinearoperator, preconditioner
