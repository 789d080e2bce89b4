"""Taking over what is in a database of the old Quaero: reading its file, and writing what comes of it (O2)."""
