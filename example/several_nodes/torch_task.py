"""A process of a distributed training with PyTorch: the first one reports for all."""

import argparse
import socket

import torch
import torch.distributed as dist

import hpogrid

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
lr = parser.parse_args().lr
dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
print(f"process {dist.get_rank()} of {dist.get_world_size()} on {socket.gethostname()}", flush=True)
gradient = torch.tensor([lr - 0.1])
dist.all_reduce(gradient)  # the sum over all processes
if dist.get_rank() == 0:
    hpogrid.report(loss=(gradient.item() / dist.get_world_size()) ** 2)
dist.destroy_process_group()
