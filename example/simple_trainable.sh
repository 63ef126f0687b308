#!/usr/bin/env bash
# Example 2: a trainable class, by Bayesian optimisation. Before it: source setupenv.sh
set -euo pipefail

# Create configuration files
hpogrid model_config create simple_trainable_model --script simple_trainable.py --model MyTrainableClass
hpogrid search_space create simple_trainable_space '{"alpha":{"method":"uniform","dimension":{"low":-10,"high":10}}, "beta": {"method":"categorical","dimension":{"categories":[-1,0,1,2,3,4,5]}}}'
hpogrid hpo_config create bayesian_min_loss --algorithm bayesian --metric loss --mode min --trials 200
# If you have the grid config local_standard from the other example, leave out the following line
hpogrid grid_config show local_standard >/dev/null 2>&1 || hpogrid grid_config create local_standard --site local

# Create a project with the configuration files
hpogrid project create simple_trainable --scripts_path "${HPOGRID_BASE_PATH}/example/scripts/simple_trainable.py" --model_config simple_trainable_model --search_space simple_trainable_space --hpo_config bayesian_min_loss --grid_config local_standard

# Submit the jobs of the project (on the grid: --site ANALY_MANC_GPU_TEST), wait, and look
hpogrid run simple_trainable --n_jobs 3
hpogrid tasks show --watch
hpogrid report simple_trainable
