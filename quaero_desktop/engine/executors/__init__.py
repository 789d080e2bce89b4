"""One module for each type of job, and the registry that finds them (J6)."""
