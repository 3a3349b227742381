"""Turn a library's files back into manifests, from values to text."""
