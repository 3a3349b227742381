"""ImageKit's paths, payloads and limits."""
