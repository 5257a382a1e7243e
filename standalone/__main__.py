"""``python -m standalone``: patch the standard library before any other import, then serve."""

from __future__ import annotations

import sys
import warnings

with warnings.catch_warnings():
    # eventlet's notice that it is in bug-fix mode; why we use it is told in docs/adr.
    warnings.simplefilter("ignore", DeprecationWarning)
    from shared.rpc.patch import patch_standard_library

    patch_standard_library()

from standalone.app import main

if __name__ == "__main__":
    sys.exit(main())
