#!/bin/sh
${directives}

# hpogrid task ${task}, project ${project}; submitted with
#   ${command}

# The members of this array, in order, are these jobs of the task:
member=${member}
set -- ${jobs}
shift $$((member - 1))
HPOGRID_JOB=$$1

# When this job has to be over, in seconds since 1970 (empty: no limit is known).
HPOGRID_END_TIME=$$(${end_time})
export HPOGRID_JOB HPOGRID_END_TIME

# hpogrid came with the task; nothing is installed here.
${environment}
${run}
