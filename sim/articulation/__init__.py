"""Joints and articulations: types, trees, kinematics between reduced and maximal coordinates."""
