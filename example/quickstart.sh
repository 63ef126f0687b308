#!/usr/bin/env bash
# The main job of hpogrid from nothing: an environment, four configs, a project, three jobs on
# this machine, and a report with a plot. Run it as often as you like: bash example/quickstart.sh
#
# It keeps everything in a new folder, away from your own configs; HPOGRID_HOME=FOLDER names one.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../setupenv.sh" ""

HPOGRID_HOME=${HPOGRID_HOME:-$(mktemp -d "${TMPDIR:-/tmp}/hpogrid-quickstart.XXXXXX")}
export HPOGRID_HOME
echo "quickstart.sh: configs and results are kept in $HPOGRID_HOME"

# In a folder of your own, these names may be there from the last time.
for kind in project model_config search_space hpo_config grid_config; do
    hpogrid "$kind" remove quickstart --yes 2>/dev/null || true
done

PS4=$'\n$ '
set -x # from here on each command is shown as it runs

# What is trained, what is searched, how, and where
hpogrid model_config create quickstart --script simple_objective.py --model simple_objective
hpogrid search_space create quickstart '{"height":{"method":"uniform","dimension":{"low":-100,"high":100}},"width":{"method":"uniform","dimension":{"low":0,"high":20}}}'
hpogrid hpo_config create quickstart --algorithm random --metric loss --mode min --trials 200
hpogrid grid_config create quickstart --site local

# All of it, and the script, as one project
hpogrid project create quickstart --scripts_path "$HPOGRID_BASE_PATH/example/scripts/simple_objective.py" --model_config quickstart --search_space quickstart --hpo_config quickstart --grid_config quickstart

# Three jobs in the background that are one search; wait for them
hpogrid run quickstart --n_jobs 3
hpogrid tasks show --watch

# The best trials first, and the plot: open it in a browser
hpogrid report quickstart --rows 10 --to_csv --to_pcp --outname "$HPOGRID_HOME/hpo_result"
