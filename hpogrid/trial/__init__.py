"""The inside of a trial: loading the objective, its report contract, checkpoints.

This package runs in the Python of the trial, 3.9 or newer, which need not have hpogrid. It imports
the standard library and itself, nothing else; `hpogrid.engine.pythons` brings it there.
"""
