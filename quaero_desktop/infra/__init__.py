"""What the process needs of its machine: paths, settings, diagnostics, redaction, resources, instance lock, clock."""
