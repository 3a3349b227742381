"""Applying: a plan carried out call by call, read back, and told file by file."""
