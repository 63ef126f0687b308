"""Datasets in and out: Rucio."""
