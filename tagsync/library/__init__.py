"""Access to an ImageKit library over HTTP: payloads, rate limits, retries, complete reads."""
