"""What the engine tells its front ends."""

import msgspec


class EngineNotice(msgspec.Struct, frozen=True):
    """Something about the engine as a whole that a person should see, like a full disk; None when it is over."""

    message: str | None
    hint: str = ""
