"""What people store: the schemas of the configs, their stores, and projects."""
