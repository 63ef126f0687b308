#!/bin/sh
${mark}: prepares what the points of the grid need.
#
# Each step is run once, in order. One that is done is skipped; where one fails, what needs it is
# not run, and the exit code is 1. What a step prints is in a file of its name, ending in .log;
# one that was killed is run again the next time.

cd "$$(dirname "$$0")" || exit 1
HPOGRID_PREP=$$PWD
export HPOGRID_PREP
folder=${folder}
failed=0

step() { # step NAME TITLE 'NAMES OF WHAT IT NEEDS' COMMAND...
    name=$$1 title=$$2 needed=$$3
    shift 3
    [ -e "$$folder/$$name.done" ] && return
    for other in $$needed; do
        [ -e "$$folder/$$other.done" ] && continue
        echo "not run: $$title: it needs $$other, which failed" >&2
        failed=1
        return
    done
    if "$$@" >"$$folder/$$name.log" 2>&1; then
        : >"$$folder/$$name.done"
        echo "done: $$title"
    else
        echo "failed with code $$?: $$title; see $$folder/$$name.log" >&2
        failed=1
    fi
}

${steps}
exit $$failed
