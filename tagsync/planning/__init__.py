"""Planning: desired beside current state to changes, and changes to requests; pure, no I/O, no clock."""
