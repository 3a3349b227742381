"""Count the tags of a library and select its files, without input or output."""
