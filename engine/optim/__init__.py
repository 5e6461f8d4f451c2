"""Optimisers on arrays, and iterative solvers of linear systems."""

from engine.optim import linear as linear
from engine.optim.adam import Adam
from engine.optim.lbfgs import LBFGS
from engine.optim.sgd import SGD
