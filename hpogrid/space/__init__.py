"""What is searched: parameters, conditions and links; sampling; the dialects."""
