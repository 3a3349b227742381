"""ImageKit's API: paths, payloads, responses and limits."""
