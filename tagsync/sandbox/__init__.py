"""An ImageKit-compatible library to try everything on: an ASGI application over SQLite.

It stands apart on purpose. It shares no code with the client, so that one mistake cannot hide in both.
"""
