#!/bin/sh
# One trial of a program that runs on two nodes at once, one task on each: an MPI program, say.
# HPOGRID_NODES names them. --overlap: the job itself runs on the first node.
exec srun --overlap --nodes=2 --ntasks=2 --nodelist="$HPOGRID_NODES" python3 task.py "$@"
