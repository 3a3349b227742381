"""What tagsync keeps on this machine."""
