"""The command line: flags and environment to objects, one call, an exit code."""
