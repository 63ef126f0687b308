#!/bin/sh
${mark}: trains one point of the grid, as member of an array.

HPOGRID_PREP=$$PWD
export HPOGRID_PREP
hpm=${folder}/$$SGE_TASK_ID.hpm
exec ${command}
