"""Pure values and rules. No I/O, no clock, no event loop: everything here is a function of its arguments."""
