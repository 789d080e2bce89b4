"""What Quaero can do, as calls: the only interface for the window and the command line."""
