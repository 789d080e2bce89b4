"""What the bundled window starts with. Parse processes import it again, so it holds nothing but this."""

from quaero_desktop.__main__ import main

if __name__ == "__main__":
    main()
