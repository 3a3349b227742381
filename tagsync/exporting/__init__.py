"""Exporting: a library's tags back to manifests; pure, from files to text."""
