"""Plan changes from desired and current state, and requests from changes; pure: no I/O, no clock."""
