#!/usr/bin/env bash
# Example 3: a convolutional network for handwritten digits, with Hyperopt, and bad trials stopped
# early. Before it: source setupenv.sh; pip install 'hpogrid[hyperopt]' torch scikit-learn
#
# With the MNIST files in a folder, give the grid config --inDS FOLDER (on the grid: a dataset).
set -euo pipefail

# Create configuration files
hpogrid model_config create mnist_cnn --script mnist.py --model MNISTTrainable
hpogrid search_space create mnist_cnn_space '{"hidden": {"method": "categorical", "dimension": {"categories": [32, 64, 128]}},"batchsize": {"method": "categorical", "dimension": {"categories": [32, 64, 128, 256, 512]}}, "lr": {"method": "loguniform", "dimension": {"low": 4.5e-05, "high": 1.83e-2}}, "beta": {"method": "uniform", "dimension": {"low": 0.5, "high": 1.0}}}'
# Every trial reports after each epoch, and has at most ten; the worse ones are stopped before
hpogrid hpo_config create hyperopt_min_loss --algorithm hyperopt --metric loss --mode min --trials 20 --stop '{"training_iteration": 10}' --scheduler asynchyperband --scheduler_param '{"max_concurrent": 2, "max_t": 10, "grace_period": 2}'
# If you have the grid config local_standard from the other examples, leave out the following line
hpogrid grid_config show local_standard >/dev/null 2>&1 || hpogrid grid_config create local_standard --site local

# Create a project with the configuration files
hpogrid project create mnist_cnn --scripts_path "${HPOGRID_BASE_PATH}/example/scripts/mnist.py" --model_config mnist_cnn --search_space mnist_cnn_space --hpo_config hyperopt_min_loss --grid_config local_standard

# Submit a job of the project (on the grid: --site ANALY_MANC_GPU_TEST --n_jobs 3), wait, and look
hpogrid run mnist_cnn --n_jobs 1
hpogrid tasks show --watch
hpogrid report mnist_cnn --extra accuracy,state
