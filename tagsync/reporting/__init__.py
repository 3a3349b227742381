"""Reports: plans and apply reports laid out for people and programs; nothing is computed here but the layout."""
