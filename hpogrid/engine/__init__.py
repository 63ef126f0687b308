"""Who runs the trials inside one job."""
