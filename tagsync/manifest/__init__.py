"""Read manifests into entries, and report every error with its place."""
