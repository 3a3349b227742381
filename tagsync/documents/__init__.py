"""Plans and reports on disk."""
