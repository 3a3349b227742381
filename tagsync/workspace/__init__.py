"""Files on this machine: the state directory, locks, durable and atomic writes, git."""
