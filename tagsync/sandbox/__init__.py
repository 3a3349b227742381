"""An ImageKit-compatible library for trying tagsync: an ASGI app over SQLite.

It shares no code with the client on purpose, so that the same mistake cannot hide in both.
"""
