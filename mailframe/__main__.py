"""C{python -m mailframe} is the C{mailframe} command."""

from mailframe.cli.main import main

if __name__ == "__main__":
    main(prog_name="mailframe")
