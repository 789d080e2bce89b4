"""Dialogs: opened, never executed."""
