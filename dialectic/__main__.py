"""``python -m dialectic`` is the command ``dialectic``."""

from __future__ import annotations

from dialectic.cli import main

if __name__ == "__main__":
    main()
