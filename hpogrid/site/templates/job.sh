#!/bin/sh
${directives}

${shell}# hpogrid task ${task}, project ${project}; submitted with
#   ${command}

# The members of this array, in order, are these jobs of the task:
member=${member}
set -- ${jobs}
shift $$((member - ${lowest}))
HPOGRID_JOB=$$1
echo "hpogrid ${version}: job $$HPOGRID_JOB on $$(uname -n), $$(date '+%Y-%m-%d %H:%M:%S %z')"

# When this job has to be over, in seconds since 1970 (empty: no limit is known).
HPOGRID_END_TIME=$$(${end_time})
export HPOGRID_JOB HPOGRID_END_TIME

# hpogrid came with the task; nothing is installed here.
${environment}
${setup}# What it prints and how it ends: python3 -m hpogrid tasks logs ${task}
${run}
