"""Manifests: from files to declared entries, every fault with its place; nothing here knows the library."""
