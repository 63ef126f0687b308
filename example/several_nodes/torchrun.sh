#!/bin/sh
# One trial of a PyTorch program on two nodes: srun starts a torchrun on each, and they meet at the
# first one.
exec srun --overlap --nodes=2 --ntasks=2 --nodelist="$HPOGRID_NODES" \
    python3 -m torch.distributed.run --nnodes=2 --nproc-per-node=1 --rdzv-id="$HPOGRID_TRIAL" \
    --rdzv-backend=c10d --rdzv-endpoint="${HPOGRID_NODES%%,*}:29400" torch_task.py "$@"
