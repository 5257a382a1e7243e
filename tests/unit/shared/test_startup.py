"""What a process does once all is loaded."""

from __future__ import annotations

import gc

from shared.startup import set_aside


def test_what_is_loaded_is_left_out_of_full_collections() -> None:
    gc.unfreeze()
    try:
        set_aside()
        assert gc.get_freeze_count() > 0
        assert len(gc.get_objects(generation=2)) < gc.get_freeze_count()
    finally:
        gc.unfreeze()
