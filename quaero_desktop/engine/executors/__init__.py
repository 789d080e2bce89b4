"""One module for each type of job, and the registry that finds them (J6)."""

from quaero_desktop.engine.executors.registry import Executor, Registry

__all__ = ["Executor", "Registry"]
