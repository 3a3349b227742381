"""Read manifests into declared entries, with every error and its place."""
