"""Several studies side by side: what was best when, and whether that was more than luck."""
