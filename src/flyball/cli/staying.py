"""What a command does that stays for long, when everything is loaded."""

import gc


def settle() -> None:
    """Have the garbage collector look past all that is there now, which stays to the end.

    To go through the modules of a loop takes it a tenth of a second, in which nobody is answered.
    """
    gc.collect()
    gc.freeze()
