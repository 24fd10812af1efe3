"""What callers and experts said, of tenants that want it kept: redacted, for as long as they say."""
