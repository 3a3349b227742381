"""Plan changes from desired and current state, and API calls from changes; does no I/O and reads no clock."""
