"""HTTP to a server that may fail, stall, limit or lie: retries, rate limits, redaction."""
