"""What people type: one module for each command group; no logic, no heavy import."""
