"""HTTP calls to a server that may fail, stall or throttle: retries, rate limits, timeouts, redaction."""
