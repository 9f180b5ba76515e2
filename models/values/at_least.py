"""A number that was not counted to its end: lists of an agency of any size are counted so far and no further."""


class AtLeast(int):
    """So many or more; it is written with a plus."""

    __slots__ = ()

    def __radd__(self, other: int) -> "AtLeast":
        return AtLeast(other + int(self))

    def __str__(self) -> str:
        return f"{int(self)}+"

    def __format__(self, spec: str) -> str:
        return f"{int(self):{spec}}+"
