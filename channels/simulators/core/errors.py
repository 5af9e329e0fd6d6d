"""What a simulator's controls refuse; raised by providers, answered by ``core.controls``."""


class ControlError(Exception):
    """A control was asked for something that cannot be."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
