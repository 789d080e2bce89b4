"""What the bundled command line starts with. Parse processes import it again, so it holds nothing but this."""

from quaero_desktop.__main__ import command_line

if __name__ == "__main__":
    command_line()
