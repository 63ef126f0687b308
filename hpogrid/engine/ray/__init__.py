"""The ray engine: Ray Tune runs the trials, on this machine or on a cluster of many.

Only modules of this package name Ray. Ray Tune starts actors, reuses them, and shares out CPUs
and GPUs. What runs and when it stops is decided by the `Run` alone, and its ledger is the only
record: Tune asks for a trial (as of a search algorithm), and for each report of an actor asks what
follows from it (as of a scheduler). A paused trial that goes on is a new trial to Tune.
"""
