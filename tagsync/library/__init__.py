"""The ImageKit library behind its HTTP API: payloads, pacing, retries; not what tags should be."""
