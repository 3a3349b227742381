"""Read a library: in pages, by searches, or file by file."""
