"""`python -m posthouse.cli`: the command line, where no script is on the path."""

from __future__ import annotations

from posthouse.cli.main import main

if __name__ == "__main__":
    main()
