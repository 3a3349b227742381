"""Count tags, select files, find near-duplicate tags and compare AI tags, without input or output."""
