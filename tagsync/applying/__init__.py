"""Apply a plan: send its calls, read the files back, and report the outcome of each file."""
