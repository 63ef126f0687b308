"""What each hyperparameter did: Explainable Boosting Machines, and two other opinions."""
