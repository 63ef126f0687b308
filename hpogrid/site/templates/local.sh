#!/bin/sh
${shell}# hpogrid task ${task}, project ${project}: runs one of its jobs on this machine
HPOGRID_JOB=$$1
export HPOGRID_JOB

# hpogrid came with the task; nothing is installed here.
${environment}
${setup}# What it prints and how it ends: python3 -m hpogrid tasks logs ${task}
${run}
