#!/usr/bin/env bash
# Example 1: a simple objective function, loss = (height - 14)**2 - abs(width - 3), by random search.
# Before it: source setupenv.sh
set -euo pipefail

# Create configuration files
hpogrid model_config create simple_objective_model --script simple_objective.py --model simple_objective
hpogrid search_space create simple_objective_space '{"height":{"method":"uniform","dimension":{"low":-100,"high":100}}, "width":{"method":"uniform","dimension":{"low":0,"high":20}}}'
hpogrid hpo_config create random_search_min_loss --algorithm random --metric loss --mode min --trials 200
# If you have the grid config local_standard from the other example, leave out the following line
hpogrid grid_config show local_standard >/dev/null 2>&1 || hpogrid grid_config create local_standard --site local

# Create a project with the configuration files
hpogrid project create simple_objective --scripts_path "${HPOGRID_BASE_PATH}/example/scripts/simple_objective.py" --model_config simple_objective_model --search_space simple_objective_space --hpo_config random_search_min_loss --grid_config local_standard

# Submit the jobs of the project (on the grid: --site ANALY_MANC_GPU_TEST), wait, and look
hpogrid run simple_objective --n_jobs 3
hpogrid tasks show --watch
hpogrid report simple_objective
