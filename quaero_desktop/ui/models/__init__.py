"""What the views show: item models over snapshots of the library."""
