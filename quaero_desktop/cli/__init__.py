"""The command line: parse, call a service, print. Works without Qt and without a display."""
